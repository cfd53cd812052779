from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile

from pipeline.service.faults import parse_fault
from tests.e2e.command import Ended, beamscribe, ended, records, rows, settings, start_apart
from tests.e2e.sounds import RATE, chatter, heard, some_wavs

QUOTA_RETRIES = 500 // 5
"""Repeats that the retry quota of a process pays for."""


def arguments(service, folder: Path, **changes: object) -> list[str | Path]:
    return ["run", "--input", folder / "in", "--output", folder / "out", *settings(service, **changes)]


def transcribe(service, folder: Path, **changes: object) -> Ended:
    return beamscribe(*arguments(service, folder, **changes))


def assert_complete(folder: Path, count: int, seconds: float = 0.2) -> None:
    """Each recording of `some_wavs` has one transcript, and nothing else has."""
    found = rows(folder / "out", "transcripts")
    assert {row["audio_uri"]: row["text"] for row in found} == {
        str(folder / "in" / f"{number:03}.wav"): heard(chatter(seconds, seed=number))
        for number in range(count)
    }
    assert len(found) == len(rows(folder / "out", "segments")) == count
    assert rows(folder / "out", "failures") == []


def wait_for(what: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    give_up_at = time.monotonic() + 60
    while process.poll() is None and not what():
        assert time.monotonic() < give_up_at
        time.sleep(0.005)


@pytest.mark.parametrize(
    "faults",
    [(), ("reset=0.3", "truncate=0.2"), ("hang:3=0.2", "http502=0.2", "internal=0.2")],
    ids=["sound", "cut", "late"],
)
def test_a_budget_of_calls_is_a_wall_whatever_happens_and_a_higher_one_continues(faults, serve, tmp_path):
    some_wavs(tmp_path / "in", 30, seconds=0.2)
    service = serve(faults=tuple(map(parse_fault, faults)), latency_ms=(5, 30), seed=3)
    changes = {"concurrency": 8, "timeout_seconds": 0.5, "max_attempts": 10}
    run = transcribe(service, tmp_path, budget__max_calls=11, **changes)
    assert run.code == 4
    assert "budget of 11 calls" in run.stdout
    assert "budget.max_calls" in run.stdout
    assert service.stats().billed <= 11
    [record] = records(tmp_path / "out")
    assert record["billed_calls"] <= 11
    assert record["stopped"].startswith("BudgetReached: ")
    answered = len(rows(tmp_path / "out", "segments"))
    assert answered > 0

    # No higher: it stops at once, however often.
    calls = service.stats().calls
    assert transcribe(service, tmp_path, budget__max_calls=11, **changes).code == 4
    assert service.stats().calls == calls
    assert len(rows(tmp_path / "out", "segments")) == answered

    sound = serve()
    assert transcribe(sound, tmp_path, budget__max_calls=11 + 30, **changes).code == 0
    assert sound.stats().calls == 30 - answered
    assert_complete(tmp_path, 30)


def test_a_budget_that_will_end_the_run_is_foreseen(serve, tmp_path):
    some_wavs(tmp_path / "in", 8, seconds=0.2)
    service = serve(latency_ms=(500, 500))
    changes = {"concurrency": 1, "output__progress_seconds": 0.1}
    assert transcribe(service, tmp_path, budget__max_calls=1, **changes).code == 4
    given = arguments(service, tmp_path, budget__max_calls=5, **changes)
    assert beamscribe(*given, "--json-log", tmp_path / "log").code == 4
    told = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    left = [each["seconds_left"] for each in told if each.get("stops_at_budget")]
    assert left
    assert max(left) < 4  # 4 calls are left for 7 segments


def test_a_budget_of_money_is_a_wall_too_and_the_lower_of_both_counts(serve, tmp_path):
    some_wavs(tmp_path / "in", 8, seconds=0.2)
    service = serve()
    run = transcribe(service, tmp_path, budget__max_cost=0.0099, budget__max_calls=7)  # 3.2 CNY a thousand
    assert run.code == 4
    assert "budget.max_cost" in run.stdout
    assert service.stats().billed == 3
    assert records(tmp_path / "out")[-1]["cost"] == "0.0096"
    assert transcribe(service, tmp_path, budget__max_cost=100, budget__max_calls=7).code == 4
    assert service.stats().billed == 7
    assert transcribe(service, tmp_path, budget__max_cost=0.0256).code == 0
    assert service.stats().billed == 8
    assert_complete(tmp_path, 8)


def test_after_a_run_that_finished_the_budget_counts_anew(serve, tmp_path):
    service = serve()
    for count in (5, 10):
        some_wavs(tmp_path / "in", count, seconds=0.2)
        for number in range(count):  # as old as ever
            os.utime(tmp_path / "in" / f"{number:03}.wav", ns=(10**18, 10**18))
        assert transcribe(service, tmp_path, budget__max_calls=5).code == 0
        assert service.stats().billed == count
    assert transcribe(service, tmp_path, budget__max_calls=0).code == 0
    assert_complete(tmp_path, 10)


def test_a_killed_run_counts_against_the_budget_of_the_run_that_continues_it(serve, tmp_path):
    some_wavs(tmp_path / "in", 20, seconds=0.2)
    service = serve(latency_ms=(100, 100))
    process = start_apart(arguments(service, tmp_path, concurrency=2, budget__max_calls=9), tmp_path)
    wait_for(lambda: service.stats().billed >= 4, process)
    os.killpg(process.pid, signal.SIGKILL)
    ended(process)
    run = transcribe(service, tmp_path, concurrency=2, budget__max_calls=9)
    assert run.code == 4
    stats = service.stats()
    assert 7 <= stats.billed <= 9
    assert stats.billed - stats.distinct_billed_payloads <= 2
    assert transcribe(service, tmp_path).code == 0
    assert_complete(tmp_path, 20)


def test_a_second_run_on_an_output_ends_with_2_and_a_kill_leaves_no_lock(serve, tmp_path):
    some_wavs(tmp_path / "in", 6, seconds=0.2)
    service = serve(latency_ms=(800, 800))
    process = start_apart(arguments(service, tmp_path, concurrency=1), tmp_path)
    wait_for(lambda: service.stats().calls >= 1, process)
    quick = serve()
    second = transcribe(quick, tmp_path)
    assert second.code == 2
    [holder] = [record["run_id"] for record in records(tmp_path / "out")]
    assert holder in second.stderr
    assert f"process {process.pid}" in second.stderr
    assert quick.stats().calls == 0
    os.killpg(process.pid, signal.SIGKILL)
    assert ended(process).code == -signal.SIGKILL
    assert transcribe(quick, tmp_path).code == 0
    assert_complete(tmp_path, 6)


def test_a_wrong_key_costs_at_most_the_calls_in_flight_and_the_right_one_continues(
    serve, tmp_path, monkeypatch
):
    some_wavs(tmp_path / "in", 30, seconds=0.2)
    service = serve(latency_ms=(20, 20))
    with monkeypatch.context() as patch:
        patch.setenv("TENCENTCLOUD_SECRET_KEY", "another")
        assert transcribe(service, tmp_path, concurrency=5).code == 4
    assert 1 <= service.stats().calls <= 5
    assert transcribe(service, tmp_path, concurrency=5).code == 0
    assert service.stats().billed == 30
    assert_complete(tmp_path, 30)


def test_when_the_first_payloads_are_all_refused_alike_the_run_stops(serve, tmp_path):
    some_wavs(tmp_path / "in", 60, seconds=0.2)
    code = "InvalidParameterValue.ErrorInvalidVoicedata"
    service = serve(faults=(parse_fault(f"code:{code}=1.0"),))
    run = transcribe(service, tmp_path, concurrency=4)
    assert run.code == 4
    assert 20 <= service.stats().calls <= 20 + 4
    assert code in run.stdout
    assert "recognition.voice_format" in run.stdout
    mended = serve()
    assert transcribe(mended, tmp_path, concurrency=4, input__retry_failed="all").code == 0
    assert mended.stats().billed == 60
    assert_complete(tmp_path, 60)


@pytest.mark.parametrize("outage", ["refusing", "gone"])
def test_an_outage_costs_few_attempts_and_stops_the_run_which_can_be_continued(outage, serve, tmp_path):
    some_wavs(tmp_path / "in", 60, seconds=0.2)
    service = serve(faults=(parse_fault("code:InternalError=1.0"),))
    given = arguments(service, tmp_path, concurrency=24)
    if outage == "gone":
        service.stop()
    run = beamscribe(*given)
    assert run.code == 4
    assert "the service or the network is down" in run.stdout
    assert "again later" in run.stdout
    [record] = records(tmp_path / "out")
    assert record["calls"] <= 1.1 * 60 + QUOTA_RETRIES
    assert record["billed_calls"] == 0
    assert record["stopped"].startswith("Outage: ")
    mended = serve()
    assert transcribe(mended, tmp_path).code == 0
    assert mended.stats().calls == 60
    assert_complete(tmp_path, 60)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_costs_no_call_twice(number, serve, tmp_path):
    some_wavs(tmp_path / "in", 40, seconds=0.2)
    service = serve(latency_ms=(150, 250))
    process = start_apart(arguments(service, tmp_path, concurrency=4), tmp_path)
    wait_for(lambda: service.stats().calls >= 8, process)
    os.killpg(process.pid, number)
    run = ended(process)
    assert run.code == 4, run.stderr
    assert "Run the same command again" in run.stdout
    billed = service.stats().billed
    assert 8 <= billed < 40
    assert len(rows(tmp_path / "out", "segments")) == billed
    assert transcribe(service, tmp_path).code == 0
    stats = service.stats()
    assert stats.billed == stats.distinct_billed_payloads == 40
    assert_complete(tmp_path, 40)


def test_a_second_signal_ends_the_run_at_once_as_safely_as_a_kill(serve, tmp_path):
    some_wavs(tmp_path / "in", 40, seconds=0.2)
    service = serve(latency_ms=(1500, 1500))
    process = start_apart(arguments(service, tmp_path, concurrency=4), tmp_path)
    wait_for(lambda: service.stats().calls >= 4, process)
    os.kill(process.pid, signal.SIGTERM)
    while process.poll() is None and service.stats().in_flight:
        os.kill(process.pid, signal.SIGTERM)
        time.sleep(0.1)
    assert ended(process).code == -signal.SIGTERM
    quick = serve()
    assert transcribe(quick, tmp_path).code == 0
    # Those in flight were paid for there, and nobody heard the answers.
    assert service.stats().billed <= 4
    assert quick.stats().billed == 40
    assert_complete(tmp_path, 40)


def test_faults_on_a_quarter_of_the_answers_cost_at_most_half_a_call_more_for_each_segment(serve, tmp_path):
    some_wavs(tmp_path / "in", 120, seconds=0.2)
    kinds = ("throttle", "internal", "http502", "reset", "truncate", "hang:5")
    service = serve(faults=tuple(parse_fault(f"{kind}={0.25 / len(kinds)}") for kind in kinds), seed=11)
    run = transcribe(service, tmp_path, concurrency=24, timeout_seconds=1)
    assert run.code == 0, run.stdout
    assert service.stats().faults.keys() == {kind.partition(":")[0] for kind in kinds}
    assert service.stats().calls <= 1.5 * 120
    assert_complete(tmp_path, 120)


@pytest.mark.parametrize("table", ["segments", "transcripts", "failures"])
def test_an_output_of_another_schema_version_is_refused_before_any_call(table, serve, tmp_path):
    some_wavs(tmp_path / "in", 1)
    service = serve()
    assert transcribe(service, tmp_path).code == 0
    part = tmp_path / "out" / table / "part-0-schema.parquet"
    older = pq.read_schema(part).with_metadata({"beamscribe.schema_version": "0"})
    pq.write_table(older.empty_table(), part)
    before = sorted((tmp_path / "out" / table).iterdir())
    some_wavs(tmp_path / "in", 2)
    run = transcribe(service, tmp_path)
    assert run.code == 2
    assert "schema version 0" in run.stderr
    assert service.stats().calls == 1
    assert sorted((tmp_path / "out" / table).iterdir()) == before


def test_a_channel_that_a_stopped_run_never_called_for_is_not_forgotten(serve, tmp_path):
    (tmp_path / "in").mkdir()
    left, right = chatter(1, seed=1), chatter(1, seed=2)
    soundfile.write(tmp_path / "in" / "a.wav", np.stack([left, right], axis=1), RATE)
    service = serve()
    changes = {"audio__channels": "split", "concurrency": 1}
    assert transcribe(service, tmp_path, budget__max_calls=1, **changes).code == 4
    assert transcribe(service, tmp_path, **changes).code == 0
    assert [row["text"] for row in rows(tmp_path / "out", "transcripts")] == [heard(left), heard(right)]
    assert service.stats().calls == 2
    assert transcribe(service, tmp_path, **changes).code == 0
    assert records(tmp_path / "out")[-1]["skipped_files"] == 1
