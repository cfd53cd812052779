"""An advisory lock on a file, for threads and processes of one host.

The kernel frees it when its holder dies, however that comes about.
"""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path


class FileLock:
    """Excludes the other threads of this process and every other process.

    Args:
        path: a local file, made if need be; its content belongs to the user of the lock.
    """

    def __init__(self, path: Path) -> None:
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._threads = threading.Lock()

    def __enter__(self) -> None:
        self._threads.acquire()
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX)
        except BaseException:
            self._threads.release()
            raise

    def __exit__(self, *_: object) -> None:
        try:
            fcntl.flock(self.fd, fcntl.LOCK_UN)
        finally:
            self._threads.release()

    def try_to_hold(self) -> bool:
        """Take the lock until the process ends or `close`; False where another has it."""
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def let_go(self) -> None:
        """Give back what `try_to_hold` took."""
        fcntl.flock(self.fd, fcntl.LOCK_UN)

    def close(self) -> None:
        """Give the file, and so the lock, back."""
        os.close(self.fd)
        self.fd = -1  # or a late caller would write into whatever gets the number next
