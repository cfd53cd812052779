"""The same work is done once, however many ask for it at the same time.

`Once` is for the threads of a process, `KeyLocks` for the processes of a host.
"""

from __future__ import annotations

import errno
import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, TypeVar

Result = TypeVar("Result")

_POLL_SECONDS = 0.05


class Once(Generic[Result]):
    """Work under a key that is being done already is waited for, not done again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._going_on: dict[bytes, Future[Result]] = {}

    def do(self, key: bytes, work: Callable[[], Result]) -> tuple[Result, bool]:
        """The result of the work, and whether it was done here.

        Raises:
            BaseException: what the work raised, to everybody who waited for it.
        """
        mine: Future[Result] = Future()
        with self._lock:
            others = self._going_on.setdefault(key, mine)
        if others is not mine:
            return others.result(), False
        try:
            mine.set_result(work())
        except BaseException as error:
            mine.set_exception(error)
            raise
        finally:
            with self._lock:
                del self._going_on[key]
        return mine.result(), True


class KeyLocks:
    """A lock for each key, held by one process of the host at a time.

    Each is a byte of one file, so that neither keys nor time leave anything behind;
    the kernel frees those of a process that dies. A process must have one of these
    for a file, and not hold one key in two threads: see `Once`.

    Args:
        path: a local file, made if need be.
        sleep: waits for so many seconds.
    """

    def __init__(self, path: Path, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._sleep = sleep

    @contextmanager
    def holding(self, key: bytes) -> Iterator[None]:
        """Wait for the lock of a key, and hold it."""
        place = int.from_bytes(key[:7], "big")
        while not self._try(place):
            self._sleep(_POLL_SECONDS)
        try:
            yield
        finally:
            fcntl.lockf(self._fd, fcntl.LOCK_UN, 1, place)

    def close(self) -> None:
        """Give the file, and so every lock, back."""
        os.close(self._fd)

    def _try(self, place: int) -> bool:
        # Asked for again and again rather than waited for: the kernel would take two
        # processes that wait for each other's threads for a deadlock.
        try:
            fcntl.lockf(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EAGAIN):
                raise
            return False
        return True
