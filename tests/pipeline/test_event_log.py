from __future__ import annotations

import io
import json
from dataclasses import replace

from pipeline.config import Config
from pipeline.event_log import EventLog, digest_of
from pipeline.outcome import ExitCode
from tests.pipeline.progress_samples import CONFIG, ENDED, NOTE, NOW, REASON, STARTED, progress_at
from transforms.reading import NUMBERS


def log_of() -> tuple[EventLog, io.StringIO]:
    stream = io.StringIO()
    return EventLog(stream, lambda: NOW), stream


def events(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_run_is_told_from_start_to_end():
    log, stream = log_of()
    log.started(STARTED, "out", CONFIG)
    for second in range(0, 16, 5):
        log.progress(progress_at(second, calls=second))
    log.failed(NOTE)
    log.stopping(REASON)
    log.ended(ENDED)
    told = events(stream)
    assert [each["event"] for each in told] == [
        "run_started",
        "progress",
        "failure",
        "stopping",
        "progress",
        "run_ended",
    ]
    assert {(each["time"], each["run_id"]) for each in told} == {(NOW.isoformat(), STARTED.run_id)}
    start, sample, failure, stopping, last, end = told
    assert (start["requests_per_second"], start["concurrency"], start["output"]) == (25.0, 48, "out")
    assert (sample["calls"], last["calls"], last["cost"], last["seconds_left"]) == (10, 15, "0.016", None)
    assert set(NUMBERS) <= sample.keys()
    assert (failure["code"], failure["audio_uri"]) == ("NotAudio", "/a\x1b.wav")
    assert stopping["code"] == "Interrupted"
    assert (end["exit_code"], end["files"], end["calls"], end["cost"]) == (3, 7, 5, "0.016")


def test_a_command_that_broke_ends_too():
    log, stream = log_of()
    log.broke(ExitCode.USAGE, "UsageError: no such folder")
    [end] = events(stream)
    assert (end["event"], end["exit_code"], end["run_id"]) == ("run_ended", 2, None)
    assert end["stopped"] == "UsageError: no such folder"


def test_names_that_are_not_text_are_written_all_the_same():
    log, stream = log_of()
    log.started(STARTED, "out\udcff", CONFIG)
    assert events(stream)[0]["output"] == "out\\xff"


def test_no_name_breaks_a_line_or_moves_a_cursor():
    log, stream = log_of()
    log.failed(replace(NOTE, audio_uri="/家\x85\u2028\x9b2J.wav"))
    assert stream.getvalue().isascii()
    assert [each["audio_uri"] for each in events(stream)] == ["/家\x85\u2028\x9b2J.wav"]


def test_the_digest_of_a_configuration_is_that_of_its_values():
    same = Config.model_validate({"output": {"progress_seconds": 10}})
    assert digest_of(CONFIG) == digest_of(same)
    assert digest_of(CONFIG) != digest_of(Config())


def test_no_event_holds_the_password_or_signature_of_an_address():
    log, stream = log_of()
    address = "http://user:hunter2@h/a.wav?sig=TOPSECRET"
    log.failed(replace(NOTE, audio_uri=address))
    log.stopping(replace(REASON, message=f"all refused, as {address}."))
    log.broke(ExitCode.USAGE, f"UsageError: m.csv: {address} is asked for twice")
    assert stream.getvalue().count("http://***@h/a.wav?...") == 3
    assert not any(secret in stream.getvalue() for secret in ("hunter2", "TOPSECRET"))
