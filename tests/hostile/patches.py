"""Changes to media files that no encoder makes."""

from __future__ import annotations

import random
import struct


def with_number(data: bytes, marker: bytes, offset: int, form: str, value: int) -> bytes:
    """Another number in a header, so many bytes behind the start of a marker."""
    place = data.index(marker) + offset
    return data[:place] + struct.pack(form, value) + data[place + struct.calcsize(form) :]


def flipped(data: bytes, bits: int, seed: int = 1) -> bytes:
    """Bits turned over in the second half."""
    chance = random.Random(seed)
    spoiled = bytearray(data)
    for _ in range(bits):
        spoiled[chance.randrange(len(data) // 2, len(data))] ^= 1 << chance.randrange(8)
    return bytes(spoiled)


def head_damaged(mp3: bytes) -> bytes:
    """The header of one frame in the middle made one of no frame."""
    sync = mp3[len(mp3) // 2 :].index(mp3[:2]) + len(mp3) // 2
    return mp3[:sync] + b"\0" + mp3[sync + 1 :]


def without_last_page(ogg: bytes) -> bytes:
    """An Ogg file that ends where its last page began."""
    return ogg[: ogg.rindex(b"OggS")]


def with_id3(data: bytes, *, picture: bool = False) -> bytes:
    """An ID3v2.3 tag in front, with a title or the picture of an album."""
    body = b"TIT2" + struct.pack(">IH", 6, 0) + b"\0title"
    if picture:
        image = b"\0image/jpeg\0\x03\0" + jpeg()
        body += b"APIC" + struct.pack(">IH", len(image), 0) + image
    size = len(body)
    synchsafe = bytes((size >> 21 & 127, size >> 14 & 127, size >> 7 & 127, size & 127))
    return b"ID3\x03\0\0" + synchsafe + body + data


def with_flac_picture(flac: bytes) -> bytes:
    """A FLAC file with the picture of an album behind its first block."""
    mime, image = b"image/jpeg", jpeg()
    block = (
        struct.pack(">II", 3, len(mime)) + mime + struct.pack(">IIIIII", 0, 1, 1, 24, 0, len(image)) + image
    )
    return flac[:42] + b"\x06" + len(block).to_bytes(3, "big") + block + flac[42:]


def jpeg() -> bytes:
    """What looks like a picture."""
    return b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01" + bytes(3000) + b"\xff\xfb\x90\x64" * 20 + b"\xff\xd9"
