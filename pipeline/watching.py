"""Watches a run from its launcher: adds up what its processes count, and tells who wants to know.

All of it is done by a thread of its own, which never slows the run: what it cannot read
or write it leaves, and looks again a second later.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from pipeline.progress import Course, Progress
from pipeline.timeline import Timeline
from pipeline.watcher import Watcher
from transforms.folders import OutputError
from transforms.meter_files import FailureNotes, meter_readings, watch_meters
from transforms.stopping import StopSignal

_LOOK_SECONDS = 1.0

_log = logging.getLogger(__name__)


class Watch:
    """Looks at the processes of a run again and again while inside it.

    When it is left, all that was counted has been seen and told.

    Args:
        coordination: the folder that they share.
        course: follows them.
        stop: tells when the run stops.
        watcher: who is told.
        save: keeps the timeline, so that a killed run has its part of it.
        save_seconds: how often.
        clock: that of the meters.
    """

    def __init__(
        self,
        coordination: Path,
        course: Course,
        stop: StopSignal,
        watcher: Watcher,
        *,
        save: Callable[[Timeline], None],
        save_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._coordination = coordination
        self._course = course
        self._stop = stop
        self._watcher = watcher
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
            watch_meters(self._coordination, each_failure=self._watcher.wants_failures)
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
        for note in self._notes.new():
            self._watcher.failed(note)
        if reason is not None:
            self._watcher.stopping(reason)
        self._watcher.progress(progress)
