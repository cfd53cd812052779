"""Walks the frames of an mp3 or ADTS file and counts the places where they are broken. Pure.

Decoders look for the next frame behind a broken one and say nothing of it, so damage shows
only here. What is looked at: that one frame follows the other, that the last one is whole,
and, of layer III, that the side information (ISO/IEC 11172-3, 2.4.1.7) is possible. A bit that
is wrong inside the coded spectrum cannot be told from a right one: nothing checks it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from transforms.sniff import Readable

_WINDOW_BYTES = 1 << 20
_HEADER_BYTES = 7
_HEAD_BYTES = 64  # a first frame's header, side information and the start of the encoder's tag
# kbit/s by index, layer III: of MPEG-1, and of MPEG-2 and 2.5.
_KILOBITS = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_LOW_KILOBITS = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_MPEG_1 = 3
# Byte by byte is slow: a file that is mostly something else is given up.
_MAX_SEARCHED_BYTES = 1 << 24
# Tags of unknown kinds stand behind the last frame; more than this is taken for lost audio.
_LEAST_LOST_BYTES = 4096
_TAGS = (b"LYRICSBEGIN", b"3DI", b"RIFF", b"LIST")
_ID3V1_BYTES, _APE_HEADER_BYTES = 128, 32
# Encoders count the frame that holds their tag or do not, and the last ones are padding.
_UNCERTAIN_FRAMES = 3
_MAX_BIG_VALUES = 288


@dataclass(frozen=True, slots=True)
class FrameScan:
    """What was found.

    Attributes:
        frames: how many, the broken ones among them.
        samples: how many they stand for, in each channel.
        gaps: places where no frame follows the one before.
        broken: frames whose side information is impossible.
        is_cut: the last frame is not whole.
        announced: how many the encoder's tag says; None where it has none.
    """

    frames: int
    samples: int
    gaps: int
    broken: int
    is_cut: bool
    announced: int | None = None

    def describe(self) -> str | None:
        """What is damaged, as a clause; None for nothing."""
        found = []
        if self.gaps:
            found.append(f"at {self.gaps} place(s) no frame follows the one before")
        if self.broken:
            found.append(f"{self.broken} of {self.frames} frames are broken")
        if self.is_cut:
            found.append("the last frame is cut off")
        if self.announced is not None and self.announced > self.frames + _UNCERTAIN_FRAMES:
            found.append(f"its tag announces {self.announced} frames, {self.frames} are there")
        return ", ".join(found) or None


def scan_frames(
    stream: Readable, seen: Callable[[int, bytes, NDArray[np.intp]], None] | None = None
) -> FrameScan | None:
    """Walk all frames; None where there are none, or of a free bit rate, which has no lengths.

    The stream is left somewhere.

    Args:
        stream: the file.
        seen: told what was walked, piece by piece: where it lies in the file, its bytes, and where in
            these frames begin and, last, where they end. What it raises ends the walk.
    """
    size = stream.seek(0, 2)
    position = _next_frame(stream, behind_tags(stream, 0), size)
    announced = None if position is None else _announced(_read(stream, position, _HEAD_BYTES))
    frames = samples = gaps = broken = 0
    is_cut = False
    while position is not None and position < size:
        data = _read(stream, position, _WINDOW_BYTES)
        places, length = _places(data)
        if len(places) > 1:
            begins = np.array(places, np.intp)
            frames += len(begins) - 1
            samples += _samples(data, begins[:-1])
            broken += _impossible(data, begins[:-1], np.diff(begins))
            if seen is not None:
                seen(position, data, begins)
        position += places[-1]
        if length:
            # Short of a window, it was cut off while it was read.
            is_cut = position + length > size or len(data) < _WINDOW_BYTES
            if is_cut:
                break
            continue
        behind = behind_tags(stream, position)
        if _is_end(_read(stream, behind, _WINDOW_BYTES), size - behind):
            break
        position = _next_frame(stream, behind, size)
        gaps += position != behind and (position is not None or size - behind > _LEAST_LOST_BYTES)
    return FrameScan(frames, samples, gaps, broken, is_cut, announced) if frames else None


def _read(stream: Readable, position: int, size: int) -> bytes:
    stream.seek(position)
    return stream.read(size)


def _places(data: bytes) -> tuple[list[int], int]:
    """Where whole frames begin and, last, where they end; and the length that a frame there says."""
    places = [0]
    lengths: dict[bytes, int] = {}  # of layer III, by the first bytes of the header: this loop is hot
    known, note = lengths.get, places.append
    end = len(data)
    position = 0
    while True:
        # No frame is known that is shorter than a header, nor one that ends behind the data.
        while (behind := position + known(data[position : position + 3], end)) <= end - _HEADER_BYTES:
            position = behind
            note(position)
        length = _length_at(data, position)
        if not length or position + length > end:
            return places, length
        if not _is_adts(data, position):
            lengths[data[position : position + 3]] = length
        position += length
        note(position)


def _is_adts(data: bytes, position: int) -> bool:
    return data[position + 1] & 0xF6 == 0xF0


def _length_at(data: bytes, position: int) -> int:
    """Bytes of the frame whose header stands there; 0 if none does."""
    if data[position : position + 1] != b"\xff":
        return 0
    head = data[position : position + _HEADER_BYTES]
    if len(head) < _HEADER_BYTES:
        return 0
    if _is_adts(head, 0):
        length = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
        return length if length > _HEADER_BYTES and head[2] >> 2 & 15 < 13 else 0
    return _layer_3_frame_bytes(head[1:3])


def layer_3_bytes(head: bytes) -> int:
    """Bytes of the layer III frame that begins so; 0 if none does."""
    if len(head) < _HEADER_BYTES or head[0] != 0xFF or _is_adts(head, 0):
        return 0
    return _layer_3_frame_bytes(head[1:3])


def samples_a_frame(head: bytes | bytearray) -> int:
    """How many samples a layer III frame stands for, in each channel."""
    return 1152 if head[1] >> 3 & 3 == _MPEG_1 else 576


def sample_rate_of(head: bytes) -> int:
    """The rate of a layer III frame."""
    return _RATES[head[1] >> 3 & 3][head[2] >> 2 & 3]


def _samples(data: bytes, places: NDArray[np.intp]) -> int:
    """What the frames stand for, in each channel."""
    raw = np.frombuffer(data, np.uint8)
    second = raw[places + 1]
    layer_3 = np.where(second >> 3 & 3 == _MPEG_1, 1152, 576)
    adts = 1024 * (1 + (raw[places + 6] & 3).astype(np.int64))
    return int(np.where(second & 0xF6 == 0xF0, adts, layer_3).sum())


@lru_cache(maxsize=1 << 12)
def _layer_3_frame_bytes(head: bytes) -> int:
    """Bytes of a frame by the second and third byte of its header; 0 if it is none."""
    version, bit_rate, rate = head[0] >> 3 & 3, head[1] >> 4, head[1] >> 2 & 3
    if head[0] & 0xE6 != 0xE2 or version not in _RATES or not 0 < bit_rate < 15 or rate == 3:
        return 0
    is_first = version == _MPEG_1
    kilobits = (_KILOBITS if is_first else _LOW_KILOBITS)[bit_rate]
    return (144 if is_first else 72) * kilobits * 1000 // _RATES[version][rate] + (head[1] >> 1 & 1)


def behind_tags(stream: Readable, position: int) -> int:
    """Behind the tags that begin there, as large as they say: where files are joined, one stands inside."""
    while True:
        head = _read(stream, position, 16)
        if head.startswith(b"ID3") and len(head) >= 10 and max(head[6:10]) <= 127:
            size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
            position += size + (20 if head[5] & 0x10 else 10)
        elif head.startswith(b"TAG"):
            position += _ID3V1_BYTES
        elif head.startswith(b"APETAGEX") and len(head) == 16:
            position += _APE_HEADER_BYTES + int.from_bytes(head[12:], "little")
        else:
            return position


def _announced(frame: bytes) -> int | None:
    """How many frames the tag of Xing, LAME or Fraunhofer says that stands in a first frame."""
    for name, flags_at, frames_at in ((b"Xing", 4, 8), (b"Info", 4, 8), (b"VBRI", None, 14)):
        tag = frame[max(0, frame.find(name)) :]
        if not tag.startswith(name) or len(tag) < frames_at + 4:
            continue
        if flags_at is None or tag[flags_at + 3] & 1:
            return int.from_bytes(tag[frames_at : frames_at + 4], "big")
    return None


def _is_end(rest: bytes, bytes_left: int) -> bool:
    """Whether tags or zeros follow, or less than a header."""
    return bytes_left < _HEADER_BYTES or rest.startswith(_TAGS) or (len(rest) == bytes_left and not any(rest))


def _next_frame(stream: Readable, position: int, size: int) -> int | None:
    """Where the next two frames in a row begin, or one that ends with the file."""
    end = min(size, position + _MAX_SEARCHED_BYTES)
    while position < end:
        data = _read(stream, position, _WINDOW_BYTES)
        is_last = position + len(data) >= size or len(data) < _WINDOW_BYTES
        place = data.find(b"\xff")
        # A frame and the header behind it take less than 16 KiB.
        while place >= 0 and (place < len(data) - (1 << 14) or is_last):
            length = _length_at(data, place)
            follows = place + length
            if length and (_kind(data, place) == _kind(data, follows) or position + follows == size):
                return position + place
            place = data.find(b"\xff", place + 1)
        if is_last:
            return None
        position += len(data) - (1 << 14) if place < 0 else place
    return None


def _kind(data: bytes, position: int) -> tuple[int, int] | None:
    """What all frames of a stream have in common: version, layer and rate."""
    if not _length_at(data, position):
        return None
    return data[position + 1] & 0xFE, data[position + 2] & 0x0C


def _impossible(data: bytes, places: NDArray[np.intp], lengths: NDArray[np.intp]) -> int:
    """How many layer III frames hold side information that no encoder writes."""
    raw = np.frombuffer(data, np.uint8)
    second = raw[places + 1]
    layer_3 = second & 0x06 == 0x02
    # MPEG-1 or not, a checksum or not, mono or not.
    kinds = (second & 0x09) | (raw[places + 3] >= 0xC0).astype(np.uint8) << 1
    found = 0
    for kind in np.unique(kinds[layer_3]).tolist():
        is_first, is_mono = kind & 8 != 0, kind & 2 != 0
        length = (17 if is_mono else 32) if is_first else (9 if is_mono else 17)
        begin = 4 if kind & 1 else 6
        chosen = layer_3 & (kinds == kind) & (lengths >= begin + length)
        side = raw[places[chosen] + np.arange(begin, begin + length)[:, np.newaxis]].astype(np.int32)
        payload = lengths[chosen] - begin - length
        found += int(_is_impossible(side, payload, is_first, is_mono).sum())
    return found


def _is_impossible(
    side: NDArray[np.int32], payload: NDArray[np.intp], is_first: bool, is_mono: bool
) -> NDArray[np.bool_]:
    """By frame; ``side`` is the side information, (bytes, frames), ``payload`` the bytes behind it."""
    channels = 1 if is_mono else 2
    reserve_bits = 9 if is_first else 8
    private = (5 if is_mono else 3) if is_first else channels
    at = reserve_bits + private + (4 * channels if is_first else 0)
    granules, step = (2 * channels, 59) if is_first else (channels, 63)
    coded = np.zeros(len(payload), np.int32)
    wrong = np.zeros(len(payload), np.bool_)
    for first in range(at, at + granules * step, step):
        coded += _number(side, first, 12)
        wrong |= _number(side, first + 12, 9) > _MAX_BIG_VALUES
        # A flag for a window of another form, and which: 0 is the plain one.
        wrong |= _number(side, first + (33 if is_first else 38), 3) == 0b100
    reserve = _number(side, 0, reserve_bits)
    return wrong | (coded > 8 * (payload + reserve))


def _number(side: NDArray[np.int32], first: int, width: int) -> NDArray[np.int32]:
    """What ``width`` bits say from bit ``first`` on; at most 16."""
    byte, end = first // 8, first % 8 + width
    numbers = side[byte]
    for following in side[byte + 1 : byte + -(-end // 8)]:
        numbers = numbers << 8 | following
    found: NDArray[np.int32] = numbers >> (-end % 8) & ((1 << width) - 1)
    return found
