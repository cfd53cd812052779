"""A line now and then, for files, pipes and the mails of cron."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TextIO

from pipeline.config import Config
from pipeline.plain import plain
from pipeline.progress import Progress, Rhythm
from pipeline.progress_text import line_of
from pipeline.run_record import RunRecord
from transforms.meter_files import FailureNote
from transforms.stopping import StopReason


class ProgressLines:
    """Writes a line every ``output.progress_seconds``, and one at the end.

    Args:
        stream: where to.
        now: the wall clock.
    """

    wants_failures = False

    def __init__(self, stream: TextIO, now: Callable[[], datetime]) -> None:
        self._stream = stream
        self._now = now
        self._rhythm = Rhythm(0.0)
        self._latest: Progress | None = None

    def started(self, record: RunRecord, output: str, config: Config) -> None:
        """See `Watcher`."""
        self._rhythm = Rhythm(config.output.progress_seconds)

    def failed(self, note: FailureNote) -> None:
        """See `Watcher`; the next line counts it."""

    def stopping(self, reason: StopReason) -> None:
        """See `Watcher`."""
        self._write(f"stopping: {plain(f'{reason.code}: {reason.message}')}")

    def progress(self, progress: Progress) -> None:
        """See `Watcher`."""
        self._latest = progress
        if self._rhythm.due(progress.seconds):
            self._write(line_of(progress, self._now()))

    def ended(self, record: RunRecord) -> None:
        """See `Watcher`."""
        if self._latest is not None:
            self._write(line_of(self._latest, self._now(), over=True))

    def _write(self, line: str) -> None:
        self._stream.write(f"{line}\n")
        self._stream.flush()
