from __future__ import annotations

import pytest

from pipeline.service.faults import parse_fault
from tests.e2e.command import beamscribe, records, rows, settings
from tests.e2e.sounds import chatter, heard, some_wavs

RECORDINGS = 30
UNBILLED = ("throttle", "internal", "http502")
SPOILED = ("reset", "truncate", "empty", "notjson")


def transcribe(service, folder, **changes):
    some_wavs(folder / "in", RECORDINGS, seconds=0.2)
    return beamscribe(
        "run", "--input", folder / "in", "--output", folder / "out", *settings(service, **changes)
    )


def assert_all_transcribed(folder):
    texts = {row["audio_uri"]: row["text"] for row in rows(folder / "out", "transcripts")}
    assert texts == {
        str(folder / "in" / f"{number:03}.wav"): heard(chatter(0.2, seed=number))
        for number in range(RECORDINGS)
    }
    assert rows(folder / "out", "failures") == []


@pytest.mark.parametrize("kinds", [UNBILLED, SPOILED, ("charset",)], ids=lambda kinds: "-".join(kinds))
def test_passing_faults_cost_calls_and_no_transcript(kinds, serve, tmp_path):
    service = serve(faults=tuple(parse_fault(f"{kind}=0.1") for kind in kinds), seed=5)
    run = transcribe(service, tmp_path, max_attempts=10)
    assert run.code == 0, run.stdout
    assert_all_transcribed(tmp_path)
    stats = service.stats()
    assert stats.faults.keys() == set(kinds)
    [record] = records(tmp_path / "out")
    assert record["calls"] == stats.calls
    # Nobody knows what lay behind a gateway's error page, so it counts as billed.
    assert record["billed_calls"] == stats.billed + stats.faults.get("http502", 0)
    struck = sum(stats.faults.values()) if kinds != ("charset",) else 0
    assert sum(record["retries"].values()) == struck == stats.calls - RECORDINGS
    assert sum(row["attempts"] for row in rows(tmp_path / "out", "segments")) == stats.calls
    assert (record["throttled_seconds"] > 0) is ("throttle" in kinds)


@pytest.mark.parametrize("kind", ["hang:20", "slow:20"])
def test_an_answer_that_does_not_come_in_time_is_asked_for_again_and_counted_as_billed(kind, serve, tmp_path):
    service = serve(faults=(parse_fault(f"{kind}=first:2"),))
    run = transcribe(service, tmp_path, timeout_seconds=0.7)
    assert run.code == 0, run.stdout
    assert_all_transcribed(tmp_path)
    [record] = records(tmp_path / "out")
    assert record["retries"] == {"DeadlineExceeded": 2}
    assert record["billed_calls"] == record["calls"] == service.stats().billed == RECORDINGS + 2


def test_a_service_that_refuses_for_good_fails_its_segments_and_leaves_the_others(serve, tmp_path):
    service = serve(faults=(parse_fault("code:FailedOperation.ErrorRecognize=first:2"),))
    run = transcribe(service, tmp_path, concurrency=1)
    # Tried once more, as this code asks for, and then given up.
    assert run.code == 3
    [failure] = rows(tmp_path / "out", "failures")
    assert (failure["code"], failure["attempts"]) == ("FailedOperation.ErrorRecognize", 2)
    assert failure["retryable"] is True
    assert len(rows(tmp_path / "out", "segments")) == RECORDINGS - 1


def test_a_service_that_is_down_becomes_failures_without_endless_repeats(tmp_path, serve):
    service = serve()
    changes = settings(service, max_attempts=2)
    service.stop()
    some_wavs(tmp_path / "in", 3)
    run = beamscribe("run", "--input", tmp_path / "in", "--output", tmp_path / "out", *changes)
    assert run.code in (3, 4)
    [record] = records(tmp_path / "out")
    assert record["billed_calls"] == 0
    assert record["calls"] <= 6
    assert {row["code"] for row in rows(tmp_path / "out", "failures")} == {"ConnectionFailed"}
    assert all(row["retryable"] for row in rows(tmp_path / "out", "failures"))
