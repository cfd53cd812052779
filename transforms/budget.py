"""A wall before the bill: calls are reserved before they are made, settled after.

The count lies in a small file of the output's state folder and is changed under a
lock, so that it holds for all threads and processes. It outlives a kill: a call
that was in flight then stays counted, since it may have been billed.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

from transforms.file_lock import FileLock
from transforms.folders import OutputError

BUDGET_REACHED = "BudgetReached"

_COUNT = struct.Struct("<q")


class Budget:
    """Counts the possibly billed calls of a run and of the killed runs that it continues.

    Args:
        folder: an existing local folder that outlives the run.
        max_calls: how many may be billed; None for no limit. Stays as an attribute.
    """

    def __init__(self, folder: Path, max_calls: int | None) -> None:
        self._lock = FileLock(folder / "budget")
        self.max_calls = max_calls

    def reserve(self) -> bool:
        """Count a call before it is made; False, and nothing counted, at the wall.

        Raises:
            OutputError: the count cannot be written; the call may not be made.
        """
        with self._lock:
            spent = self._read()
            if self.max_calls is not None and spent >= self.max_calls:
                return False
            self._write(spent + 1)
            return True

    def release(self) -> None:
        """Uncount a call that was certainly not billed."""
        with self._lock:
            self._write(self._read() - 1)

    def spent(self) -> int:
        """Calls that were billed, or may have been or be."""
        with self._lock:
            return self._read()

    def reset(self) -> None:
        """Begin at nothing: the next run continues none."""
        with self._lock:
            self._write(0)

    def close(self) -> None:
        """Give the file back."""
        self._lock.close()

    def _read(self) -> int:
        packed = os.pread(self._lock.fd, _COUNT.size, 0)
        count: int = _COUNT.unpack(packed)[0] if len(packed) == _COUNT.size else 0
        return count

    def _write(self, count: int) -> None:
        try:
            os.pwrite(self._lock.fd, _COUNT.pack(count), 0)
        except OSError as error:
            raise OutputError(
                f"The count of paid calls could not be written ({error.strerror}). Free some space, then run "
                "the same command again."
            ) from error
