"""What one run did: a JSON file under ``OUTPUT/runs/``.

It is written when the run starts, without an end, and replaced when it ends; a
file without an end is what a killed run leaves.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime, timezone
from typing import Any

from pipeline.timeline import Timeline
from transforms.folders import dataset_folder


@dataclass(frozen=True, slots=True)
class RunCounts:
    """What a run counted.

    Attributes:
        files: recordings found.
        other_files: files of the named folders that are no recordings.
        skipped_files: recordings that were transcribed before and have not changed.
        files_still_failing: likewise, with something that failed for good.
        failed_files: recordings that failed, wholly or in part because damaged.
        files_not_started: recordings left because the run was stopped.
        segments: segments answered, those in which nothing was said included.
        unanswered_segments: segments never called because the run was stopped.
        unaccounted_channels: channels whose segments do not add up to what was read.
        reused_answers: segments whose answer was paid for before, or by an equal one.
        billed_calls: calls answered, or possibly recognized without an answer
            reaching us.
        retries: how often a call was repeated, by the code that caused it.
        throttled_seconds: waited by calls that the service refused for frequency.
    """

    files: int = 0
    other_files: int = 0
    skipped_files: int = 0
    files_still_failing: int = 0
    failed_files: int = 0
    files_not_started: int = 0
    audio_seconds: float = 0.0
    speech_seconds: float = 0.0
    segments: int = 0
    failed_segments: int = 0
    unanswered_segments: int = 0
    unaccounted_channels: int = 0
    calls: int = 0
    billed_calls: int = 0
    reused_answers: int = 0
    retries: Mapping[str, int] = field(default_factory=dict)
    throttled_seconds: float = 0.0

    def with_lost_calls(self, spent: int) -> RunCounts:
        """These, and the calls of workers that died, which no counter knows if their work was done anew.

        Args:
            spent: calls that the run may have been billed for, by its budget, which is
                counted in a file before each call.
        """
        lost = max(0, spent - self.billed_calls)
        return replace(self, calls=self.calls + lost, billed_calls=self.billed_calls + lost)


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run as ``runs/`` tells it; the counts stand beside the other keys there.

    Attributes:
        configuration: resolved; it holds no secret.
        counts: None while the run goes on, and where the job broke before it could tell.
        cost: of the billed calls, in ``currency``, as a decimal number.
        stopped: why the run ended early; None where it did not.
        timeline: what happened when; None where nothing had been counted yet.
    """

    run_id: str
    started_at: str
    configuration: Mapping[str, object]
    ended_at: str | None = None
    exit_code: int | None = None
    counts: RunCounts | None = None
    cost: str | None = None
    currency: str | None = None
    stopped: str | None = None
    timeline: Timeline | None = None

    def as_json(self) -> str:
        """The text of the file."""
        columns = asdict(replace(self, timeline=None))
        counts = columns.pop("counts") or dict.fromkeys(each.name for each in fields(RunCounts))
        columns["timeline"] = None if self.timeline is None else self.timeline.as_json()
        return record_text({**columns, **counts})


def record_text(record: Mapping[str, Any]) -> str:
    """The text of a file of ``runs/``: a line for each key, its timeline on one at the end."""
    timeline = json.dumps(record.get("timeline"), ensure_ascii=False, separators=(",", ":"))
    others = {name: value for name, value in record.items() if name != "timeline"}
    text = json.dumps(others, ensure_ascii=False, indent=2).removesuffix("\n}")
    return f'{text},\n  "timeline": {timeline}\n}}\n'


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(timezone.utc)


def new_run_id(now: datetime) -> str:
    """A name that sorts by time and is never given twice."""
    return f"{now.astimezone(timezone.utc):%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"


def write_record(output: str, record: RunRecord) -> None:
    """Write the record of a run in place of its earlier one.

    Raises:
        OutputError: the disk is full or failing.
    """
    dataset_folder(output, "runs").put(f"{record.run_id}.json", record.as_json().encode("utf-8"))
