"""Rows of numbers that exceed memory: laid on disk as they come, given back some recordings at a time.

A temporary file without a name holds them; it is gone when it is closed, also after a kill.
The rows of a recording are given back together, and in the order in which they came.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import IO, Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.standing_columns import (
    FailureColumns,
    Numbers,
    SegmentColumns,
    TranscriptColumns,
    dtype_of,
    joined,
)

_Columns = TypeVar("_Columns", TranscriptColumns, FailureColumns, SegmentColumns)

FENCES = 256
"""The hashes are divided into so many ranges, and a group is one of these or several."""

GROUP_ROWS = 8_192
"""A group has so many rows, if its ranges allow, and one more range at most."""

_PIECE_ROWS = 8_192  # sorted and written at once
_SHIFT = np.uint64(64 - FENCES.bit_length() + 1)
_STARTS = np.arange(1, FENCES, dtype=np.uint64) << _SHIFT


class Spool(Generic[_Columns]):
    """Takes rows; gives back those of a range of recordings.

    Args:
        kind: the columns, of which ``recording`` is one.
        file: empty; where the rows go, some 80 bytes each.
    """

    def __init__(self, kind: type[_Columns], file: IO[bytes]) -> None:
        self._kind: type[_Columns] = kind
        self._file = file
        self._row = np.dtype([(each.name, dtype_of(each)) for each in fields(kind)])
        self._waiting: list[_Columns] = []
        self._waiting_rows = 0
        self._written = 0
        self._pieces: list[tuple[int, NDArray[np.uint32]]] = []  # first row, and where each range ends

    def add(self, rows: _Columns) -> None:
        """Take some rows, behind all that were taken before."""
        self._waiting.append(rows)
        self._waiting_rows += len(rows.recording)
        if self._waiting_rows >= _PIECE_ROWS:
            self._write()

    def rows_by_range(self) -> Numbers:
        """How many rows there are of each range; shape (FENCES,)."""
        self._write()
        ends = sum((ends.astype(np.int64) for _, ends in self._pieces), np.zeros(FENCES, dtype=np.int64))
        counts: Numbers = np.diff(ends, prepend=0)
        return counts

    def of_ranges(self, first: int, end: int) -> _Columns:
        """The rows of the ranges from ``first`` on, ``end`` not included; in the order in which they came."""
        self._write()
        found: list[NDArray[Any]] = []
        for row, ends in self._pieces:
            low = int(ends[first - 1]) if first else 0
            high = int(ends[end - 1])
            if high > low:
                self._file.seek((row + low) * self._row.itemsize)
                data = self._file.read((high - low) * self._row.itemsize)
                found.append(np.frombuffer(data, dtype=self._row))
        rows = np.concatenate([np.zeros(0, self._row), *found])
        columns: _Columns = self._kind(*(rows[each.name] for each in fields(self._kind)))
        return columns

    def _write(self) -> None:
        if not self._waiting_rows:
            return
        waiting: _Columns = joined(self._kind, self._waiting)
        rows = np.empty(self._waiting_rows, dtype=self._row)
        for each in fields(self._kind):
            rows[each.name] = getattr(waiting, each.name)
        order = np.argsort(rows["recording"], kind="stable")
        rows = rows[order]
        ends = np.append(np.searchsorted(rows["recording"], _STARTS), len(rows)).astype(np.uint32)
        self._file.seek(self._written * self._row.itemsize)
        self._file.write(rows.tobytes())
        self._pieces.append((self._written, ends))
        self._written += len(rows)
        self._waiting, self._waiting_rows = [], 0


def groups(*rows_by_range: Numbers) -> Iterator[tuple[int, int]]:
    """Ranges that are looked at together, from and to: some `GROUP_ROWS` rows of all spools together."""
    rows = np.sum(rows_by_range, axis=0)
    first, held = 0, 0
    for number in range(FENCES):
        held += int(rows[number])
        if held >= GROUP_ROWS or number == FENCES - 1:
            yield first, number + 1
            first, held = number + 1, 0
