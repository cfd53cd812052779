"""The body of a request while it waits for its turn, is sent, and waits for its answer.

A call with a minute of wav has a body of 2.5 MB, and there are as many as calls in
flight; each is needed for milliseconds at a time. So large ones lie in temporary files
without names, in the memory that the system has to spare, and are read as they are sent.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Final

_SLICE_BYTES: Final = 64 * 1024
_IN_MEMORY_BYTES: Final = 256 * 1024


def _temporary_file() -> IO[bytes]:
    return tempfile.TemporaryFile(buffering=0)


class Body:
    """Bytes to be sent once or more; any thread may read them.

    Where there is no place for a temporary file, memory has to do.

    Args:
        slices: the bytes, in order.
        open_file: opens a temporary file without a buffer.

    Attributes:
        size_bytes: how many there are.
        sha256: of all of them, in lowercase hexadecimal.
    """

    def __init__(
        self, slices: Iterable[bytes], *, open_file: Callable[[], IO[bytes]] = _temporary_file
    ) -> None:
        self._open_file = open_file
        self._file: IO[bytes] | None = None
        self._filed_bytes = 0
        self._kept: list[bytes] = []  # what is not in the file, behind it
        kept_bytes = 0
        has_place = True
        digest = hashlib.sha256()
        self.size_bytes = 0
        for piece in slices:
            digest.update(piece)
            self.size_bytes += len(piece)
            self._kept.append(piece)
            kept_bytes += len(piece)
            if kept_bytes >= _IN_MEMORY_BYTES and has_place:
                has_place = self._move_to_file()
                kept_bytes = 0
        if self._file is not None and self._kept and has_place:
            self._move_to_file()
        self.sha256 = digest.hexdigest()

    def __iter__(self) -> Iterator[bytes]:
        """The bytes from the first to the last; can be asked for again.

        Raises:
            OSError: the temporary file cannot be read.
        """
        for start in range(0, self._filed_bytes, _SLICE_BYTES):
            assert self._file is not None, "what is filed has a file"
            # pread moves no position that threads would share.
            yield os.pread(self._file.fileno(), min(_SLICE_BYTES, self._filed_bytes - start), start)
        for piece in self._kept:
            for start in range(0, len(piece), _SLICE_BYTES):
                yield piece[start : start + _SLICE_BYTES]

    def _move_to_file(self) -> bool:
        """Whether what was kept in memory went into the file."""
        end = self._filed_bytes
        try:
            if self._file is None:
                self._file = self._open_file()
                weakref.finalize(self, self._file.close)
            # One by one: joined they would be a large buffer, mapped page by page each time.
            for piece in self._kept:
                left = memoryview(piece)
                while left:
                    written = os.pwrite(self._file.fileno(), left, end)
                    end += written
                    left = left[written:]
        except OSError:
            return False
        self._filed_bytes = end
        self._kept = []
        return True
