"""Records for tests of the dataset."""

from __future__ import annotations

from transforms.records import Extent, Failure, Span, Stage, Utterance, Word

RATE = 16000


def span_of(uri: str, index: int = 0, *, start: int = 0, end: int = RATE, channel: int = 0) -> Span:
    return Span(uri, 0xAB, channel, index, start, end, RATE, "16k_en")


def utterance_of(uri: str, index: int = 0, *, text: str = "hello", at_us: int = 1, **span: int) -> Utterance:
    where = span_of(uri, index, **span)
    words = (Word(text, where.start_sample, where.end_sample),)
    return Utterance(where, text, words, request_id="r", attempts=1, recognized_at_us=at_us)


def failure_of(uri: str, index: int | None = None, *, start: int = 0, end: int = RATE) -> Failure:
    if index is None:
        return Failure(uri, Stage.DECODE, "NotAudio", "not audio", retryable=False)
    return Failure(
        uri,
        Stage.RECOGNIZE,
        "InternalError",
        "try later",
        retryable=True,
        audio_crc32c=0xAB,
        channel=0,
        segment_index=index,
        start_sample=start,
        end_sample=end,
        sample_rate=RATE,
        attempts=3,
    )


def extent_of(uri: str, *, segments: int, duration: int, covered: int) -> Extent:
    speech = covered // 2
    return Extent(uri, 0xAB, 0, "16k_en", RATE, duration, covered, speech, segments, recording_id="mine")
