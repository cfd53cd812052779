from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.answer import Answer, HeardWord, ServiceError
from transforms.calling import Ending, Reply, Tally
from transforms.client import ClientSettings
from transforms.pace import PacePolicy
from transforms.recognize import RecognizeFn, RecognizeSettings, Settled, result_of
from transforms.records import Failure, Segment, Span, Stage, Utterance
from transforms.request import RequestParameters
from transforms.retry import RetryPolicy
from transforms.sound import sound_of

SPAN = Span("/a.wav", 7, 1, 2, start_sample=160_000, end_sample=480_000, sample_rate=16_000, engine="16k_zh")
REFUSED = ServiceError("InternalError", "It failed.", "id-9", False)


def answered(*words: tuple[str, int, int], duration_ms: int = 20_000) -> Reply:
    heard = tuple(HeardWord(*word) for word in words)
    answer = Answer("the text", heard, duration_ms, "id-1")
    return Reply(Ending.ANSWERED, Tally(calls=3), answer=answer, attempts=3, at_us=5)


def test_an_answer_becomes_an_utterance_in_the_recordings_samples():
    result = result_of(SPAN, answered(("a", 0, 1000), ("b", 1500, 20_000)))
    assert isinstance(result, Utterance)
    assert (result.span, result.text, result.request_id) == (SPAN, "the text", "id-1")
    assert (result.attempts, result.recognized_at_us) == (3, 5)
    assert [(word.start_sample, word.end_sample) for word in result.words] == [
        (160_000, 176_000),
        (184_000, 480_000),
    ]


@given(st.lists(st.tuples(st.integers(-1000, 70_000), st.integers(-1000, 70_000)), max_size=6))
def test_words_never_leave_their_segment(times):
    result = result_of(SPAN, answered(*((f"w{start}", start, end) for start, end in times)))
    assert isinstance(result, Utterance)
    for word in result.words:
        assert SPAN.start_sample <= word.start_sample <= SPAN.end_sample
        assert SPAN.start_sample <= word.end_sample <= SPAN.end_sample


def test_nothing_said_is_an_utterance_without_text():
    error = ServiceError("InvalidParameterValue.NoHumanVoice", "Nobody.", "id-2", False)
    result = result_of(SPAN, Reply(Ending.EMPTY, Tally(calls=1), error=error, attempts=1, at_us=5))
    assert result == Utterance(SPAN, "", (), "id-2", 1, 5)


def test_a_failed_call_becomes_a_failure_with_its_place_and_advice():
    result = result_of(SPAN, Reply(Ending.FAILED, Tally(calls=5), error=REFUSED, retryable=True, attempts=5))
    assert isinstance(result, Failure)
    assert (result.stage, result.code, result.retryable, result.attempts) == (
        Stage.RECOGNIZE, "InternalError", True, 5,
    )  # fmt: skip
    assert (result.start_sample, result.end_sample, result.segment_index) == (160_000, 480_000, 2)
    assert result.request_id == "id-9"
    assert result.message.startswith("It failed. ")
    assert len(result.message) > len("It failed. ")


def test_a_segment_that_was_never_called_stays_a_span():
    assert result_of(SPAN, Reply(Ending.STOPPED, Tally())) is SPAN


def test_what_the_service_fetched_gets_the_length_that_it_told():
    fetched = Span("https://h/a.wav", None, 0, 0, 0, 0, 16_000, "16k_zh")
    result = result_of(fetched, answered(("a", 0, 2000), duration_ms=2000))
    assert isinstance(result, Utterance)
    assert (result.span.end_sample, result.words[0].end_sample) == (32_000, 32_000)


def settings_for(folder, endpoint: str = "http://127.0.0.1:9") -> RecognizeSettings:
    return RecognizeSettings(
        client=ClientSettings(endpoint=endpoint),
        parameters=RequestParameters(),
        pace=PacePolicy(100.0),
        retry=RetryPolicy(),
        coordination=folder,
        concurrency=3,
    )


def test_what_is_pickled_is_settings_only(tmp_path, monkeypatch):
    monkeypatch.setenv("TENCENTCLOUD_SECRET_KEY", "a-very-secret-key")
    pickled = pickle.dumps(settings_for(tmp_path))
    assert b"a-very-secret-key" not in pickled
    assert pickle.loads(pickled) == settings_for(tmp_path)


@pytest.mark.parametrize("url", [None, "http://127.0.0.1/a.wav"])
def test_audio_or_an_address_is_called_for_and_answered(url, tmp_path, serve, local_credentials):
    service = serve()
    fn = RecognizeFn(settings_for(tmp_path, service.endpoint))
    fn.setup()
    span = Span("/a.wav", 7, 0, 0, 0, 1600, 16_000, "16k_en")
    audio = sound_of(b"\1\0" * 1600, 16_000)
    settled = fn.task(Segment(span, audio=None if url else audio, url=url))()
    fn.teardown()
    [output] = fn.outputs(settled)
    if url:
        # Nothing listens there: the service says that it could not fetch it.
        assert isinstance(output.value, Failure)
        assert (output.value.code, output.tag) == ("FailedOperation.ErrorDownFile", "failures")
    else:
        assert isinstance(output.value, Utterance)
        assert (output.value.span, output.tag, settled.tally.calls) == (span, None, 1)
        assert service.received[0].data_len == 44 + 3200


def test_each_result_goes_to_its_own_output(tmp_path):
    fn = RecognizeFn(settings_for(tmp_path))
    failure = Failure("/a.wav", Stage.RECOGNIZE, "InternalError", "why", True)
    tags = {
        type(value).__name__: [output.tag for output in fn.outputs(Settled(value, Tally()))]
        for value in (Utterance(SPAN, "", (), "", 1, 0), failure, SPAN)
    }
    assert tags == {"Utterance": [None], "Failure": ["failures"], "Span": ["unanswered"]}
