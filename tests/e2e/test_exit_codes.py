from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.service.server import LocalService
from tests.e2e.command import beamscribe, ended, records, rows, settings, start_apart
from tests.e2e.sounds import chatter, some_wavs, write_wav


def when_called(service: LocalService, calls: int, then: Callable[[], object]) -> threading.Thread:
    """Does something once the service has got so many calls, or seems to get no more."""

    def wait() -> None:
        give_up_at = time.monotonic() + 60
        while service.stats().calls < calls and time.monotonic() < give_up_at:
            time.sleep(0.005)
        then()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--input", "in", "--output", "out", "--set=recognition.engin=16k_en"], "recognition.engine"),
        (["--input", "in", "--output", "out", "--set=recognition.concurrency=0"], "recognition.concurrency"),
        (["--input", "in", "--output", "out", "--config", "nowhere.yaml"], "nowhere.yaml"),
        (["--input", "in", "--output", "out", "--inptu", "x"], "--inp"),
        (["--input", "*.nothing", "--output", "out"], "*.nothing"),
        (["--input", "gone.wav", "--output", "out"], "gone.wav"),
        (["--manifest", "gone.csv", "--output", "out"], "gone.csv"),
        (["--manifest", "bad.csv", "--output", "out"], "line 3"),
        (["--input", "in"], "--output"),
        (["--output", "out"], "--input"),
        (["--input", "in", "--output", "in/000.wav/out"], "in/000.wav/out"),
        (["--input", "in", "--output", "out", "--", "--runner=DaskRunner"], "DaskRunner"),
        (["--input", "in", "--output", "out", "--", "--runner=BundleBasedDirectRunner"], "four times"),
        (
            ["--input=in", "--output=out", "--set=recognition.concurrency=1", "--", "--direct_num_workers=2"],
            "--direct_num_workers",
        ),
    ],
    ids=[
        "unknown key", "bad value", "no such configuration", "unknown option", "glob without match",
        "no such input", "no such manifest", "bad manifest row", "no output", "no input",
        "output cannot be made", "dask", "bundle based", "fewer calls than workers",
    ],
)  # fmt: skip
def test_wrong_usage_ends_with_2_says_why_and_calls_nobody(arguments, said, serve, tmp_path, monkeypatch):
    some_wavs(tmp_path / "in", 1)
    (tmp_path / "bad.csv").write_text("audio,channel\nin/000.wav,0\nin/000.wav,left\n")
    monkeypatch.chdir(tmp_path)
    service = serve()
    endpoint = f"--set=recognition.endpoint={service.endpoint}"
    run = beamscribe("run", endpoint, *arguments)
    assert run.code == 2, run.stderr
    assert said in run.stderr
    assert "Traceback" not in run.stderr
    assert service.stats().calls == 0


def test_missing_credentials_end_with_4_before_anything_is_written(serve, tmp_path, monkeypatch):
    for name in ("TENCENTCLOUD_SECRET_ID", "TENCENTCLOUD_SECRET_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    some_wavs(tmp_path / "in", 1)
    run = beamscribe("run", "--input", tmp_path / "in", "--output", tmp_path / "out", *settings(serve()))
    assert run.code == 4
    assert "TENCENTCLOUD_SECRET_ID" in run.stderr
    assert not (tmp_path / "out").exists()


def test_a_wrong_key_ends_with_4_after_no_more_calls_than_may_be_in_flight(serve, tmp_path, monkeypatch):
    monkeypatch.setenv("TENCENTCLOUD_SECRET_KEY", "another-key")
    some_wavs(tmp_path / "in", 20)
    service = serve()
    run = beamscribe(
        "run", "--input", tmp_path / "in", "--output", tmp_path / "out", *settings(service, concurrency=4)
    )
    assert run.code == 4
    assert 1 <= service.stats().calls <= 4
    assert set(service.stats().refused) == {"AuthFailure.SignatureFailure"}
    assert "TENCENTCLOUD_SECRET_KEY" in run.stdout
    assert "another-key" not in run.stdout + run.stderr
    [record] = records(tmp_path / "out")
    assert (record["exit_code"], record["billed_calls"], record["segments"]) == (4, 0, 0)
    assert record["stopped"].startswith("AuthFailure.SignatureFailure: ")
    assert record["files_not_started"] + record["unanswered_segments"] + record["failed_segments"] == 20
    assert all(
        (row["status"], row["text"]) == ("partial", "") for row in rows(tmp_path / "out", "transcripts")
    )


def test_a_quota_used_up_ends_with_4_and_keeps_every_answer_that_was_paid_for(serve, tmp_path):
    some_wavs(tmp_path / "in", 3)
    write_wav(tmp_path / "in" / "a_long.wav", chatter(120))
    service = serve(calls_left=2)
    arguments = ["run", "--input", tmp_path / "in", "--output", tmp_path / "out"]
    changes = {"concurrency": 1, "max_payload_bytes": 2_250_000}
    run = beamscribe(*arguments, *settings(service, **changes))
    assert run.code == 4
    assert len(rows(tmp_path / "out", "segments")) == service.stats().billed == 2
    assert "FailedOperation.UserHasNoAmount" in run.stdout
    assert "balance" in run.stdout
    # What is left of a recording that was begun is told by its transcript.
    whole = [row for row in rows(tmp_path / "out", "transcripts") if row["status"] == "complete"]
    partial = [row for row in rows(tmp_path / "out", "transcripts") if row["status"] == "partial"]
    assert len(whole) + len(partial) >= 1
    assert sum(row["segments"] - row["failed_segments"] for row in whole + partial) == 2
    # With money in the account the same command finishes.
    assert beamscribe(*arguments, *settings(serve(), **changes)).code == 0
    assert {row["status"] for row in rows(tmp_path / "out", "transcripts")} == {"complete"}
    assert len(rows(tmp_path / "out", "transcripts")) == 4
    assert rows(tmp_path / "out", "failures") == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(
    "flags", [[], ["--direct_num_workers=2", "--direct_running_mode=multi_processing"]], ids=["one", "two"]
)
def test_a_signal_ends_with_4_after_the_calls_in_flight_whose_answers_are_kept(
    number, flags, serve, tmp_path
):
    some_wavs(tmp_path / "in", 60, seconds=0.2)
    service = serve(latency_ms=(150, 250))
    changes = settings(service, concurrency=4)
    process = start_apart(["run", "--input=in", "--output=out", *changes, "--", *flags], tmp_path)
    # To all processes of the group, as a terminal and most supervisors send it.
    when_called(service, 8, lambda: os.killpg(process.pid, number)).join()
    run = ended(process)
    assert run.code == 4, run.stderr
    assert "Traceback" not in run.stderr
    assert signal.Signals(number).name in run.stdout
    stats = service.stats()
    assert 8 <= stats.calls < 60
    assert stats.unread_answers == 0
    assert len(rows(tmp_path / "out", "segments")) == stats.billed
    [record] = records(tmp_path / "out")
    assert (record["exit_code"], record["billed_calls"]) == (4, stats.billed)
    assert record["segments"] + record["unanswered_segments"] + record["files_not_started"] == 60
    assert rows(tmp_path / "out", "failures") == []


def test_an_output_that_can_no_longer_be_written_ends_with_4_and_stops_the_calls(serve, tmp_path):
    some_wavs(tmp_path / "in", 60, seconds=0.2)
    service = serve(latency_ms=(50, 50))
    segments = tmp_path / "out" / "segments"

    def spoil() -> None:
        segments.rename(tmp_path / "kept")
        segments.touch()

    watcher = when_called(service, 6, spoil)
    run = beamscribe(
        "run", "--input", tmp_path / "in", "--output", tmp_path / "out",
        *settings(service, concurrency=2, output__rows_per_part=1),
    )  # fmt: skip
    watcher.join()
    assert run.code == 4
    [record] = records(tmp_path / "out")
    assert record["exit_code"] == 4
    assert record["stopped"].startswith(f"OutputFailed: {segments}/part-")
    assert record["stopped"] in run.stdout
    assert service.stats().calls < 60
    assert len(list(Path(tmp_path / "kept").glob("part-2*.parquet"))) >= 1


def test_nothing_is_stopped_by_signal_handlers_once_a_run_has_ended(serve, tmp_path):
    some_wavs(tmp_path / "in", 1)
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    assert beamscribe(
        "run", "--input", tmp_path / "in", "--output", tmp_path / "out", *settings(serve())
    ).code == 0  # fmt: skip
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before
