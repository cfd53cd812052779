"""How much a file's header announces, beside how much is there. Pure.

Decoders read as far as there are bytes and do not say that there should be more. The
formats here write sizes in front of what they measure: AIFF, 8SVX, AU, CAF, AVI, NIST SPHERE,
MP4 and Matroska. (For wav in its three forms see `sniff.read_wav_layout`.)
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from transforms.boxes import boxes
from transforms.sniff import DATA_SIZE_UNKNOWN, Readable

_MAX_PARTS = 1_000_000
_EBML, _SEGMENT = 0x1A45DFA3, 0x18538067
_CLUSTER = 0x1F43B675
# What stands in a file and a segment (seek head, info, tracks, cluster, cues, tags, chapters,
# attachments, void, checksum), and in a cluster (its time, position, blocks and groups of blocks).
_ELEMENTS = {
    _EBML, _SEGMENT, 0x114D9B74, 0x1549A966, 0x1654AE6B, _CLUSTER, 0x1C53BB6B, 0x1254C367, 0x1043A770,
    0x1941A469, 0xEC, 0xBF, 0xE7, 0x5854, 0xA7, 0xAB, 0xA3, 0xA0, 0xAF,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Part:
    """A chunk, box or element of a file.

    Attributes:
        start: where its content begins, in bytes.
        size: what its header says that the content takes; None if it does not know.
    """

    name: str
    start: int
    size: int | None


def missing_part(stream: Readable) -> str | None:
    """Tell which part reaches beyond the end of the file, as a clause; None if none does.

    The stream is left somewhere.
    """
    file_bytes = stream.seek(0, 2)
    for part in _parts(stream):
        if part.size is not None and part.start + part.size > file_bytes:
            there = max(0, file_bytes - part.start)
            return f"the header announces {part.size} bytes of {part.name}, {there} are there"
    return None


def _parts(stream: Readable) -> Iterator[Part]:
    head = _read(stream, 0, 16)
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return _chunks(stream, 12, _AIFF)
    if head[:4] == b"FORM" and head[8:12] in (b"8SVX", b"16SV"):
        return _chunks(stream, 12, _IFF)
    if head[:8] == b"NIST_1A\n":
        return _sphere(stream)
    if head[:4] == b"caff":
        return _chunks(stream, 8, _CAF)
    if head[:4] == b".snd" and len(head) >= 12:
        start, size = struct.unpack(">II", head[4:12])
        return iter([Part("audio", start, None if size >= DATA_SIZE_UNKNOWN else size)])
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return _chunks(stream, 0, _RIFF)
    if head[:4] == b"RIFX" and head[8:12] == b"WAVE":
        return _chunks(stream, 12, _RIFX)
    if head[4:8] == b"ftyp":
        return (Part(f"the box {box.name}", box.start, box.size) for box in boxes(stream))
    if head[:4] == _EBML.to_bytes(4, "big"):
        return _elements(stream)
    return iter(())


def _read(stream: Readable, position: int, size: int) -> bytes:
    stream.seek(position)
    return stream.read(size)


@dataclass(frozen=True, slots=True)
class _Chunks:
    """How a format writes its chunks.

    Attributes:
        header: the name, and the size of what follows.
        step: to a multiple of how many bytes a chunk is filled up.
        audio: the name of the one that holds the samples.
        unknown: from which size on it is a placeholder.
    """

    header: struct.Struct
    step: int
    audio: bytes
    unknown: int


_AIFF = _Chunks(struct.Struct(">4sI"), 2, b"SSND", DATA_SIZE_UNKNOWN - 0xF00_0000)
_IFF = _Chunks(struct.Struct(">4sI"), 2, b"BODY", DATA_SIZE_UNKNOWN - 0xF00_0000)
_CAF = _Chunks(struct.Struct(">4sQ"), 1, b"data", 1 << 62)
_RIFF = _Chunks(struct.Struct("<4sI"), 2, b"RIFF", DATA_SIZE_UNKNOWN)

_RIFX = _Chunks(struct.Struct(">4sI"), 2, b"data", DATA_SIZE_UNKNOWN)


def _chunks(stream: Readable, position: int, kind: _Chunks) -> Iterator[Part]:
    for _ in range(_MAX_PARTS):
        head = _read(stream, position, kind.header.size)
        if len(head) < kind.header.size:
            return
        name, size = kind.header.unpack(head)
        start = position + kind.header.size
        if not size or size >= kind.unknown:
            return
        if name == kind.audio:
            yield Part("audio", start, size)
        position = start + size + -size % kind.step


def _sphere(stream: Readable) -> Iterator[Part]:
    """The samples of a NIST SPHERE file: a header of lines, each a name, a type and a value."""
    length = _read(stream, 8, 8).strip()
    header = _read(stream, 0, min(int(length), 1 << 16)) if length.isdigit() else b""
    fields = {line.split()[0]: line.split()[-1] for line in header.splitlines() if len(line.split()) == 3}
    sizes = [fields.get(name, b"") for name in (b"sample_count", b"sample_n_bytes", b"channel_count")]
    # Shortened ones say so behind the coding.
    if all(map(bytes.isdigit, sizes)) and b"," not in fields.get(b"sample_coding", b""):
        samples, width, channels = map(int, sizes)
        yield Part("audio", len(header), samples * width * channels)


def _elements(stream: Readable) -> Iterator[Part]:
    """The elements of a Matroska or WebM file down to clusters (RFC 8794, RFC 9559).

    Of clusters of unknown size, as browsers write them, the blocks too.
    """
    position = 0
    for _ in range(_MAX_PARTS):
        head = _read(stream, position, 12)
        identity, length = _vint(head, keep_marker=True)
        size, size_length = _vint(head[length:], keep_marker=False)
        if not length or not size_length:
            return
        start = position + length + size_length
        if identity not in _ELEMENTS:
            return
        yield Part("the segment" if identity == _SEGMENT else "a part of it", start, size)
        inside = identity == _SEGMENT or (identity == _CLUSTER and size is None)
        if size is None and not inside:
            return
        position = start if inside else start + (size or 0)


def _vint(data: bytes, *, keep_marker: bool) -> tuple[int | None, int]:
    """A number of variable length and how many bytes it takes; None for all ones, 0 bytes for none."""
    if not data or not data[0]:
        return None, 0
    length = 9 - data[0].bit_length()
    if len(data) < length:
        return None, 0
    value = int.from_bytes(data[:length], "big")
    if keep_marker:
        return value, length
    value &= (1 << 7 * length) - 1
    return (None if value == (1 << 7 * length) - 1 else value), length
