"""Watches a run from its launcher: adds up what its processes count, and tells who wants to know.

All of it is done by a thread of its own, which never slows the run: what it cannot read
or write it leaves, and looks again a second later.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from pipeline.progress import Course, Progress
from pipeline.timeline import Timeline
from transforms.folders import OutputError
from transforms.meter_files import FailureNote, FailureNotes, meter_readings, watch_meters
from transforms.stopping import StopReason, StopSignal

_LOOK_SECONDS = 1.0

_log = logging.getLogger(__name__)


class Watcher(Protocol):
    """Who wants to know how far a run is. What it cannot write it drops."""

    wants_failures: bool
    """Whether it is told of each failure."""

    def progress(self, progress: Progress) -> None:
        """About once a second."""

    def failed(self, note: FailureNote) -> None:
        """A recording or segment has failed."""

    def stopping(self, reason: StopReason) -> None:
        """No further call is made."""


class Watch:
    """Looks at the processes of a run again and again while inside it.

    When it is left, all that was counted has been seen and told.

    Args:
        coordination: the folder that they share.
        course: follows them.
        stop: tells when the run stops.
        watchers: who is told.
        save: keeps the timeline, so that a killed run has its part of it.
        save_seconds: how often.
        clock: that of the meters.
    """

    def __init__(
        self,
        coordination: Path,
        course: Course,
        stop: StopSignal,
        watchers: Sequence[Watcher],
        *,
        save: Callable[[Timeline], None],
        save_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._coordination = coordination
        self._course = course
        self._stop = stop
        self._watchers = watchers
        self._save = save
        self._save_seconds = save_seconds
        self._clock = clock
        self._notes = FailureNotes(coordination)
        self._saved_at = clock()
        self._told_reason = False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep_looking, name="watching", daemon=True)

    def __enter__(self) -> Watch:
        with suppress(OSError):  # then nothing is seen
            watch_meters(self._coordination, each_failure=any(each.wants_failures for each in self._watchers))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def timeline(self) -> Timeline:
        """What happened when, as far as it was seen."""
        return self._course.timeline()

    def look(self) -> None:
        """Look once, and tell."""
        now = self._clock()
        for reading in meter_readings(self._coordination):
            self._course.note(reading)
        self._tell(self._course.progress(now))
        if now - self._saved_at >= self._save_seconds or self._over.is_set():
            self._saved_at = now
            try:
                self._save(self._course.timeline())
            except OutputError as error:  # a run that cannot write ends by its rows, not by this
                _log.debug("the timeline was not saved: %s", error)

    def _keep_looking(self) -> None:
        while not self._over.wait(min(_LOOK_SECONDS, self._save_seconds)):
            self.look()
        self.look()

    def _tell(self, progress: Progress) -> None:
        reason = None if self._told_reason else self._stop.reason()
        self._told_reason = self._told_reason or reason is not None
        notes = list(self._notes.new())
        for watcher in self._watchers:
            with suppress(OSError, ValueError):  # its terminal or file has gone
                for note in notes:
                    watcher.failed(note)
                if reason is not None:
                    watcher.stopping(reason)
                watcher.progress(progress)
