from __future__ import annotations

import json
import os
import shutil
import signal
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pipeline.service.settings import TEST_SECRET_KEY
from tests.conftest import SHIPPED
from tests.e2e.command import Ended, beamscribe, ended, records, settings, start_apart
from tests.e2e.sounds import chatter, some_wavs, write_wav

SPEECH = {"segmentation__skip_silence": "true", "segmentation__detector": "silero"}
# What is cut in other ways, by name: configuration keys, and what of the shipped recordings is read.
WAYS: dict[str, tuple[dict[str, object], str]] = {
    "as usual": (SPEECH, "."),
    "split": (SPEECH | {"audio__channels": "split", "engine": "8k_zh"}, "interview_32k_stereo.flac"),
    "squeezed": (SPEECH | {"segmentation__squeeze_to_seconds": 0.3, "segmentation__max_seconds": 12}, "."),
    "large payloads": ({"max_payload_bytes": 2_250_000, "voice_format": "wav"}, "."),
    "small payloads": ({"max_payload_bytes": 60_000}, "city_48k_long.mp3"),
}


def planned(*arguments: str | Path, exit_code: int = 0) -> dict[str, Any]:
    made = beamscribe("plan", *arguments, "--json")
    assert made.code == exit_code, made.stderr
    found: dict[str, Any] = json.loads(made.stdout)
    return found


def value(plan: dict[str, Any], name: str) -> float:
    figure = plan["amounts"][name]
    assert figure["low"] == figure["value"] == figure["high"]
    return float(figure["value"])


def files_of(folder: Path) -> dict[Path, tuple[int, int]]:
    return {each: (each.stat().st_mtime_ns, each.stat().st_size) for each in folder.rglob("*")}


@pytest.mark.parametrize("way", WAYS)
def test_a_run_makes_the_planned_calls_and_then_there_are_none_left(way, serve, tmp_path):
    changes, which = WAYS[way]
    arguments = ["--input", SHIPPED / which, "--output", tmp_path / "out", *settings(serve(), **changes)]
    failing = 3 if which == "." else 0
    plan = planned(*arguments, exit_code=failing)
    assert not (tmp_path / "out").exists()
    run = beamscribe("run", *arguments)
    [record] = records(tmp_path / "out")
    assert run.code == plan["exit_code"] == failing
    assert value(plan, "calls") == record["billed_calls"] > 0
    assert value(plan, "segments") == record["segments"]
    assert value(plan, "channel_seconds") == pytest.approx(record["audio_seconds"], abs=0.1)
    assert value(plan, "speech_seconds") == pytest.approx(record["speech_seconds"], abs=0.1)
    assert Decimal(plan["cost"]["amount"]) == Decimal(record["cost"])
    assert plan["payload_is_exact"]

    before = files_of(tmp_path / "out")
    again = planned(*arguments, exit_code=failing)
    assert files_of(tmp_path / "out") == before
    assert (value(again, "calls"), again["recordings"]["to_read"]) == (0, 0)
    assert again["recordings"]["transcribed_before"] == record["files"] - record["failed_files"]
    unskipped = planned(*arguments, "--set", "input.verify=true", exit_code=failing)
    assert (value(unskipped, "calls"), value(unskipped, "paid_before")) == (0, record["segments"])
    assert files_of(tmp_path / "out") == before


def test_a_run_at_work_is_told_of_and_left_alone_and_after_a_kill_the_rest_is_planned(serve, tmp_path):
    some_wavs(tmp_path / "in", 60, seconds=0.2)
    arguments = ["--input", tmp_path / "in", "--output", tmp_path / "out", *settings(serve())]
    assert value(planned(*arguments), "calls") == 60
    slow = serve(latency_ms=(900, 1100))  # so slow that it is at work until it is killed
    process = start_apart(["run", *map(str, arguments), *settings(slow, concurrency=2)], tmp_path)
    give_up_at = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < give_up_at and slow.stats().billed < 4:
        time.sleep(0.01)
    made = beamscribe("plan", *arguments, "--json")
    assert process.poll() is None
    os.killpg(process.pid, signal.SIGKILL)
    assert ended(process).code == -signal.SIGKILL
    during = json.loads(made.stdout)
    assert (made.code, during["at_work"]["working"]) == (0, "yes")
    assert 0 < value(during, "paid_before") < 60

    before = files_of(tmp_path / "out")
    rest = planned(*arguments)
    assert files_of(tmp_path / "out") == before
    assert value(rest, "calls") + value(rest, "paid_before") == 60
    assert value(rest, "calls") <= value(during, "calls")
    assert beamscribe("run", *arguments).code == 0
    assert records(tmp_path / "out")[-1]["billed_calls"] == value(rest, "calls")


def test_equal_recordings_are_paid_once(tmp_path, serve):
    some_wavs(tmp_path, 3)
    shutil.copyfile(tmp_path / "001.wav", tmp_path / "copy.wav")
    plan = planned("--input", tmp_path, *settings(serve()))
    assert (value(plan, "segments"), value(plan, "equal"), value(plan, "calls")) == (4, 1, 3)
    assert value(plan, "payload_bytes") == 3 * 32_044


def test_what_cannot_be_read_is_named_and_counted(tmp_path, monkeypatch):
    monkeypatch.delenv("TENCENTCLOUD_SECRET_ID")  # nobody is called
    monkeypatch.delenv("TENCENTCLOUD_SECRET_KEY")
    some_wavs(tmp_path, 2)
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "bro\x1b[2Jken.mp3").write_bytes(b"no sound at all")
    plan = planned("--input", tmp_path, exit_code=3)
    assert [each["recordings"] for each in plan["failed_codes"]] == [1, 1]
    assert [each["code"] for each in plan["failed"]] == ["EmptyFile", "NotAudio"]
    assert [each["name"] for each in plan["failed"]] == ["empty.wav", "bro\x1b[2Jken.mp3"]
    assert value(plan, "failed") == 2
    shown = beamscribe("plan", "--input", tmp_path)
    assert shown.code == 3
    assert "Failing: " in shown.stdout
    assert "\x1b" not in shown.stdout


def test_addresses_that_are_passed_on_are_a_call_each_and_not_read(tmp_path):
    rows = [f"http://127.0.0.1:9/{number}.wav?token=hush" for number in range(3)]
    rows.append("http://127.0.0.1:9/" + "long" * 600)
    (tmp_path / "list.csv").write_text("\n".join(["audio", *rows]), "utf-8")
    made = beamscribe("plan", "--manifest", tmp_path / "list.csv", "--set=recognition.source=url", "--json")
    plan = json.loads(made.stdout)
    assert (made.code, value(plan, "calls"), plan["recordings"]["by_address"]) == (3, 3, 4)
    assert [each["code"] for each in plan["failed"]] == ["UrlTooLong"]
    assert "hush" not in made.stdout + made.stderr


def test_the_budget_is_held_against_the_calls(tmp_path, serve):
    some_wavs(tmp_path / "in", 8)
    given = ["--input", tmp_path / "in", "--output", tmp_path / "out", *settings(serve())]
    enough = planned(*given, "--set=budget.max_calls=8")["budget"]
    assert (enough["stops"], enough["share"], enough["spent"]) == ("no", 1, 0)
    assert beamscribe("run", *given, "--set=budget.max_calls=2").code == 4
    rest = planned(*given, "--set=budget.max_calls=5")
    assert value(rest, "calls") == 6
    assert rest["budget"] == {"max_calls": 5, "spent": 2, "stops": "yes", "share": 0.5}
    shown = beamscribe("plan", *given, "--set=budget.max_calls=5").stdout
    assert "Budget: 5 calls, of which an unfinished run has used 2: it stops the run after 50 %" in shown


def sampled(folder: Path, *more: str) -> dict[str, Any]:
    fast = ["--set=segmentation.detector=energy", "--set=segmentation.skip_silence=false"]
    return planned("--input", folder, "--sample", "50", *fast, *more)


def test_a_sample_tells_what_all_recordings_hold(tmp_path):
    for number in range(120):
        write_wav(tmp_path / f"{number:03}.wav", chatter(0.3 + number / 100, seed=number))
    write_wav(tmp_path / "long.wav", chatter(150))
    for number in range(20):
        shutil.copyfile(tmp_path / f"{number:03}.wav", tmp_path / f"copy{number:03}.wav")
    plan = sampled(tmp_path)
    assert (plan["sample"]["read"], plan["sample"]["all_of"]) == (50, 141)
    assert plan["sample"]["largest"] >= 1
    truth = {
        "audio_seconds": 150 + sum(0.3 + number / 100 for number in [*range(120), *range(20)]),
        "segments": 143,
        "calls": 123,
        "equal": 20,
    }
    for name, true in truth.items():
        figure = plan["amounts"][name]
        assert figure["low"] <= true <= figure["high"], name
        assert figure["low"] < figure["high"], name
    assert plan["amounts"]["audio_seconds"]["value"] == pytest.approx(truth["audio_seconds"], rel=0.05)
    assert float(plan["cost"]["low"]) <= 123 * 0.0032 <= float(plan["cost"]["high"])
    same, other = sampled(tmp_path), sampled(tmp_path, "--seed", "1")
    del plan["amounts"]["machine_seconds"], same["amounts"]["machine_seconds"]
    assert same["amounts"] == plan["amounts"]
    assert other["amounts"]["segments"] != plan["amounts"]["segments"] or other["sample"]["seed"] == 1


def test_a_corpus_that_is_no_larger_than_the_sample_is_read_whole(tmp_path):
    some_wavs(tmp_path, 4)
    plan = sampled(tmp_path, "--set=input.limit=3")
    assert plan["sample"] is None
    assert (value(plan, "calls"), plan["recordings"]["found"]) == (3, 3)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--input=.", "--sample=49"], "--sample 49: expected 50 or more"),
        (["--input=gone"], "--input gone matches nothing"),
        (["--output=out"], "Nothing to transcribe"),
        (["--input=.", "--output="], "An empty --input"),
        (["--input=.", "--output=a.wav"], "a.wav is a file; expected a folder"),
        (["--input=.", "--output=hdfs://host/out"], "output.state"),
        (["--input=.", "--set=segmentation.max_second=3"], "did you mean segmentation.max_seconds?"),
        (["--input=.", "--", "--runner=DaskRunner"], "--runner=DaskRunner is refused"),
        (["--input=.", "--", "--direct_num_workers=99"], "recognition.concurrency is 48"),
    ],
)
def test_wrong_arguments_are_told_as_by_run(arguments, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    some_wavs(tmp_path, 1)
    (tmp_path / "000.wav").rename(tmp_path / "a.wav")
    made: Ended = beamscribe("plan", *arguments)
    assert (made.code, told in " ".join(made.stderr.split())) == (2, True), made.stderr


def test_no_secret_is_told(tmp_path):
    some_wavs(tmp_path, 1)
    made = beamscribe("plan", "--input", tmp_path, "--print-config")
    assert made.code == 0
    assert TEST_SECRET_KEY not in made.stdout + made.stderr
