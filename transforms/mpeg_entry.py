"""What is put in front of the frames of an mp3 file where decoding begins inside it. Pure.

A layer III frame takes some of its bits from the frames before it. libmpg123 plays silence for the
first frames where those are missing, but not in all cases, and complains. So here the first frames
are silenced until one has all its bits. A tag in front says how many frames there are, as else
libsndfile would guess it from the first one, and end there.
"""

from __future__ import annotations

from typing import Final

from transforms.mpeg_frames import layer_3_bytes, samples_a_frame
from transforms.mpeg_outline import side_bytes

LEAD_BYTES: Final = 1 << 16
"""As much as holds the frames that are silenced, and more."""
_HEADER_BYTES: Final = 4
_HIGHEST_BIT_RATE: Final = 0xE0
_RATE: Final = 0x0C
# Frames beyond those that there are, so that the end is found as in the whole file.
_MORE_FRAMES: Final = 1000


def lead_in(data: bytes, frames: int) -> tuple[bytes, int]:
    """What stands for the beginning of a file that begins inside another.

    Args:
        data: from where a frame begins on.
        frames: how many there are from there on.

    Returns:
        A tag and the first frames, and how many bytes of ``data`` the latter stand for.
    """
    result = bytearray(_tag(data, frames + _MORE_FRAMES))
    place, before = 0, 0  # bytes that are left of the frames before
    while length := layer_3_bytes(data[place : place + 16]):
        frame = bytearray(data[place : place + length])
        side = side_bytes(frame)
        needed = _reserve(frame)
        if needed <= before or len(frame) < length:
            break
        frame[_HEADER_BYTES : _HEADER_BYTES + side] = bytes(side)
        _set_reserve(frame, before)
        result += frame
        place += length
        before += length - _HEADER_BYTES - side
    return bytes(result), place


def _tag(data: bytes, frames: int) -> bytes:
    """A frame that is not decoded but says how many follow; as long as one may be."""
    head = bytes((data[0], data[1], _HIGHEST_BIT_RATE | data[2] & _RATE, data[3]))
    said = head + bytes(side_bytes(head)) + b"Info" + (1).to_bytes(4, "big") + frames.to_bytes(4, "big")
    return said.ljust(layer_3_bytes(said), b"\0")


def _is_first(frame: bytearray) -> bool:
    return samples_a_frame(frame) == 1152


def _reserve(frame: bytearray) -> int:
    """How many bytes of the frames before it a frame begins with: 9 bits, or 8 of MPEG-2."""
    if _is_first(frame):
        return frame[4] << 1 | frame[5] >> 7
    return frame[4]


def _set_reserve(frame: bytearray, size: int) -> None:
    """Of a frame whose side information is zeros."""
    if _is_first(frame):
        frame[4], frame[5] = size >> 1, (size & 1) << 7
    else:
        frame[4] = size
