"""Progress and records as watchers of runs are given them."""

from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal

from pipeline.config import Config
from pipeline.progress import Progress
from pipeline.run_record import RunCounts, RunRecord
from transforms.meter_files import FailureNote
from transforms.reading import Reading
from transforms.stopping import StopReason

NOW = datetime(2026, 3, 1, 2, 15, 31, 250_000, tzinfo=timezone.utc)
STARTED = RunRecord("20260301T021500Z-0a0b0c0d", "2026-03-01T02:15:00+00:00", {})
ENDED = RunRecord(
    STARTED.run_id,
    STARTED.started_at,
    {},
    ended_at=NOW.isoformat(),
    exit_code=3,
    counts=RunCounts(files=7, calls=5),
    cost="0.016",
    currency="CNY",
)
CONFIG = Config.model_validate({"output": {"progress_seconds": 10.0}})
NOTE = FailureNote("decode", "NotAudio", "/a\x1b.wav", None, None, retryable=False)
REASON = StopReason("Interrupted", "SIGINT \x1b[2J was received.")


def progress_at(seconds: float, **counts: int) -> Progress:
    return Progress(
        seconds=seconds,
        counts=Reading(**counts),
        quota_per_second=25.0,
        cost=Decimal("0.016"),
        currency="CNY",
    )
