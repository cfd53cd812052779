"""What a run tells of its course agrees with what it counted, whatever way it ran and ended."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipeline.service.faults import parse_fault
from pipeline.service.settings import TEST_SECRET_ID
from pipeline.timeline import Timeline
from tests.e2e.command import Row, beamscribe, ended, records, settings, start_apart
from tests.e2e.sounds import chatter, some_wavs, write_wav
from transforms.reading import NUMBERS, Reading

TWO_PROCESSES = ("--", "--direct_num_workers=2", "--direct_running_mode=multi_processing")


def assert_agrees(record: Row) -> Reading:
    """The totals of the timeline, and of its buckets, are the counts of the record."""
    timeline = Timeline.of_json(record["timeline"])
    totals = timeline.totals
    told: dict[str, Any] = {
        "files": totals.recordings_found,
        "other_files": totals.other_files,
        "skipped_files": totals.recordings_skipped,
        "files_still_failing": totals.recordings_still_failing,
        "failed_files": totals.recordings_failed,
        "files_not_started": totals.recordings_not_started,
        "audio_seconds": totals.audio_ms / 1000,
        "speech_seconds": totals.speech_ms / 1000,
        "segments": totals.segments_recognized,
        "failed_segments": totals.segments_failed,
        "unanswered_segments": totals.segments_unanswered,
        "calls": totals.calls,
        "billed_calls": totals.billed_calls,
        "reused_answers": totals.reused_answers,
        "retries": totals.retries,
        "throttled_seconds": totals.throttled_ms / 1000,
    }
    assert told == {name: record[name] for name in told}
    for column in ("calls_started", "billed_calls", "segments_done", "recordings_done"):
        assert sum(getattr(bucket, column) for bucket in timeline.buckets) == getattr(totals, column)
    assert (totals.in_flight, totals.waiting_for_quota, totals.decoding) == (0, 0, 0)
    assert totals.calls_started == totals.calls
    return totals


def assert_log_agrees(path: Path, record: Row, totals: Reading) -> None:
    """The events of a log are those of the run, and the last progress is what it counted."""
    events = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert (events[0]["event"], events[-1]["event"]) == ("run_started", "run_ended")
    assert {event["run_id"] for event in events} == {record["run_id"]}
    last = [event for event in events if event["event"] == "progress"][-1]
    assert {name: last[name] for name in NUMBERS} == {name: getattr(totals, name) for name in NUMBERS}
    assert (last["retries"], last["cost"]) == (totals.retries, record["cost"])
    failures = Counter(event["code"] for event in events if event["event"] == "failure")
    assert failures == totals.failures
    end = events[-1]
    assert {name: end[name] for name in end.keys() & record.keys()} == {
        name: record[name] for name in end.keys() & record.keys()
    }
    assert TEST_SECRET_ID not in path.read_text("utf-8")


@pytest.mark.parametrize("flags", [(), TWO_PROCESSES], ids=["one process", "two processes"])
def test_the_timeline_of_a_run_ends_with_its_counts(flags, serve, tmp_path):
    some_wavs(tmp_path / "in", 30, seconds=0.2)
    (tmp_path / "in" / "empty.wav").touch()
    (tmp_path / "in" / "notes.txt").touch()
    service = serve(faults=(parse_fault("internal=0.2"),), requests_per_second=0, latency_ms=(20, 60))
    changes = settings(service, concurrency=4, output__progress_seconds=0.5)
    given = ["run", "--input=in", "--output=out", "--json-log=log", *changes, *flags]
    run = ended(start_apart(given, tmp_path))
    assert run.code == 3, run.stderr
    [record] = records(tmp_path / "out")
    totals = assert_agrees(record)
    assert_log_agrees(tmp_path / "log", record, totals)
    told = [line for line in run.stderr.splitlines() if " recordings " in line]
    assert len(told) >= 2
    assert "recordings 31 of 31, segments 30 of 30, " in told[-1]
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ recordings \d", line) for line in told)
    assert (totals.recordings_found, totals.recordings_done, totals.segments_cut) == (31, 31, 30)
    assert (totals.other_files, totals.recordings_listed) == (1, 1)
    assert totals.failures["EmptyFile"] == 1
    assert totals.retries["InternalError"] > 0
    assert sum(totals.latency.values()) == totals.calls_answered == totals.segments_recognized


def test_a_run_that_continues_counts_what_was_done_before_apart(serve, tmp_path):
    some_wavs(tmp_path / "in", 6, seconds=0.2)
    given = ["run", "--input", tmp_path / "in", "--output", tmp_path / "out", *settings(serve())]
    assert beamscribe(*given).code == 0
    for seed in (100, 101):
        write_wav(tmp_path / "in" / f"{seed}.wav", chatter(0.2, seed=seed))
    run = beamscribe(*given)
    assert run.code == 0
    assert "recordings 2 of 2 (6 done before), segments 2 of 2, " in run.stderr
    totals = assert_agrees(records(tmp_path / "out")[-1])
    assert (totals.recordings_found, totals.recordings_skipped, totals.recordings_done) == (8, 6, 2)
    assert (totals.segments_cut, totals.calls) == (2, 2)


def test_a_run_that_was_stopped_tells_what_it_left(serve, tmp_path):
    some_wavs(tmp_path / "in", 12, seconds=0.2)
    run = beamscribe(
        *("run", "--input", tmp_path / "in", "--output", tmp_path / "out"),
        *settings(serve(), budget__max_calls=3, concurrency=2),
    )
    assert run.code == 4
    totals = assert_agrees(records(tmp_path / "out")[-1])
    assert (totals.billed_calls, totals.recordings_done) == (3, 3)
    assert totals.segments_unanswered + totals.recordings_not_started == 9


def test_a_killed_run_leaves_its_part_of_the_timeline(serve, tmp_path):
    some_wavs(tmp_path / "in", 40, seconds=0.2)
    service = serve(latency_ms=(100, 150))
    changes = settings(service, concurrency=2, output__progress_seconds=0.2)
    process = start_apart(["run", "--input=in", "--output=out", *changes], tmp_path)
    give_up_at = time.monotonic() + 60
    while time.monotonic() < give_up_at and calls_of(tmp_path / "out") < 4:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    assert ended(process).code == -signal.SIGKILL
    [record] = records(tmp_path / "out")
    assert (record["ended_at"], record["calls"]) == (None, None)
    timeline = Timeline.of_json(record["timeline"])
    assert 4 <= timeline.totals.calls < 40
    assert sum(bucket.calls_started for bucket in timeline.buckets) == timeline.totals.calls_started

    assert beamscribe("status", tmp_path / "out").code == 0
    run = beamscribe("run", "--input", tmp_path / "in", "--output", tmp_path / "out", *changes)
    assert run.code == 0
    assert_agrees(records(tmp_path / "out")[-1])


def calls_of(output: Path) -> int:
    told = [record["timeline"] for record in records(output)]
    return max((each["totals"]["calls"] for each in told if each is not None), default=0)
