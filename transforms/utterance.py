"""What a reply means for its segment: an utterance, a failure, or nothing yet. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from transforms.answer import Answer
from transforms.calling import Ending, Reply, told
from transforms.errors import RecordingError
from transforms.records import Failure, PlannedSegment, SampleRange, Span, Stage, Utterance
from transforms.time_map import own_text, words_of


@dataclass(frozen=True, slots=True)
class Heard:
    """What the service hears of a segment, by which its times become the recording's.

    Attributes:
        sent: the parts of the channel that the payload joins; none for all of the span.
        delay_samples: how much later than in the payload the service hears a sound.
    """

    span: Span
    sent: tuple[SampleRange, ...] = ()
    delay_samples: int = 0


def result_of(heard: Heard, reply: Reply) -> Utterance | Failure | Span:
    """What a reply means for its segment."""
    span = heard.span
    error = reply.error
    if reply.ending is Ending.ANSWERED:
        assert reply.answer is not None, "an answered segment has an answer"
        return _utterance(heard, reply.answer, reply)
    if error is None:
        return span
    if reply.ending is Ending.EMPTY:
        return Utterance(span, "", (), error.request_id or "", reply.attempts, reply.at_us)
    buried = RecordingError(Stage.RECOGNIZE, error.code, told(error), retryable=reply.retryable)
    return failure_of(span, buried, attempts=reply.attempts, request_id=error.request_id)


def failure_of(
    span: Span, error: RecordingError, *, attempts: int = 0, request_id: str | None = None
) -> Failure:
    """The dead letter of a segment."""
    return Failure(
        audio_uri=span.audio_uri,
        stage=error.stage,
        code=error.code,
        message=error.message,
        retryable=error.retryable,
        audio_crc32c=span.audio_crc32c,
        channel=span.channel,
        segment_index=span.segment_index,
        start_sample=span.start_sample,
        end_sample=span.end_sample,
        sample_rate=span.sample_rate,
        attempts=attempts,
        request_id=request_id,
    )


def _utterance(heard: Heard, answer: Answer, reply: Reply) -> Utterance:
    """The answer with its times turned into samples of the recording (`time_map`)."""
    span = heard.span
    if span.audio_crc32c is None and span.end_sample == 0:  # fetched by the service, which tells its length
        span = replace(span, end_sample=answer.audio_duration_ms * span.sample_rate // 1000)
    own = SampleRange(span.start_sample, span.end_sample)
    planned = PlannedSegment(own, heard.sent or (own,))
    words = words_of(planned, answer.words, span.sample_rate, delay_samples=heard.delay_samples)
    text = own_text(answer.text, [each.word for each in answer.words], [word is not None for word in words])
    kept = tuple(word for word in words if word is not None)
    return Utterance(span, text, kept, answer.request_id, reply.attempts, reply.at_us)
