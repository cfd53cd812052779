"""The second half of `long_recordings`: the sound of planned chapters, in the stage that calls for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import apache_beam as beam

from transforms.beam_counts import count
from transforms.chapter_plan import PlannedChapter
from transforms.crew import Output
from transforms.cut_recording import span_of
from transforms.cut_settings import CutSettings
from transforms.meter import Doing
from transforms.reading import Reading
from transforms.records import Extent, Failure, Recording, Segment, Span
from transforms.segmenting import EXTENTS, FAILURES, Cut, CuttingFn
from transforms.transcript import Piece
from transforms.typed import TypedTransform

UNANSWERED = "unanswered"


@dataclass(frozen=True, slots=True)
class ChapterCut:
    """What came of a chapter: segments with their sound, or what stands for each without one."""

    segments: Iterator[Segment]
    without_sound: tuple[Failure | Span, ...]
    counts: Reading


class CutChaptersFn(CuttingFn[Recording | PlannedChapter, Cut | ChapterCut]):
    """Takes chapters, and cuts recordings in one piece, on threads of its own; see `CutChapters`."""

    def task(self, element: Recording | PlannedChapter) -> Callable[[], Cut | ChapterCut]:
        """Take the sound of a chapter's segments, or cut a recording."""
        if isinstance(element, Recording):
            return partial(self._cut_or_bury, element)
        return partial(self._taken, element)

    def outputs(self, result: Cut | ChapterCut) -> Iterator[Output]:
        """Segments, then the extents of recordings; or failures, or the spans that nobody called for."""
        if isinstance(result, Cut):
            yield from (each for each in self._outputs_of(result) if not isinstance(each.value, Piece))
            return
        count(result.counts)
        for segment in result.segments:
            yield Output(segment)
        for each in result.without_sound:
            yield Output(each, FAILURES if isinstance(each, Failure) else UNANSWERED)

    def _taken(self, chapter: PlannedChapter) -> ChapterCut:
        meter = self._meter.meter
        with meter.span(Doing.DECODING) as span:
            taken = self._cutter.take(chapter)
        missing: tuple[Failure | Span, ...] = ()
        # A recording counts as done with its last chapter: the others may be anywhere.
        recordings = int(chapter.is_last)
        if taken is None:
            missing = tuple(_spans_of(chapter))
            counts = Reading(segments_unanswered=len(missing))
        elif isinstance(taken, Failure):
            missing = tuple(_failure_at(each, taken) for each in _spans_of(chapter))
            counts = Reading(
                segments_failed=len(missing),
                failures={taken.code: len(missing)},
                recordings_done=recordings,
            )
            self._meter.failed(taken)
        else:
            channels = [(part.extent.audio_uri, part.extent.channel) for part in chapter.parts]
            segments = sum(len(part.segments) for part in chapter.parts)
            counts = Reading(recordings_done=meter.cut(channels, segments, recordings))
        meter.add(counts)
        sounding = iter(()) if taken is None or isinstance(taken, Failure) else taken
        return ChapterCut(sounding, missing, counts + Reading(decode_ms=round(span.seconds * 1000)))


def _spans_of(chapter: PlannedChapter) -> Iterator[Span]:
    for part in chapter.parts:
        for index, planned in enumerate(part.segments, start=part.first_index):
            yield span_of(part.extent, index, planned)


def _failure_at(span: Span, failure: Failure) -> Failure:
    """The failure of one segment whose chapter could not be decoded again."""
    return replace(
        failure,
        audio_crc32c=span.audio_crc32c,
        channel=span.channel,
        segment_index=span.segment_index,
        start_sample=span.start_sample,
        end_sample=span.end_sample,
        sample_rate=span.sample_rate,
        mark=None,
        settings="",
    )


class CutChapterOutputs(NamedTuple):
    """What `CutChapters` puts out."""

    segments: beam.PCollection[Segment]
    extents: beam.PCollection[Extent]
    failures: beam.PCollection[Failure]
    unanswered: beam.PCollection[Span]


@beam.typehints.with_input_types(PlannedChapter | Recording)
class CutChapters(TypedTransform):
    """Segments with their sound: ``PCollection[PlannedChapter | Recording] -> CutChapterOutputs``.

    As those of `segmenting.NormalizeAndCut` they cannot cross a shuffle. Those of a recording come
    from any worker, so transcripts are put together by `assemble.AssembleTranscripts`.

    Args:
        settings: how.
    """

    advice = "CutChapters takes the work of PlanLongOnes."

    def __init__(self, settings: CutSettings) -> None:
        super().__init__()
        self._settings = settings

    def expand(self, work: beam.PCollection[PlannedChapter | Recording]) -> CutChapterOutputs:
        """Wire it."""
        step = beam.ParDo(CutChaptersFn(self._settings)).with_output_types(
            Segment, **{EXTENTS: Extent, FAILURES: Failure, UNANSWERED: Span}
        )
        outputs = (
            work
            | "Spread what is planned" >> beam.Reshuffle().with_output_types(PlannedChapter | Recording)
            | "Decode again" >> step.with_outputs(EXTENTS, FAILURES, UNANSWERED, main="segments")
        )
        return CutChapterOutputs(outputs.segments, outputs[EXTENTS], outputs[FAILURES], outputs[UNANSWERED])
