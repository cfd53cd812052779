"""Recordings by the sheet: how those that are listed cross the shuffle. Pure.

Beam's runner in memory holds what crosses a shuffle several times over until the next stage
has ended, and each element of it costs 30 bytes more and, while it is grouped, an object. The
addresses of a folder are much alike, so many of them are packed into one element.

The first recordings of a listing go alone, so that few long ones are spread over all workers;
later a sheet holds at most one in `_SHEETS` of those listed before it, and no worker gets much
more than another.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from transforms.records import Recording

_SHEETS: Final = 64
_MOST: Final = 256
_LENGTH: Final = struct.Struct("<I")


class Packer:
    """Packs recordings as they come, in order, into sheets for `unpacked`.

    Args:
        encode: writes a recording; see `coders.RecordingCoder`.
    """

    def __init__(self, encode: Callable[[Recording], bytes]) -> None:
        self._encode = encode
        self._listed = 0
        self._lines: list[bytes] = []

    def add(self, recording: Recording) -> Iterator[bytes]:
        """The sheet that it makes full, if it does."""
        line = self._encode(recording)
        self._lines += (_LENGTH.pack(len(line)), line)
        self._listed += 1
        if len(self._lines) >= 2 * min(_MOST, max(1, self._listed // _SHEETS)):
            yield from self.rest()

    def rest(self) -> Iterator[bytes]:
        """A sheet of those that are in none yet, if there are any."""
        if self._lines:
            yield zlib.compress(b"".join(self._lines))
            self._lines = []


def packed(recordings: Iterable[Recording], encode: Callable[[Recording], bytes]) -> Iterator[bytes]:
    """Sheets of any number of recordings; see `Packer`."""
    packer = Packer(encode)
    for recording in recordings:
        yield from packer.add(recording)
    yield from packer.rest()


def unpacked(sheet: bytes, decode: Callable[[bytes], Recording]) -> Iterator[Recording]:
    """The recordings of a sheet, made one by one.

    Args:
        sheet: one of those of `packed`.
        decode: reads what its ``encode`` wrote.
    """
    lines = memoryview(zlib.decompress(sheet))
    while lines:
        (length,) = _LENGTH.unpack_from(lines)
        line, lines = lines[_LENGTH.size :][:length], lines[_LENGTH.size + length :]
        yield decode(bytes(line))
