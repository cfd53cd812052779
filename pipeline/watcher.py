"""Who wants to know how far a run is, and what they are told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

from pipeline.config import Config
from pipeline.progress import Progress
from pipeline.run_record import RunRecord
from transforms.meter_files import FailureNote
from transforms.stopping import StopReason


class Watcher(Protocol):
    """Is told in this order: the start, how it goes, the end."""

    @property
    def wants_failures(self) -> bool:
        """Whether it is told of each failure."""

    def started(self, record: RunRecord, output: str, config: Config) -> None:
        """A run begins."""

    def failed(self, note: FailureNote) -> None:
        """A recording or segment has failed."""

    def stopping(self, reason: StopReason) -> None:
        """No further call is made."""

    def progress(self, progress: Progress) -> None:
        """About once a second, and when all was counted."""

    def ended(self, record: RunRecord) -> None:
        """The run has ended, well or not."""


class Watchers:
    """Several of them; what one of them cannot write is dropped, and no failure of the run."""

    def __init__(self, watchers: Sequence[Watcher] = ()) -> None:
        self._watchers = watchers

    @property
    def wants_failures(self) -> bool:
        """See `Watcher`."""
        return any(each.wants_failures for each in self._watchers)

    def started(self, record: RunRecord, output: str, config: Config) -> None:
        """See `Watcher`."""
        self._tell(lambda each: each.started(record, output, config))

    def failed(self, note: FailureNote) -> None:
        """See `Watcher`."""
        self._tell(lambda each: each.failed(note))

    def stopping(self, reason: StopReason) -> None:
        """See `Watcher`."""
        self._tell(lambda each: each.stopping(reason))

    def progress(self, progress: Progress) -> None:
        """See `Watcher`."""
        self._tell(lambda each: each.progress(progress))

    def ended(self, record: RunRecord) -> None:
        """See `Watcher`."""
        self._tell(lambda each: each.ended(record))

    def _tell(self, what: Callable[[Watcher], None]) -> None:
        for each in self._watchers:
            with suppress(OSError, ValueError):  # its terminal or file has gone, or is full
                what(each)


NOBODY: Watcher = Watchers()
"""Nobody wants to know."""
