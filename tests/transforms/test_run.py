from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.testing import test_pipeline as beam_testing
from apache_beam.testing.util import assert_that, equal_to

from tests.e2e.sounds import some_wavs
from transforms import (
    EngineChoice,
    NormalizeAndCut,
    Recognize,
    RecordingsFromPaths,
    RequestParameters,
    Run,
    RunStoppedError,
    Segment,
    UsageError,
    open_run,
)
from transforms.sound import LoadedSound


def texts_of(paths: list[Path], run: Run, pipeline: beam.Pipeline) -> beam.PCollection[str]:
    cutting = replace(run.cutting, skip_silence=False, detector="energy")
    cut = pipeline | beam.Create(paths) | RecordingsFromPaths() | NormalizeAndCut(cutting)
    heard = cut.segments | Recognize(run.recognition)
    return heard.utterances | "Texts" >> beam.Map(lambda utterance: utterance.text)


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    return sorted(some_wavs(tmp_path / "in", 3).iterdir())


def test_both_halves_agree_and_nothing_is_left_behind(beamscribe_service, paths):
    service = beamscribe_service(answers=[{"text": "yes", "default": True}])
    with open_run(endpoint=service.endpoint, engine="16k_en") as run:
        assert run.coordination == run.cutting.coordination == run.recognition.coordination
        assert run.cutting.local_service
        assert run.cutting.parameters == run.recognition.parameters
        with beam_testing.TestPipeline(runner="FnApiRunner") as pipeline:
            assert_that(texts_of(paths, run, pipeline), equal_to(["yes"] * 3))
    assert not run.coordination.exists()


def test_what_was_answered_is_kept_where_a_record_is(beamscribe_service, paths, tmp_path):
    state = tmp_path / "state"
    for answers in (["yes"] * 3, []):
        service = beamscribe_service(answers=answers)
        with (
            open_run(endpoint=service.endpoint, engine="16k_en", state=state, max_calls=3) as run,
            beam_testing.TestPipeline(runner="FnApiRunner") as pipeline,
        ):
            assert_that(texts_of(paths, run, pipeline), equal_to(["yes"] * 3))
        assert service.stats().calls == len(answers)


def test_why_a_run_stopped_is_raised_when_it_has_ended(beamscribe_service, paths):
    service = beamscribe_service(calls_left=0)
    with (
        pytest.raises(RunStoppedError, match="Stopped before the end") as stopped,
        open_run(endpoint=service.endpoint, engine="16k_en") as run,
        beam.Pipeline(runner="FnApiRunner") as pipeline,
    ):
        _ = texts_of(paths, run, pipeline)
    assert stopped.value.reason.code == "FailedOperation.UserHasNoAmount"
    assert not run.coordination.exists()


def test_an_error_inside_is_the_one_that_is_raised(beamscribe_service):
    with pytest.raises(ZeroDivisionError), open_run() as run:
        _ = 1 / 0
    assert not run.coordination.exists()


def test_a_record_is_for_one_run_at_a_time(tmp_path):
    with (
        open_run(state=tmp_path),
        pytest.raises(UsageError, match="another run uses"),
        open_run(state=tmp_path),
    ):
        pytest.fail("opened")
    with open_run(state=tmp_path):
        pass


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"max_calls": 5}, "give state as well"),
        ({"endpoint": "asr.tencentcloudapi.com"}, "recognition.endpoint must be a scheme and a host"),
        ({"engine": "whisper"}, "engines start with 8k_ or 16k_"),
        ({"engine": EngineChoice("16k_zh", (("en", "16_en"),))}, "Did you mean 16k_en"),
        ({"requests_per_second": 0}, "requests_per_second is 0: expected more than 0"),
        ({"requests_per_second": float("nan")}, "requests_per_second is nan: expected more than 0"),
        ({"concurrency": 0}, "concurrency is 0: expected 1 or more"),
        ({"max_calls": -1, "state": "unused"}, "max_calls is -1: expected 0 or more"),
        ({"max_payload_bytes": 0}, "max_payload_bytes is 0, too little for one second as auto"),
        ({"voice_format": "flac"}, "flac"),
        ({"parameters": RequestParameters(word_info=7)}, "word_info"),
    ],
)
def test_a_wrong_argument_is_told(wrong, told):
    with pytest.raises(UsageError, match=told), open_run(**wrong):
        pytest.fail("opened")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"detector": "silerro"}, "detector is 'silerro': expected silero or energy. Did you mean silero?"),
        ({"channels": "splitt"}, "channels is 'splitt': expected mix or split. Did you mean split?"),
        ({"max_seconds": 0.5}, "segments need at least 1 s"),
    ],
)
def test_settings_by_which_nothing_could_be_cut_are_refused_before_the_pipeline_runs(wrong, told):
    with open_run() as run, pytest.raises(UsageError, match=re.escape(told)):
        NormalizeAndCut(replace(run.cutting, **wrong))


def louder(segment: Segment) -> Segment:
    return replace(segment, sound=LoadedSound(segment.audio.apply_gain(6)), key=None)


def test_a_step_between_may_change_what_is_sent(beamscribe_service, paths):
    payloads = []
    for change in (lambda segment: segment, louder):
        service = beamscribe_service()
        with (
            open_run(endpoint=service.endpoint, engine="16k_en") as run,
            beam_testing.TestPipeline(runner="FnApiRunner") as pipeline,
        ):
            cutting = replace(run.cutting, skip_silence=False, detector="energy")
            cut = pipeline | beam.Create(paths) | RecordingsFromPaths() | NormalizeAndCut(cutting)
            _ = cut.segments | beam.Map(change) | Recognize(run.recognition)
        payloads.append({call.payload_sha256 for call in service.received})
    as_it_was, changed = payloads
    assert len(as_it_was) == len(changed) == 3
    assert not as_it_was & changed
