"""The frames of a log that is only ever appended to. Pure.

A frame is a marker, the length of its payload, a CRC-32C over that length and the
payload, and the payload. Bytes that are no sound frame are stepped over to the next
marker whose frame checks, so damage costs the entries that it hits and no other.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import google_crc32c

MAX_PAYLOAD_BYTES: Final = 16 * 2**20
"""The longest payload; so a damaged length cannot ask for gigabytes."""

# Its first and last byte occur in no UTF-8 text, and no end of it is a start of it.
_MARKER: Final = b"\xf5BS\xfe"
_LENGTH: Final = struct.Struct("<I")
_HEADER: Final = struct.Struct("<4sII")

HEADER_BYTES: Final = _HEADER.size
"""What a frame adds to its payload."""

_CHUNK_BYTES: Final = 256 * 2**10

ReadAt = Callable[[int, int], bytes]
"""Reads at most so many bytes (first) at an offset (second); empty only at the end."""


@dataclass(frozen=True, slots=True)
class Framed:
    """A sound frame: ``[offset, end)`` of the log, and what it carries."""

    offset: int
    end: int
    payload: bytes


def frame(payload: bytes) -> bytes:
    """Puts a payload into a frame.

    Raises:
        ValueError: it is longer than `MAX_PAYLOAD_BYTES`.
    """
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise ValueError(
            f"An entry of {len(payload)} bytes does not fit into the record, which takes {MAX_PAYLOAD_BYTES} "
            "bytes at most."
        )
    return _HEADER.pack(_MARKER, len(payload), _checksum(payload)) + payload


def read_frame(read_at: ReadAt, offset: int) -> Framed | None:
    """The frame at an offset; None if there is no sound one."""
    header = read_at(HEADER_BYTES, offset)
    length = _claimed_length(header)
    if length is None:
        return None
    return _checked(offset, header, read_at(length, offset + HEADER_BYTES))


class FrameReader:
    """Iterates over the sound frames of a log, in order.

    Never holds more than a chunk (256 KiB) and one frame. A torn frame at the end is
    not damage as long as its writer lives, so what follows the last sound frame
    is not counted.

    Args:
        read_at: reads the log.
        start: the offset to begin at, at best the end of a frame.

    Attributes:
        end: where the last sound frame ended; ``start`` before the first.
        skipped: bytes before ``end`` that belong to no sound frame.
    """

    def __init__(self, read_at: ReadAt, start: int = 0) -> None:
        self.end = start
        self.skipped = 0
        self._read_at = read_at
        self._base = start  # the offset of the first byte held
        self._held = b""

    def __iter__(self) -> Iterator[Framed]:
        at = self.end
        while (at := self._next_marker(at)) >= 0:
            found = self._frame_at(at)
            if found is None:
                # Not behind the length that it claims: that may be what is damaged.
                at += 1
                continue
            self.skipped += at - self.end
            self.end = at = found.end
            yield found

    def _next_marker(self, offset: int) -> int:
        """The offset of the first marker from there on; -1 if there is none."""
        while True:
            found = self._held.find(_MARKER, offset - self._base)
            if found >= 0:
                return self._base + found
            # The end of what is held may be the first part of a marker.
            offset = max(offset, self._base + len(self._held) - len(_MARKER) + 1)
            if not self._hold(offset, offset + len(_MARKER)):
                return -1

    def _frame_at(self, offset: int) -> Framed | None:
        if not self._hold(offset, offset + HEADER_BYTES):
            return None
        at = offset - self._base
        header = self._held[at : at + HEADER_BYTES]
        length = _claimed_length(header)
        if length is None or not self._hold(offset, offset + HEADER_BYTES + length):
            return None
        at = offset - self._base + HEADER_BYTES
        return _checked(offset, header, self._held[at : at + length])

    def _hold(self, offset: int, end: int) -> bool:
        """Sees to it that ``[offset, end)`` is held; what lies before is let go. False at the end."""
        missing = end - self._base - len(self._held)
        if missing <= 0:
            return True
        pieces = [self._held[offset - self._base :]]
        behind = self._base + len(self._held)
        while missing > 0 and (piece := self._read_at(max(missing, _CHUNK_BYTES), behind)):
            pieces.append(piece)
            behind += len(piece)
            missing -= len(piece)
        self._base, self._held = offset, b"".join(pieces)
        return missing <= 0


def reader_of(data: bytes) -> ReadAt:
    """Reads from bytes."""
    return lambda size, offset: data[offset : offset + size]


def _claimed_length(header: bytes) -> int | None:
    if len(header) < HEADER_BYTES:
        return None
    marker, length, _ = _HEADER.unpack(header)
    return length if marker == _MARKER and length <= MAX_PAYLOAD_BYTES else None


def _checked(offset: int, header: bytes, payload: bytes) -> Framed | None:
    _, length, checksum = _HEADER.unpack(header)
    if len(payload) != length or _checksum(payload) != checksum:
        return None
    return Framed(offset, offset + HEADER_BYTES + length, payload)


def _checksum(payload: bytes) -> int:
    """CRC-32C of the length field and the payload."""
    checksum: int = google_crc32c.extend(google_crc32c.value(_LENGTH.pack(len(payload))), payload)
    return checksum
