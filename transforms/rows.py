"""Records to rows: the one place where samples become milliseconds of the dataset.

Rows are dictionaries since that is what pyarrow takes; they exist only between
here and the part file.
"""

from __future__ import annotations

from typing import TypedDict

from transforms.addresses import format_crc32c
from transforms.names import segment_stem
from transforms.records import Failure, Transcript, Utterance, Word


class WordRow(TypedDict):
    """An item of the column ``words`` of `SegmentRow`."""

    word: str
    start_ms: int
    end_ms: int


class AudioRow(TypedDict):
    """The column ``audio`` of `SegmentRow`."""

    bytes: bytes
    path: str


class SegmentRow(TypedDict):
    """A row of ``segments``; ``recognized_at`` in microseconds since 1970 UTC."""

    audio_uri: str
    audio_crc32c: str | None
    channel: int
    segment_index: int
    start_ms: int
    end_ms: int
    text: str
    words: list[WordRow]
    engine: str
    request_id: str
    attempts: int
    run_id: str
    recognized_at: int
    speech_ms: int | None
    level_dbfs: float | None
    clipped_share: float | None
    audio: AudioRow | None


class TranscriptRow(TypedDict):
    """A row of ``transcripts``."""

    audio_uri: str
    audio_crc32c: str | None
    channel: int
    id: str | None
    engine: str
    duration_ms: int
    speech_ms: int
    text: str
    segments: int
    failed_segments: int
    status: str
    size_bytes: int | None
    modified: str | None
    settings: str
    run_id: str


class FailureRow(TypedDict):
    """A row of ``failures``."""

    audio_uri: str
    audio_crc32c: str | None
    channel: int | None
    segment_index: int | None
    start_ms: int | None
    end_ms: int | None
    stage: str
    code: str
    message: str
    retryable: bool
    attempts: int
    request_id: str | None
    size_bytes: int | None
    modified: str | None
    settings: str
    run_id: str


def to_ms(sample: int, sample_rate: int) -> int:
    """Rounds a position in samples to whole milliseconds, half up.

    Exact at any length, and a function of the position alone: where a segment
    ends and the next begins they get the same number.

    Args:
        sample: position from the recording's start, in samples, 0 or more.
        sample_rate: samples per second.

    Returns:
        Milliseconds from the recording's start.
    """
    return (2000 * sample + sample_rate) // (2 * sample_rate)


def segment_row(utterance: Utterance, run_id: str) -> SegmentRow:
    """The row of ``segments`` for an answered segment."""
    span = utterance.span
    quality = utterance.quality
    speech_samples = None if quality is None else quality.speech_samples
    return SegmentRow(
        audio_uri=span.audio_uri,
        audio_crc32c=_crc32c_or_none(span.audio_crc32c),
        channel=span.channel,
        segment_index=span.segment_index,
        start_ms=to_ms(span.start_sample, span.sample_rate),
        end_ms=to_ms(span.end_sample, span.sample_rate),
        text=_unicode(utterance.text),
        words=[_word_row(word, span.sample_rate) for word in utterance.words],
        engine=span.engine,
        request_id=_unicode(utterance.request_id),
        attempts=utterance.attempts,
        run_id=run_id,
        recognized_at=utterance.recognized_at_us,
        speech_ms=_to_ms_or_none(speech_samples, span.sample_rate),
        level_dbfs=None if quality is None else quality.level_dbfs,
        clipped_share=None if quality is None else quality.clipped_share,
        audio=_audio_row(utterance),
    )


def transcript_row(transcript: Transcript, run_id: str) -> TranscriptRow:
    """The row of ``transcripts`` for one channel of a recording."""
    return TranscriptRow(
        audio_uri=transcript.audio_uri,
        audio_crc32c=_crc32c_or_none(transcript.audio_crc32c),
        channel=transcript.channel,
        id=None if transcript.recording_id is None else _unicode(transcript.recording_id),
        engine=transcript.engine,
        duration_ms=to_ms(transcript.duration_samples, transcript.sample_rate),
        speech_ms=to_ms(transcript.speech_samples, transcript.sample_rate),
        text=_unicode(transcript.text),
        segments=transcript.segments,
        failed_segments=transcript.failed_segments,
        status=transcript.status.value,
        size_bytes=None if transcript.mark is None else transcript.mark.size_bytes,
        modified=None if transcript.mark is None else transcript.mark.modified,
        settings=transcript.settings,
        run_id=run_id,
    )


def failure_row(failure: Failure, run_id: str) -> FailureRow:
    """The row of ``failures`` for a recording or a segment; times are null without a span."""
    return FailureRow(
        audio_uri=failure.audio_uri,
        audio_crc32c=_crc32c_or_none(failure.audio_crc32c),
        channel=failure.channel,
        segment_index=failure.segment_index,
        start_ms=_to_ms_or_none(failure.start_sample, failure.sample_rate),
        end_ms=_to_ms_or_none(failure.end_sample, failure.sample_rate),
        stage=failure.stage.value,
        code=_unicode(failure.code),
        message=_unicode(failure.message),
        retryable=failure.retryable,
        attempts=failure.attempts,
        request_id=None if failure.request_id is None else _unicode(failure.request_id),
        size_bytes=None if failure.mark is None else failure.mark.size_bytes,
        modified=None if failure.mark is None else failure.mark.modified,
        settings=failure.settings,
        run_id=run_id,
    )


def _audio_row(utterance: Utterance) -> AudioRow | None:
    if utterance.flac is None:
        return None
    span = utterance.span
    stem = segment_stem(span.audio_uri, span.channel, span.segment_index)
    return AudioRow(bytes=utterance.flac, path=f"{stem}.flac")


def _word_row(word: Word, sample_rate: int) -> WordRow:
    return WordRow(
        word=_unicode(word.word),
        start_ms=to_ms(word.start_sample, sample_rate),
        end_ms=to_ms(word.end_sample, sample_rate),
    )


def _to_ms_or_none(sample: int | None, sample_rate: int | None) -> int | None:
    return None if sample is None or sample_rate is None else to_ms(sample, sample_rate)


def _crc32c_or_none(crc32c: int | None) -> str | None:
    return None if crc32c is None else format_crc32c(crc32c)


def _unicode(text: str) -> str:
    # JSON may hold half a surrogate pair, which Parquet cannot: a paid answer may not
    # be lost to it. Whole pairs are joined, halves become U+FFFD.
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
