"""How long an m4a or mp4 file is, by the tables of its first audio track. Pure.

FFmpeg moves in such a file by time. Its samples can be counted from there only if each packet
holds as many as any other, and the time of a packet tells how many came before: AAC-LC whose track counts
time in samples, without gaps, from one place on (ISO/IEC 14496-12, 8.6; 14496-3, 1.6). Another track has no
outline. HE-AAC is among those: whether a decoder doubles the rate shows in its packets only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from transforms.announced import missing_part
from transforms.boxes import Box, boxes
from transforms.sniff import Readable

PACKET_FRAMES: Final = 1024
_MOST_TABLE_BYTES: Final = 64
_MOST_ENTRY_BYTES: Final = 1 << 12
_ENTRY_BYTES: Final = 28
"""Of an audio sample entry of version 0, before the boxes inside."""
_RATES: Final = (
    96_000,
    88_200,
    64_000,
    48_000,
    44_100,
    32_000,
    24_000,
    22_050,
    16_000,
    12_000,
    11_025,
    8000,
    7350,
)
_CHANNELS: Final = (0, 1, 2, 3, 4, 5, 6, 8)
_LOW_COMPLEXITY: Final = 2
_MPEG_4_AUDIO: Final = 0x40
_SYNC_EXTENSION: Final = 0x2B7
_ONE_TO_ONE: Final = 1 << 16
# What is looked for. Others are passed over: a file may have a million of names of its own.
_READ: Final = frozenset(
    ("moov", "mdat", "moof", "mvex", "mvhd", "udta", "mdia", "hdlr", "mdhd", "minf", "stbl", "stsd", "stts")
) | {"stsz", "edts", "elst", "esds"}


@dataclass(frozen=True, slots=True)
class Mp4Outline:
    """What there is to know of the audio; see `outline.Outline`."""

    frames: int
    sample_rate: int
    channels: int
    places: Literal["times"] = "times"


@dataclass(frozen=True, slots=True)
class _Track:
    """An audio track.

    Attributes:
        timescale: units of its times in a second.
        samples: of the sample table; each is a packet.
        edit: the first box of edits; None for none.
        table: the boxes of the sample table.
    """

    timescale: int
    edit: Box | None
    table: dict[str, Box]


def outline_of_mp4(stream: Readable) -> Mp4Outline | None:
    """Read the tables; None for another file, and where anything is in doubt.

    The stream is left somewhere.
    """
    if missing_part(stream) is not None:
        return None
    top = _first_of_each(boxes(stream))
    movie = top.get("moov")
    if movie is None or "mdat" not in top or "moof" in top:
        return None
    inside = _first_of_each(boxes(stream, movie.start, movie.end))
    if "mvex" in inside or "mvhd" not in inside:
        return None
    track = _audio_track(stream, movie)
    if track is None:
        return None
    coded = _coded(stream, track.table["stsd"])
    if coded is None or coded[0] != track.timescale:
        return None
    packets = _packets(stream, track.table)
    if not packets:
        return None
    skipped = 0
    if track.edit is not None:
        edit = _edit(stream, track.edit)
        if edit is None or not _is_to_the_end(
            *edit, _timescale(stream, inside["mvhd"]), track.timescale, packets
        ):
            return None
        skipped = edit[0]
    elif _tells_of_priming(stream, inside.get("udta")):
        return None
    frames = packets * PACKET_FRAMES - skipped
    return Mp4Outline(frames, *coded) if frames > 0 else None


def _first_of_each(found: Iterator[Box]) -> dict[str, Box]:
    result: dict[str, Box] = {}
    for box in found:
        if box.name in _READ:
            result.setdefault(box.name, box)
    return result


def _within(stream: Readable, box: Box) -> dict[str, Box]:
    return _first_of_each(boxes(stream, box.start, box.end))


def _content(stream: Readable, box: Box, most: int = _MOST_TABLE_BYTES) -> bytes:
    stream.seek(box.start)
    return stream.read(min(box.size, most))


def _number(data: bytes, at: int, size: int = 4) -> int:
    """Big-endian; 0 where the data ends before."""
    return int.from_bytes(data[at : at + size], "big") if len(data) >= at + size else 0


def _audio_track(stream: Readable, movie: Box) -> _Track | None:
    """The first, which is decoded."""
    for box in boxes(stream, movie.start, movie.end):
        if box.name != "trak":
            continue
        track = _within(stream, box)
        media = _within(stream, track["mdia"]) if "mdia" in track else {}
        if "hdlr" not in media or _content(stream, media["hdlr"])[8:12] != b"soun":
            continue
        information = _within(stream, media["minf"]) if "minf" in media else {}
        table = _within(stream, information["stbl"]) if "stbl" in information else {}
        if "mdhd" not in media or not {"stsd", "stts", "stsz"} <= table.keys():
            return None
        edits = _within(stream, track["edts"]) if "edts" in track else {}
        return _Track(_timescale(stream, media["mdhd"]), edits.get("elst"), table)
    return None


def _timescale(stream: Readable, header: Box) -> int:
    """Of a header of a movie or of its media."""
    data = _content(stream, header)
    return _number(data, 20 if data[:1] == b"\1" else 12)


def _packets(stream: Readable, table: dict[str, Box]) -> int:
    """How many there are; 0 if they are not all of one length, but for the last, which may be told short."""
    count = _number(_content(stream, table["stsz"]), 8)
    data = _content(stream, table["stts"])
    entries = _number(data, 4)
    runs = [(_number(data, 8 + 8 * each), _number(data, 12 + 8 * each)) for each in range(min(entries, 3))]
    if not runs or len(runs) > 2 or sum(number for number, _ in runs) != count:
        return 0
    is_last_short = len(runs) == 2 and runs[1][0] == 1 and runs[1][1] <= PACKET_FRAMES
    if (runs[0][1] != PACKET_FRAMES and count > 1) or (len(runs) == 2 and not is_last_short):
        return 0
    return count


def _edit(stream: Readable, box: Box) -> tuple[int, int] | None:
    """Where in the media sound begins, and how long it is in the movie's time; None for more than that."""
    data = _content(stream, box)
    is_long = data[:1] == b"\1"
    size = 8 if is_long else 4
    if _number(data, 4) != 1 or _number(data, 8 + 2 * size) != _ONE_TO_ONE:
        return None
    duration, start = _number(data, 8, size), _number(data, 8 + size, size)
    return None if start >> (8 * size - 1) else (start, duration)


def _is_to_the_end(start: int, duration: int, movie_scale: int, track_scale: int, packets: int) -> bool:
    """Whether an edit ends in the last packet, or behind it. Times of a movie are rounded."""
    if not movie_scale or not duration:
        return False
    ends = start * movie_scale + (duration - 1) * track_scale
    return ends > (packets - 1) * PACKET_FRAMES * movie_scale


def _tells_of_priming(stream: Readable, box: Box | None) -> bool:
    """Whether a tag says how much an encoder put in front, which FFmpeg heeds where there are no edits."""
    if box is None:
        return False
    return b"iTunSMPB" in _content(stream, box, 1 << 20) or box.size > 1 << 20


def _coded(stream: Readable, box: Box) -> tuple[int, int] | None:
    """Sample rate and channels of AAC-LC; None for another coding."""
    data = _content(stream, box, 16 + _MOST_ENTRY_BYTES)
    # One entry, of version 0: QuickTime's others hold more in front of the boxes inside.
    if _number(data, 4) != 1 or data[12:16] != b"mp4a" or _number(data, 24, 2) != 0:
        return None
    entry = _within(stream, Box("mp4a", box.start + 16 + _ENTRY_BYTES, _number(data, 8) - 8 - _ENTRY_BYTES))
    if "esds" not in entry:
        return None
    return _of_configuration(_configuration(_content(stream, entry["esds"], _MOST_ENTRY_BYTES)[4:]))


def _configuration(data: bytes) -> bytes:
    """What a decoder is told (14496-1, 7.2.6): in a descriptor, in one, in one; empty for another stream."""
    tag, data = _descriptor(data)
    if tag != 3 or len(data) < 3:
        return b""
    at = 3 + 2 * (data[2] >> 7) + 2 * (data[2] >> 5 & 1)
    if data[2] & 0x40:
        return b""
    tag, data = _descriptor(data[at:])
    if tag != 4 or len(data) < 13 or data[0] != _MPEG_4_AUDIO:
        return b""
    tag, data = _descriptor(data[13:])
    return data if tag == 5 else b""


def _descriptor(data: bytes) -> tuple[int, bytes]:
    """Tag and content of what begins there."""
    size, at = 0, 1
    while at < min(5, len(data)):
        size = size << 7 | data[at] & 0x7F
        at += 1
        if data[at - 1] < 0x80:
            return data[0], data[at : at + size]
    return 0, b""


def _of_configuration(data: bytes) -> tuple[int, int] | None:
    """Sample rate and channels of an AudioSpecificConfig of AAC-LC (14496-3, 1.6.2 and 4.4.1)."""
    bits = f"{int.from_bytes(data, 'big'):0{8 * len(data)}b}" if data else ""
    if len(bits) < 16 or int(bits[:5], 2) != _LOW_COMPLEXITY:
        return None
    rate, channels = int(bits[5:9], 2), int(bits[9:13], 2)
    # Frames of 1024, no core, no extension.
    if rate >= len(_RATES) or not 0 < channels < len(_CHANNELS) or "1" in bits[13:16]:
        return None
    rest = bits[16:]
    if len(rest) >= 17 and int(rest[:11], 2) == _SYNC_EXTENSION and rest[16] == "1":
        return None  # HE-AAC
    return _RATES[rate], _CHANNELS[channels]
