"""Files with AAC, Opus and Vorbis, long enough for a decoder to begin anew in them."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from functools import cache

import soundfile
from media_files import av_file
from mp3_files import talk

from transforms.ogg_pages import page_checksum

LONG_SECONDS = 150.0


@cache
def aac(rate: int = 16_000, channels: int = 1, seconds: float = LONG_SECONDS, movflags: str = "") -> bytes:
    """An m4a file; noise in it is told by its loudness alone, as FFmpeg's encoder has it."""
    options = {"movflags": movflags} if movflags else {}
    layout = "mono" if channels == 1 else "stereo"
    sound = talk(rate, seconds, channels)
    return av_file(sound, rate, "ipod", "aac", layout=layout, bit_rate=32_000 * channels, options=options)


@cache
def opus(
    bit_rate: int = 24_000, channels: int = 1, seconds: float = LONG_SECONDS, band: int = 48_000
) -> bytes:
    """An Ogg file; ``band`` is the rate of the sound in it, which makes the encoder take another mode."""
    sound = talk(band, seconds, channels)
    layout = "mono" if channels == 1 else "stereo"
    return av_file(sound, band, "ogg", "libopus", layout=layout, bit_rate=bit_rate)


@cache
def vorbis(rate: int = 22_050, channels: int = 2, seconds: float = LONG_SECONDS) -> bytes:
    """An Ogg file."""
    buffer = io.BytesIO()
    sound = talk(rate, seconds, channels).reshape(-1, channels)
    with soundfile.SoundFile(buffer, "w", rate, channels, format="OGG", subtype="VORBIS") as file:
        for start in range(0, len(sound), rate):  # libvorbis takes its working memory from the stack
            file.write(sound[start : start + rate])
    return buffer.getvalue()


def tables_in_front(data: bytes) -> bytes:
    """An m4a file with its tables before its sound, as it is put on the web."""
    at = data.index(b"moov") - 4
    body, tables = data[:at], bytearray(data[at:])
    begin = body.index(b"mdat") - 4
    place = tables.index(b"stco") + 8
    for entry in range(int.from_bytes(tables[place : place + 4], "big")):
        here = slice(place + 4 + 4 * entry, place + 8 + 4 * entry)
        tables[here] = (int.from_bytes(tables[here], "big") + len(tables)).to_bytes(4, "big")
    return body[:begin] + bytes(tables) + body[begin:]


def first_described_otherwise(data: bytes, configuration: bytes, packets: int = 100) -> bytes:
    """An m4a file of which the first packets have a description of their own, with this configuration."""

    def number(name: bytes, at: int) -> int:
        place = data.index(name) + at
        return int.from_bytes(data[place : place + 4], "big")

    entry = data[data.index(b"stsd") + 12 :][: number(b"stsd", 12)]
    mark = entry.index(b"\x05\x80\x80\x80") + 5
    sizes = [number(b"stsz", 16 + 4 * each) for each in range(packets)]
    runs = (1, packets, 1, 2, number(b"stsz", 12) - packets, 2)
    places = (number(b"stco", 12), number(b"stco", 12) + sum(sizes))
    assert number(b"stsc", 8) == number(b"stco", 8) == 1
    result = data
    for name, old, new in (
        (b"stsd", 0, entry[:mark] + configuration + entry[mark + len(configuration) :]),
        (b"stsc", 12, struct.pack(">6I", *runs)),
        (b"stco", 4, struct.pack(">2I", *places)),
    ):
        place = result.index(name) + 12
        result = result[: place - 4] + struct.pack(">I", 2) + new + result[place + old :]
        for box in (name, b"moov", b"trak", b"mdia", b"minf", b"stbl"):
            place = result.index(box) - 4
            size = int.from_bytes(result[place : place + 4], "big") + len(new) - old
            result = result[:place] + struct.pack(">I", size) + result[place + 4 :]
    return result


def ogg_pages_of(data: bytes) -> list[bytes]:
    """Its pages."""
    return [b"OggS" + page for page in data.split(b"OggS")[1:]]


def changed_page(page: bytes, change: Callable[[bytearray], None]) -> bytes:
    """A page with other contents and the right checksum."""
    result = bytearray(page)
    change(result)
    result[22:26] = page_checksum(bytes(result)).to_bytes(4, "little")
    return bytes(result)
