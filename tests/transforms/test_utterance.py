from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from transforms.answer import Answer, HeardWord, ServiceError
from transforms.calling import Ending, Reply, Tally
from transforms.records import Failure, SampleRange, Span, Stage, Utterance
from transforms.utterance import Heard, result_of

SPAN = Span("/a.wav", 7, 1, 2, start_sample=160_000, end_sample=480_000, sample_rate=16_000, engine="16k_zh")
REFUSED = ServiceError("InternalError", "It failed.", "id-9", False)


def answered(*words: tuple[str, int, int], duration_ms: int = 20_000) -> Reply:
    heard = tuple(HeardWord(*word) for word in words)
    answer = Answer("the text", heard, duration_ms, "id-1")
    return Reply(Ending.ANSWERED, Tally(calls=3), answer=answer, attempts=3, at_us=5)


def test_an_answer_becomes_an_utterance_in_the_recordings_samples():
    result = result_of(Heard(SPAN), answered(("a", 0, 1000), ("b", 1500, 20_000)))
    assert isinstance(result, Utterance)
    assert (result.span, result.text, result.request_id) == (SPAN, "the text", "id-1")
    assert (result.attempts, result.recognized_at_us) == (3, 5)
    assert [(word.start_sample, word.end_sample) for word in result.words] == [
        (160_000, 176_000),
        (184_000, 480_000),
    ]


@given(st.lists(st.tuples(st.integers(-1000, 70_000), st.integers(-1000, 70_000)), max_size=6))
def test_words_never_leave_their_segment(times):
    result = result_of(Heard(SPAN), answered(*((f"w{start}", start, end) for start, end in times)))
    assert isinstance(result, Utterance)
    for word in result.words:
        assert SPAN.start_sample <= word.start_sample <= SPAN.end_sample
        assert SPAN.start_sample <= word.end_sample <= SPAN.end_sample


def test_nothing_said_is_an_utterance_without_text():
    error = ServiceError("InvalidParameterValue.NoHumanVoice", "Nobody.", "id-2", False)
    result = result_of(Heard(SPAN), Reply(Ending.EMPTY, Tally(calls=1), error=error, attempts=1, at_us=5))
    assert result == Utterance(SPAN, "", (), "id-2", 1, 5)


def test_a_failed_call_becomes_a_failure_with_its_place_and_advice():
    result = result_of(
        Heard(SPAN), Reply(Ending.FAILED, Tally(calls=5), error=REFUSED, retryable=True, attempts=5)
    )
    assert isinstance(result, Failure)
    assert (result.stage, result.code, result.retryable, result.attempts) == (
        Stage.RECOGNIZE, "InternalError", True, 5,
    )  # fmt: skip
    assert (result.start_sample, result.end_sample, result.segment_index) == (160_000, 480_000, 2)
    assert result.request_id == "id-9"
    assert result.message.startswith("It failed. ")
    assert len(result.message) > len("It failed. ")


def test_a_segment_that_was_never_called_stays_a_span():
    assert result_of(Heard(SPAN), Reply(Ending.STOPPED, Tally())) is SPAN


def test_what_the_service_fetched_gets_the_length_that_it_told():
    fetched = Span("https://h/a.wav", None, 0, 0, 0, 0, 16_000, "16k_zh")
    result = result_of(Heard(fetched), answered(("a", 0, 2000), duration_ms=2000))
    assert isinstance(result, Utterance)
    assert (result.span.end_sample, result.words[0].end_sample) == (32_000, 32_000)


def test_words_of_a_neighbour_are_taken_out_of_text_and_words():
    sent = (SampleRange(SPAN.start_sample - 16_000, SPAN.end_sample),)
    reply = answered(("the", 100, 600), ("text", 1500, 2000))
    result = result_of(Heard(SPAN, sent), reply)
    assert isinstance(result, Utterance)
    assert result.text == "text"
    assert [(word.word, word.start_sample) for word in result.words] == [("text", 168_000)]


def test_the_encoders_delay_is_taken_off_the_words():
    result = result_of(Heard(SPAN, delay_samples=1600), answered(("a", 100, 200)))
    assert isinstance(result, Utterance)
    assert (result.words[0].start_sample, result.words[0].end_sample) == (160_000, 161_600)
