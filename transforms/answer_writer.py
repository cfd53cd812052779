"""Appends frames to a log of this writer's own; many threads share one flush.

The first thread that finds nobody flushing writes what all have brought and flushes it;
those who come meanwhile wait, and one of them does the same for the next batch.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from transforms.answer_log import new_name
from transforms.folders import OutputError
from transforms.log_files import LogFiles, Written


@dataclass(slots=True, eq=False)
class _Batch:
    """Frames that are written together; ``start`` is where, once they are on disk."""

    frames: list[bytes] = field(default_factory=list)
    size: int = 0
    start: Written | None = None


class LogWriter:
    """One log, made when the first frame comes. Not to be carried over a fork.

    Args:
        files: where the log is made.
        clock_us: microseconds since 1970 UTC, for the log's name.
        sleep: waits for so many seconds.
    """

    def __init__(
        self, files: LogFiles, *, clock_us: Callable[[], int], sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._linger_seconds = files.linger_seconds
        self._sleep = sleep
        self._appender = files.appender(lambda names: new_name(names, clock_us()))
        self._turn = threading.Condition()
        self._gathering = _Batch()
        self._busy = False
        self._appending = 0
        self._closed = False
        self._failure: OutputError | None = None

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
            self._appender.close()

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
        return Written(batch.start.log, batch.start.offset + offset_in_batch)

    def _lead(self, batch: _Batch) -> None:
        """Write the batch with the turn given up meanwhile, so that others can gather."""
        self._busy = True
        if not self._linger_seconds:
            self._gather_behind(batch)
        self._turn.release()
        start, failure = None, None
        try:
            if self._linger_seconds:
                self._sleep(self._linger_seconds)
                with self._turn:
                    self._gather_behind(batch)
            start = self._appender.append(batch.frames)
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

    def _gather_behind(self, batch: _Batch) -> None:
        if batch is self._gathering:
            self._gathering = _Batch()

    def _refuse_if_over(self) -> None:
        self._refuse_if_failed()
        if self._closed:
            raise OutputError("The record of paid answers is closed and takes no further entry.")

    def _refuse_if_failed(self) -> None:
        if self._failure is not None:
            # A new one for each thread: they would share a traceback.
            raise OutputError(str(self._failure)) from self._failure
