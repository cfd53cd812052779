"""The logs of the record in a local folder.

As long as a writer lives it holds an advisory lock on its log, from before the log is
visible: so a log that nobody writes any more can be told.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import IO

from transforms.answer_log import HEADER
from transforms.folders import LocalFolder, output_error, output_errors, try_lock
from transforms.framing import ReadAt
from transforms.log_files import Written


class LocalLogs:
    """`LogFiles` of a local folder, which is made when it is needed.

    Args:
        folder: where they lie.
        flush: brings what was written to a descriptor to the disk.
    """

    linger_seconds = 0.0

    def __init__(self, folder: Path, *, flush: Callable[[int], None] = os.fsync) -> None:
        self._folder = LocalFolder(folder)
        self._flush = flush

    def names(self) -> list[str]:
        """See `LogFiles.names`."""
        return self._folder.names()

    def size(self, name: str) -> int:
        """See `LogFiles.size`."""
        with _read_errors(self._path(name)):
            return (self._folder.path / name).stat().st_size

    @contextmanager
    def reading(self, name: str) -> Iterator[ReadAt]:
        """See `LogFiles.reading`."""
        with self._opened(name) as descriptor:
            yield partial(os.pread, descriptor)

    def stored_index(self, name: str) -> bytes | None:
        """See `LogFiles.stored_index`."""
        file = self._folder.path / name
        with output_errors("read", file):
            try:
                return file.read_bytes()
            except FileNotFoundError:
                return None

    def is_written(self, name: str) -> bool | None:
        """See `LogFiles.is_written`; None where the file system has no locks."""
        with self._opened(name) as descriptor:
            free = try_lock(descriptor)
            return None if free is None else not free

    def prepare(self) -> None:
        """See `LogFiles.prepare`."""
        self._folder.prepare()

    def put(self, name: str, data: bytes) -> None:
        """See `LogFiles.put`."""
        self._folder.put(name, data)

    def adding(self, name: str) -> AbstractContextManager[IO[bytes]]:
        """See `LogFiles.adding`."""
        return self._folder.writing(name)

    def remove(self, name: str) -> None:
        """See `LogFiles.remove`."""
        self._folder.remove(name)

    def appender(self, new_name: Callable[[Iterable[str]], str]) -> LocalAppender:
        """See `LogFiles.appender`."""
        return LocalAppender(self._folder, new_name, self._flush)

    def anew(self) -> LocalLogs:
        """See `LogFiles.anew`."""
        return self

    def _path(self, name: str) -> str:
        return f"{self._folder.path}/{name}"

    @contextmanager
    def _opened(self, name: str) -> Iterator[int]:
        """A descriptor; for each use a new one, since there can be more logs than a process may open."""
        log = self._path(name)
        with _read_errors(log):
            descriptor = os.open(log, os.O_RDONLY | os.O_CLOEXEC)
        try:
            with output_errors("read", log):
                yield descriptor
        finally:
            os.close(descriptor)


class LocalAppender:
    """A `LogAppender` of one file; see `LocalLogs.appender`."""

    def __init__(
        self, folder: LocalFolder, new_name: Callable[[Iterable[str]], str], flush: Callable[[int], None]
    ) -> None:
        self._folder = folder
        self._new_name = new_name
        self._flush = flush
        self._descriptor = -1
        self._log = folder.path

    def append(self, frames: Sequence[bytes]) -> Written:
        """See `LogAppender.append`."""
        if self._descriptor < 0:
            self._create()
        with output_errors("write", self._log):
            start = os.lseek(self._descriptor, 0, os.SEEK_END)
            self._write_all(start, frames)
            self._flush(self._descriptor)
        return Written(self._log.name, start)

    def close(self) -> None:
        """See `LogAppender.close`."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _write_all(self, start: int, frames: Sequence[bytes]) -> None:
        data = memoryview(b"".join(frames))
        written = 0
        try:
            while written < len(data):
                written += os.write(self._descriptor, data[written:])
        except OSError:
            # Whole frames stay: they were paid for. A reader would also cope with the rest.
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, start + _whole(frames, written))
            raise

    def _create(self) -> None:
        folder = self._folder
        with output_errors("write", folder.path):
            folder.path.mkdir(parents=True, exist_ok=True)
            LocalFolder(folder.path.parent).sync()
            log = folder.path / self._new_name(folder.names())
            with folder.hidden() as (descriptor, temporary):
                os.write(descriptor, HEADER)
                self._flush(descriptor)
                temporary.replace(log)
                # A second descriptor of the same opening: it keeps the lock.
                self._descriptor = os.dup(descriptor)
            folder.sync()
        self._log = log


@contextmanager
def _read_errors(path: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise output_error("read", path, error) from error


def _whole(frames: Sequence[bytes], written: int) -> int:
    """How many of so many bytes belong to whole frames."""
    whole = 0
    for framed in frames:
        if whole + len(framed) > written:
            break
        whole += len(framed)
    return whole
