"""Errors and lengths of many recordings, on disk: what `pipeline.error_rates` makes intervals from.

A temporary file without a name holds them; it is gone when it is closed, also after a kill.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import IO

import numpy as np

from pipeline.error_rates import Row
from pipeline.scoring import Block

BLOCK = 8192
"""Recordings that are held at once."""

_ROW = 5  # numbers: the page, and a `Row`
_NUMBER_BYTES = 8


class Sheet:
    """Pages of one file.

    Args:
        file: empty.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._pages = 0
        self._waiting = array("q")

    def page(self) -> SheetPage:
        """A new one."""
        self._pages += 1
        return SheetPage(self, self._pages - 1)

    def add(self, page: int, row: Row) -> None:
        """Write a row on a page."""
        self._waiting.extend((page, *row))
        if len(self._waiting) >= BLOCK * _ROW:
            self._write()

    def rows(self, page: int) -> Iterator[Block]:
        """The rows of a page, in blocks of `BLOCK`, the last one shorter; shape (4, recordings)."""
        self._write()
        held = np.zeros((4, 0), dtype=np.int64)
        self._file.seek(0)
        while data := self._file.read(BLOCK * _ROW * _NUMBER_BYTES):
            read = np.frombuffer(data, dtype=np.int64).reshape(-1, _ROW)
            held = np.concatenate([held, read[read[:, 0] == page, 1:].T], axis=1)
            if held.shape[1] >= BLOCK:
                yield held[:, :BLOCK]
                held = held[:, BLOCK:]
        if held.shape[1]:
            yield held

    def _write(self) -> None:
        self._file.seek(0, 2)
        self._file.write(self._waiting.tobytes())
        self._waiting = array("q")


class SheetPage:
    """A page of a `Sheet`, see `pipeline.error_rates.Page`."""

    def __init__(self, sheet: Sheet, number: int) -> None:
        self._sheet = sheet
        self._number = number

    def add(self, row: Row) -> None:
        """See `Page.add`."""
        self._sheet.add(self._number, row)

    def blocks(self) -> Iterator[Block]:
        """See `Page.blocks`."""
        return self._sheet.rows(self._number)
