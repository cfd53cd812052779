"""``--json-log``: what a run does, a JSON object a line, for schedulers and monitors.

Names and meanings are documented in docs/watching.md. No line holds a secret: the
configuration has none, and is told by its digest alone; addresses are told without
password and query.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import datetime
from enum import Enum
from typing import TextIO

from pipeline.config import Config
from pipeline.outcome import ExitCode
from pipeline.plain import shown_address, shown_message
from pipeline.progress import Progress, Rhythm
from pipeline.run_record import RunRecord
from transforms.addresses import display_name
from transforms.meter_files import FailureNote
from transforms.reading import as_fields
from transforms.stopping import StopReason


class Event(str, Enum):
    """What a line is about."""

    RUN_STARTED = "run_started"
    PROGRESS = "progress"
    FAILURE = "failure"
    STOPPING = "stopping"
    RUN_ENDED = "run_ended"


class EventLog:
    """Writes the events of a run.

    Args:
        stream: where to.
        now: the wall clock.
    """

    wants_failures = True

    def __init__(self, stream: TextIO, now: Callable[[], datetime]) -> None:
        self._stream = stream
        self._now = now
        self._run_id: str | None = None
        self._rhythm = Rhythm(0.0)
        self._latest: Progress | None = None

    def started(self, record: RunRecord, output: str, config: Config) -> None:
        """See `Watcher`."""
        self._run_id = record.run_id
        self._rhythm = Rhythm(config.output.progress_seconds)
        self._write(
            Event.RUN_STARTED,
            output=display_name(output),
            configuration_digest=digest_of(config),
            requests_per_second=config.recognition.requests_per_second,
            concurrency=config.recognition.concurrency,
        )

    def failed(self, note: FailureNote) -> None:
        """See `Watcher`."""
        self._write(Event.FAILURE, **asdict(replace(note, audio_uri=shown_address(note.audio_uri))))

    def stopping(self, reason: StopReason) -> None:
        """See `Watcher`."""
        self._write(Event.STOPPING, code=reason.code, message=shown_message(reason.message))

    def progress(self, progress: Progress) -> None:
        """See `Watcher`."""
        self._latest = progress
        if self._rhythm.due(progress.seconds):
            self._write_progress(progress)

    def ended(self, record: RunRecord) -> None:
        """See `Watcher`."""
        if self._latest is not None:
            self._write_progress(self._latest)
        counts = {} if record.counts is None else asdict(record.counts)
        self._write(
            Event.RUN_ENDED,
            exit_code=record.exit_code,
            stopped=record.stopped,
            cost=record.cost,
            currency=record.currency,
            **counts,
        )

    def broke(self, code: ExitCode, error: str) -> None:
        """The command ended by an error, before the run began or in its midst."""
        self._write(Event.RUN_ENDED, exit_code=int(code), stopped=shown_message(error))

    def _write_progress(self, progress: Progress) -> None:
        left = progress.seconds_left
        self._write(
            Event.PROGRESS,
            seconds=round(progress.seconds, 3),
            seconds_left=None if left is None else round(left, 1),
            stops_at_budget=progress.stops_at_budget,
            calls_per_second=round(progress.calls_per_second, 2),
            cost=str(progress.cost),
            currency=progress.currency,
            limited_by=progress.limited_by,
            processes=progress.processes,
            **{name: value for name, value in as_fields(progress.counts).items() if name != "latency"},
        )

    def _write(self, event: Event, **fields: object) -> None:
        about = {"event": event.value, "time": self._now().isoformat(), "run_id": self._run_id}
        self._stream.write(json.dumps({**about, **fields}) + "\n")
        self._stream.flush()


def digest_of(config: Config) -> str:
    """A name for a resolved configuration: the same for the same values of all keys."""
    text = json.dumps(config.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
