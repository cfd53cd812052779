"""Puts the segments of one channel together, and proves that nothing is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from transforms.errors import BeamscribeError
from transforms.records import Extent, Failure, Segment, Span, Status, Transcript, Utterance
from transforms.text import join_texts


class HoleError(BeamscribeError):
    """The segments of a channel do not add up to what was read of it."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One of the things that the transcript of a channel is put together of; it stays in its stage.

    Attributes:
        value: how far the channel reaches; or one of its segments, and behind the call for
            it what came of that: the span alone where it was never called.
    """

    value: Extent | Segment | Utterance | Failure | Span

    @property
    def channel(self) -> tuple[str, int | None]:
        """``audio_uri`` and channel to which it belongs."""
        where = self.value.span if isinstance(self.value, Segment | Utterance) else self.value
        return where.audio_uri, where.channel


@dataclass(slots=True, eq=False)
class Gathering:
    """What has come of one channel so far, without words and sound."""

    extents: list[Extent] = field(default_factory=list)
    utterances: list[Utterance] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    unanswered: list[Span] = field(default_factory=list)
    _settled: set[int | None] = field(default_factory=set)

    def take(self, value: Extent | Segment | Utterance | Failure | Span) -> None:
        """One more piece, in any order.

        Raises:
            ValueError: a segment before there is anything that came of it.
        """
        match value:
            case Extent() as extent:
                self.extents.append(extent)
            case Utterance() as utterance:
                self.utterances.append(replace(utterance, words=(), flac=None))
                self._settled.add(utterance.span.segment_index)
            case Failure() as failure:
                self.failures.append(failure)
                self._settled.add(failure.segment_index)
            case Span() as span:
                self.unanswered.append(span)
                self._settled.add(span.segment_index)
            case Segment():
                raise ValueError(
                    f"a segment of {value.span.audio_uri} was not called for yet: Recognize does that"
                )

    @property
    def is_whole(self) -> bool:
        """Whether something came of every segment."""
        return bool(self.extents) and len(self._settled) >= self.extents[0].segments

    @property
    def is_untouched(self) -> bool:
        """Whether the run was stopped before any of its segments was called."""
        return bool(self.unanswered) and not self.utterances and not self.failures

    def transcript(self) -> Transcript:
        """What `assemble` makes of it; there is an extent.

        Raises:
            HoleError: see there.
        """
        return assemble(one_extent(self.extents), self.utterances, self.failures, self.unanswered)


def one_extent(extents: Sequence[Extent]) -> Extent:
    """The extent of a channel, of which a runner may have sent several equal ones.

    Args:
        extents: at least one, all of the same recording and channel.

    Raises:
        HoleError: they differ: the recording was read twice, and changed in between.
    """
    first = extents[0]
    for other in extents[1:]:
        if other != first:
            raise _hole(first, f"it was read twice, first as {first}, then as {other}")
    return first


def assemble(
    extent: Extent,
    utterances: Sequence[Utterance],
    failures: Sequence[Failure],
    unanswered: Sequence[Span] = (),
) -> Transcript:
    """Joins what was said in one channel, in the order of its segments.

    A segment may come twice, since a runner may repeat a bundle: the first answer
    counts, and an answer counts more than a failure. Where the service fetched the
    recording itself (a segment, but an extent of 0 samples) duration and speech are
    those of the answer.

    Args:
        extent: how far the channel reaches and into how many segments it was cut.
        utterances: answers for its segments, in any order.
        failures: failures of its segments, in any order; those of whole recordings are ignored.
        unanswered: segments that were never called, since the run was stopped.

    Raises:
        HoleError: a segment is missing, the segments overlap, reach beyond the
            recording, are not those of the extent, or do not add up to what was cut of it.
    """
    answers = _by_index(extent, utterances)
    fetched_by_service = extent.duration_samples == 0 and extent.segments > 0
    if fetched_by_service:
        end_sample = max((answer.span.end_sample for answer in answers.values()), default=0)
        speech_samples = sum(answer.span.samples for answer in answers.values())
        extent = replace(extent, duration_samples=end_sample, speech_samples=speech_samples)
    else:
        spans = {
            **{span.segment_index: span for span in unanswered},
            **_failed_spans(extent, failures),
            **{index: answer.span for index, answer in answers.items()},
        }
        _check_spans(extent, spans)
    text = join_texts(answers[index].text for index in sorted(answers))
    failed_segments = extent.segments - len(answers)
    return Transcript(
        audio_uri=extent.audio_uri,
        audio_crc32c=extent.audio_crc32c,
        channel=extent.channel,
        recording_id=extent.recording_id,
        engine=extent.engine,
        sample_rate=extent.sample_rate,
        duration_samples=extent.duration_samples,
        speech_samples=extent.speech_samples,
        text=text,
        segments=extent.segments,
        failed_segments=failed_segments,
        status=_status(text, whole=failed_segments == 0 and not extent.damaged),
        mark=extent.mark,
        settings=extent.settings,
    )


def _status(text: str, *, whole: bool) -> Status:
    if not whole:
        return Status.PARTIAL
    return Status.COMPLETE if text else Status.EMPTY


def _by_index(extent: Extent, utterances: Sequence[Utterance]) -> dict[int, Utterance]:
    answers: dict[int, Utterance] = {}
    for utterance in utterances:
        span = utterance.span
        if (span.audio_crc32c, span.sample_rate) != (extent.audio_crc32c, extent.sample_rate):
            raise _hole(
                extent,
                f"segment {span.segment_index} was cut from bytes with checksum {span.audio_crc32c} at "
                f"{span.sample_rate} Hz, the recording has {extent.audio_crc32c} at {extent.sample_rate} Hz",
            )
        first = answers.setdefault(span.segment_index, utterance).span
        if first != span:
            raise _hole(extent, f"segment {span.segment_index} was answered as {first} and again as {span}")
    return answers


def _failed_spans(extent: Extent, failures: Sequence[Failure]) -> dict[int, Span]:
    spans: dict[int, Span] = {}
    for failure in failures:
        if failure.segment_index is None or failure.start_sample is None or failure.end_sample is None:
            continue
        spans[failure.segment_index] = Span(
            audio_uri=extent.audio_uri,
            audio_crc32c=extent.audio_crc32c,
            channel=extent.channel,
            segment_index=failure.segment_index,
            start_sample=failure.start_sample,
            end_sample=failure.end_sample,
            sample_rate=extent.sample_rate,
            engine=extent.engine,
        )
    return spans


def _check_spans(extent: Extent, spans: Mapping[int, Span]) -> None:
    if sorted(spans) != list(range(extent.segments)):
        raise _hole(
            extent,
            f"{extent.segments} segments were cut, and something is known of {len(spans)} with the "
            f"numbers {min(spans, default='none')} to {max(spans, default='none')}",
        )
    reached_sample = 0
    for index in range(extent.segments):
        span = spans[index]
        if not reached_sample <= span.start_sample <= span.end_sample <= extent.duration_samples:
            raise _hole(
                extent,
                f"segment {index} covers samples {span.start_sample} to {span.end_sample}, outside of "
                f"{reached_sample} (the last end) to {extent.duration_samples} (the recording's)",
            )
        reached_sample = span.end_sample
    covered_samples = sum(span.samples for span in spans.values())
    if covered_samples != extent.covered_samples:
        raise _hole(
            extent,
            f"its {extent.segments} segments cover {covered_samples} samples, the recording "
            f"was cut into {extent.covered_samples}",
        )


def _hole(extent: Extent, disagreement: str) -> HoleError:
    return HoleError(
        f"{extent.audio_uri}, channel {extent.channel}: no transcript was written, since its segments do not "
        f"add up: {disagreement}. Perhaps the recording changed while it was read: run the same command "
        f"again, and report it as a bug if it stays."
    )
