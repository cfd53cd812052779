"""What a file is, by its first bytes; its name is never looked at."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

# As many first bytes as `is_for_libsndfile` looks at.
HEAD_BYTES = 64

Structure = Literal["mpeg frames", "ogg pages"]
"""What a file is made of, where that can be checked without decoding it."""

_MAX_CHUNKS = 1000
_W64_MAGIC = b"riff\x2e\x91\xcf\x11"
_W64_CHUNK = b"\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"
_DEFERRED = 0xFFFF_FFFF
_MAGICS = (b"ID3", b".snd", b"dns.", b"caff", b"NIST_1A", _W64_MAGIC, b"RF64")
DATA_SIZE_UNKNOWN = 0x7FFF_F000
"""From here on a data size is a placeholder of a writer that could not go back.

ffmpeg leaves 0xFFFFFFFF, sox 0x7FFFF000 when they write into a pipe.
"""
_LARGEST_KNOWN = 1 << 62
_LEAST_LOST_BYTES = 1024
_EXTENSIBLE = 0xFFFE
# By format tag (mmreg.h: PCM, IEEE float, A-law, mu-law) and bits.
_SUBTYPES = {
    (1, 8): "PCM_U8",
    (1, 16): "PCM_16",
    (1, 24): "PCM_24",
    (1, 32): "PCM_32",
    (3, 32): "FLOAT",
    (3, 64): "DOUBLE",
    (6, 8): "ALAW",
    (7, 8): "ULAW",
}
_LOW_FREQUENCY_BIT = 0x8
_FLAC_LENGTH_BITS = 36


class Readable(Protocol):
    """A stream with a position."""

    def read(self, size: int = -1) -> bytes:
        """Up to ``size`` bytes."""
        ...

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move to a byte."""
        ...


def is_for_libsndfile(head: bytes) -> bool:
    """Whether libsndfile reads this kind of file well.

    Vorbis and Opus it reads too, at half of FFmpeg's speed, so Ogg is left to FFmpeg.

    Args:
        head: the file's first `HEAD_BYTES`.
    """
    if head.startswith(b"fLaC"):
        # libsndfile breaks off where a stream's length is not known, which FLAC writes as 0.
        return int.from_bytes(head[21:26], "big") % (1 << _FLAC_LENGTH_BITS) != 0
    if head.startswith((b"RIFF", b"RIFX")):  # RIFX is wav with its bytes swapped; FFmpeg makes noise of it
        return head[8:12] == b"WAVE"
    if head.startswith(b"FORM"):
        return head[8:12] in (b"AIFF", b"AIFC")
    return head.startswith(_MAGICS) or is_mpeg_layer_3(head)


def is_mpeg_layer_3(head: bytes) -> bool:
    """Eleven bits of synchronization, then layer III, which tells it from AAC in ADTS."""
    return len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2


@dataclass(frozen=True, slots=True)
class RawFormat:
    """Samples without a header: as libsndfile names their encoding, in its RAW format."""

    subtype: str
    sample_rate: int
    channels: int


@dataclass(frozen=True, slots=True)
class WavLayout:
    """What the header of a RIFF/WAVE, RF64 or Wave64 file says, beside what is there.

    Attributes:
        data_start: where the samples begin, in bytes.
        raw: their encoding; None if it is a compressed one.
        declared_bytes: the size of the data chunk as written; None if unknown to the writer.
        written_bytes: the same, or the placeholder that was written instead.
        present_bytes: from the start of the data chunk to the end of the file.
        low_frequency_channel: see `decode_base.Decoder`.
        size_is_wrong: audio goes on behind the end of the data chunk, as when its size is
            zero, or was written modulo 4 GiB; or it is a placeholder that libsndfile does
            not know.
    """

    data_start: int
    raw: RawFormat | None
    declared_bytes: int | None
    written_bytes: int
    present_bytes: int
    low_frequency_channel: int | None
    size_is_wrong: bool

    @property
    def missing_bytes(self) -> int:
        """Bytes of audio that the header announces and the file does not have."""
        return max(0, (self.declared_bytes or 0) - self.present_bytes)


def read_wav_layout(stream: Readable) -> WavLayout | None:
    """Walk the chunks of a RIFF/WAVE, RF64 or Wave64 file up to its data; None for any other file.

    The stream is left somewhere.
    """
    file_bytes = stream.seek(0, 2)
    fmt = b""
    for name, position, size in _wav_chunks(stream, file_bytes):
        if name == b"fmt ":
            stream.seek(position)
            fmt = stream.read(min(size, 40))
        elif name == b"data":
            stream.seek(0)
            is_riff = stream.read(4) == b"RIFF"
            is_known = size < (DATA_SIZE_UNKNOWN if is_riff else _LARGEST_KNOWN)
            return WavLayout(
                data_start=position,
                raw=_raw_format(fmt),
                declared_bytes=size if is_known else None,
                written_bytes=size,
                present_bytes=file_bytes - position,
                low_frequency_channel=_low_frequency_channel(fmt),
                size_is_wrong=_audio_goes_on(stream, position + size, file_bytes)
                or not (is_known or is_riff),
            )
    return None


def _wav_chunks(stream: Readable, file_bytes: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and size of the content of each chunk (RF64: EBU Tech 3306)."""
    stream.seek(0)
    head = stream.read(40)
    is_w64 = head.startswith(_W64_MAGIC)
    if not is_w64 and (head[:4] not in (b"RIFF", b"RF64") or head[8:12] != b"WAVE"):
        return
    position, header, step = (40, 24, 8) if is_w64 else (12, 8, 2)
    large_size = 0
    for _ in range(_MAX_CHUNKS):
        if position + header > file_bytes:  # perhaps by more than a file can be sought to
            return
        stream.seek(position)
        chunk = stream.read(24)
        name, size = chunk[:4], int.from_bytes(chunk[4:8], "little")
        if is_w64:
            size = max(0, int.from_bytes(chunk[16:24], "little") - header)
        elif name == b"ds64":
            large_size = int.from_bytes(chunk[16:24], "little")
        elif name == b"data" and head[:4] == b"RF64" and size == _DEFERRED:
            size = large_size
        position += header
        yield name, position, size
        position += size + -size % step


def _audio_goes_on(stream: Readable, end: int, file_bytes: int) -> bool:
    """Whether what lies behind the data chunk is no chunk, and too much to be a tag."""
    if file_bytes - end < _LEAST_LOST_BYTES:
        return False
    # A chunk of odd size is padded to an even one (Wave64: to eight), or, by some writers, is not.
    stream.seek(end)
    following = stream.read(24)
    if any(following.startswith(_W64_CHUNK, pad + 4) for pad in range(8)):
        return False
    return not any(_is_chunk(following[pad : pad + 8], file_bytes - end) for pad in (0, 1))


def _is_chunk(head: bytes, bytes_left: int) -> bool:
    return (
        all(0x20 <= letter < 0x7F for letter in head[:4]) and struct.unpack("<I", head[4:8])[0] <= bytes_left
    )


def _raw_format(fmt: bytes) -> RawFormat | None:
    if len(fmt) < 16:
        return None
    tag, channels, sample_rate, _, _, bits = struct.unpack("<HHIIHH", fmt[:16])
    if tag == _EXTENSIBLE and len(fmt) >= 26:
        tag = int.from_bytes(fmt[24:26], "little")
    subtype = _SUBTYPES.get((tag, bits))
    return RawFormat(subtype, sample_rate, channels) if subtype and channels and sample_rate else None


def _low_frequency_channel(fmt: bytes) -> int | None:
    """The index of the subwoofer in the channel mask of a WAVE_FORMAT_EXTENSIBLE header."""
    if len(fmt) < 24 or struct.unpack("<H", fmt[:2])[0] != _EXTENSIBLE:
        return None
    mask = int.from_bytes(fmt[20:24], "little")
    if not mask & _LOW_FREQUENCY_BIT:
        return None
    return (mask & (_LOW_FREQUENCY_BIT - 1)).bit_count()
