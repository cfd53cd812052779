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


def packed(recordings: Iterable[Recording], encode: Callable[[Recording], bytes]) -> Iterator[bytes]:
    """Pack recordings as they come, in order.

    Args:
        recordings: any number.
        encode: writes one; see `coders.RecordingCoder`.

    Yields:
        Sheets, for `unpacked`.
    """
    lines: list[bytes] = []
    for listed, recording in enumerate(recordings, 1):
        line = encode(recording)
        lines += (_LENGTH.pack(len(line)), line)
        if len(lines) >= 2 * min(_MOST, max(1, listed // _SHEETS)):
            yield zlib.compress(b"".join(lines))
            lines = []
    if lines:
        yield zlib.compress(b"".join(lines))


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
