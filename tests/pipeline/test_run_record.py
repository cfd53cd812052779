from __future__ import annotations

import json
from dataclasses import fields
from datetime import datetime, timedelta, timezone

from pipeline.run_record import RunCounts, RunRecord, new_run_id, write_record

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
STARTED = RunRecord("20260102T030405Z-00000000", NOW.isoformat(), {"recognition": {"engine": "16k_zh"}})


def test_run_ids_sort_by_time_wherever_the_clock_stands_and_never_repeat():
    ids = [new_run_id(NOW + timedelta(seconds=step)) for step in range(20)]
    assert ids == sorted(ids)
    assert len({new_run_id(NOW) for _ in range(200)}) == 200
    there = NOW.astimezone(timezone(timedelta(hours=8)))
    assert new_run_id(there).startswith("20260102T030405Z-")


def test_a_started_and_an_ended_run_have_the_same_keys():
    ended = RunRecord(**{**vars_of(STARTED), "counts": RunCounts(files=3), "exit_code": 0})
    started, finished = json.loads(STARTED.as_json()), json.loads(ended.as_json())
    assert started.keys() == finished.keys()
    assert started["files"] is None
    assert finished["files"] == 3
    assert {each.name for each in fields(RunCounts)} <= finished.keys()


def vars_of(record: RunRecord) -> dict[str, object]:
    return {each.name: getattr(record, each.name) for each in fields(record)}


def test_the_end_takes_the_place_of_the_start(tmp_path):
    (tmp_path / "runs").mkdir()
    write_record(str(tmp_path), STARTED)
    write_record(str(tmp_path), RunRecord(**{**vars_of(STARTED), "exit_code": 4, "stopped": "中文: why"}))
    [path] = (tmp_path / "runs").iterdir()
    assert path.name == f"{STARTED.run_id}.json"
    assert json.loads(path.read_text("utf-8"))["stopped"] == "中文: why"


def test_calls_of_workers_that_died_are_on_the_bill_and_no_call_is_there_twice():
    counts = RunCounts(calls=40, billed_calls=36, segments=60)
    with_lost = counts.with_lost_calls(61)
    assert (with_lost.calls, with_lost.billed_calls, with_lost.segments) == (65, 61, 60)
    assert counts.with_lost_calls(36) == counts
