"""Appends frames to a log of this writer's own; many threads share one flush.

The first thread that finds nobody flushing writes what all have brought and flushes it;
those who come meanwhile wait, and one of them does the same for the next batch.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from transforms.answer_log import HEADER, new_name
from transforms.folders import LocalFolder, OutputError, output_errors


@dataclass(frozen=True, slots=True)
class Written:
    """Where a frame was put."""

    log: Path
    offset: int


@dataclass(slots=True, eq=False)
class _Batch:
    """Frames that are written together; ``start`` is their offset once they are on disk."""

    frames: list[bytes] = field(default_factory=list)
    size: int = 0
    start: int | None = None


class LogWriter:
    """One log, made when the first frame comes. Not to be carried over a fork.

    As long as the writer lives it holds an advisory lock on its log, from before
    the log is visible: so a log that nobody writes any more can be told.

    Args:
        folder: where the log is made.
        clock_us: microseconds since 1970 UTC, for the log's name.
        flush: brings what was written to a descriptor to the disk.
    """

    def __init__(
        self, folder: Path, *, clock_us: Callable[[], int], flush: Callable[[int], None] = os.fsync
    ) -> None:
        self._folder = LocalFolder(folder)
        self._clock_us = clock_us
        self._flush = flush
        self._turn = threading.Condition()
        self._gathering = _Batch()
        self._busy = False
        self._appending = 0
        self._closed = False
        self._failure: OutputError | None = None
        self._descriptor = -1
        self._log = folder

    def append(self, framed: bytes) -> Written:
        """Write a frame; returns when it is on disk.

        Raises:
            OutputError: it could not be written, now or in an earlier call, or the
                writer is closed.
        """
        with self._turn:
            self._refuse_if_over()
            self._appending += 1
            try:
                return self._append(framed)
            finally:
                self._appending -= 1
                if self._closed:
                    self._turn.notify_all()

    def close(self) -> None:
        """Let the log go, after what was brought is written; nothing more is taken."""
        with self._turn:
            self._closed = True
            while self._appending:
                self._turn.wait()
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1

    def _append(self, framed: bytes) -> Written:
        batch = self._gathering
        offset_in_batch = batch.size
        batch.frames.append(framed)
        batch.size += len(framed)
        while self._busy and batch.start is None:
            self._turn.wait()
        if batch.start is None:
            self._refuse_if_failed()
            self._lead(batch)
        assert batch.start is not None, "a batch that was not refused is written"
        return Written(self._log, batch.start + offset_in_batch)

    def _lead(self, batch: _Batch) -> None:
        """Write the batch with the turn given up meanwhile, so that others can gather."""
        self._busy = True
        if batch is self._gathering:
            self._gathering = _Batch()
        self._turn.release()
        start, failure = None, None
        try:
            start = self._write(batch.frames)
        except OutputError as error:
            failure = error
        finally:
            # If this thread was interrupted, one that waits writes the batch again.
            self._turn.acquire()
            self._busy = False
            batch.start = start
            self._failure = failure
            self._turn.notify_all()
        self._refuse_if_failed()

    def _write(self, frames: Sequence[bytes]) -> int:
        if self._descriptor < 0:
            self._create()
        with output_errors("write", self._log):
            start = os.lseek(self._descriptor, 0, os.SEEK_END)
            self._write_all(start, frames)
            self._flush(self._descriptor)
        return start

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
            log = folder.path / new_name(folder.names(), self._clock_us())
            with folder.hidden() as (descriptor, temporary):
                os.write(descriptor, HEADER)
                self._flush(descriptor)
                temporary.replace(log)
                # A second descriptor of the same opening: it keeps the lock.
                self._descriptor = os.dup(descriptor)
            folder.sync()
        self._log = log

    def _refuse_if_over(self) -> None:
        self._refuse_if_failed()
        if self._closed:
            raise OutputError(
                f"{self._log}: the record of paid answers is closed and takes no further entry."
            )

    def _refuse_if_failed(self) -> None:
        if self._failure is not None:
            # A new one for each thread: they would share a traceback.
            raise OutputError(str(self._failure)) from self._failure


def _whole(frames: Sequence[bytes], written: int) -> int:
    """How many of so many bytes belong to whole frames."""
    whole = 0
    for framed in frames:
        if whole + len(framed) > written:
            break
        whole += len(framed)
    return whole
