from __future__ import annotations

from datetime import datetime, timezone

import pytest

from pipeline.config_load import load
from pipeline.job import ended_record, exit_code, skipping_of
from pipeline.run_record import RunCounts, RunRecord
from transforms.stopping import StopReason

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
STOPPED = StopReason("Interrupted", "SIGTERM was received.")


@pytest.mark.parametrize(
    ("counts", "reason", "code"),
    [
        (RunCounts(files=3, segments=9), None, 0),
        (RunCounts(files=3, other_files=9, reused_answers=5), None, 0),
        (RunCounts(files=3, failed_files=1), None, 3),
        (RunCounts(files=3, failed_segments=1), None, 3),
        (RunCounts(files=3, unaccounted_channels=1), None, 3),
        (RunCounts(files=3, failed_files=1), STOPPED, 4),
        (None, STOPPED, 4),
    ],
)
def test_how_a_run_ended_in_one_number(counts, reason, code):
    assert exit_code(counts, reason) == code


def test_the_record_of_an_ended_run_tells_cost_and_reason():
    started = RunRecord("id", "then", {})
    ended = ended_record(started, RunCounts(billed_calls=1000), STOPPED, NOW)
    assert (ended.exit_code, ended.ended_at) == (4, NOW.isoformat())
    assert (float(ended.cost or 0), ended.currency) == (3.2, "CNY")
    assert ended.stopped == "Interrupted: SIGTERM was received."


def test_a_run_that_broke_before_it_could_count_tells_no_cost():
    ended = ended_record(RunRecord("id", "then", {}), None, STOPPED, NOW)
    assert (ended.cost, ended.counts, ended.exit_code) == (None, None, 4)


def test_records_of_earlier_runs_are_read_once_at_the_start(tmp_path, monkeypatch):
    recorded = [{"run_id": "a", "ended_at": None, "exit_code": None}]
    asked = []

    def finished(output: str, retry_failed: str, records: object) -> list[tuple[bytes, bool]]:
        asked.append((output, retry_failed, records))
        return []

    monkeypatch.setattr("pipeline.job.finished_recordings", finished)
    monkeypatch.setattr("pipeline.finished.run_records", lambda _: pytest.fail("read again"))
    assert skipping_of(load(None).config, str(tmp_path), tmp_path, recorded) is not None
    assert asked == [(str(tmp_path), "passing", recorded)]
