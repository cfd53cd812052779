"""Normalize and cut: recordings in, segments with their sound out.

`RecordingCutter` does the work, on threads here that mostly wait for their decode processes,
so that decoding never holds up the calls in flight, and a decoder that hangs or crashes
costs its recording alone; the transform only wires it. Audio never crosses a
shuffle: what consumes the segments must be fused to this step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import apache_beam as beam

from transforms.answer_book import AnswerBook, borrowed_book, give_back
from transforms.beam_counts import count
from transforms.crew import CrewFn, Element, Output, Result
from transforms.cut_recording import CutRecording
from transforms.cut_settings import CutSettings
from transforms.cutter import RecordingCutter
from transforms.in_stage import InStageCoder
from transforms.meter import Doing
from transforms.meter_files import borrowed_meter, give_back_meter
from transforms.pass_on import PassedOn
from transforms.reading import Reading
from transforms.records import Extent, Failure, Recording, Segment
from transforms.sound import BYTES_PER_SAMPLE
from transforms.stopping import StopSignal
from transforms.transcript import Piece
from transforms.typed import TypedTransform

EXTENTS = "extents"
PIECES = "pieces"
FAILURES = "failures"


@dataclass(frozen=True, slots=True)
class Cut:
    """What came of a recording, None if the run was stopped, with all that is counted of it."""

    value: CutRecording | PassedOn | Failure | None
    counts: Reading


class CuttingFn(CrewFn[Element, Result]):
    """What cuts recordings, or parts of them, on threads of its own, each with a decode process."""

    def __init__(self, settings: CutSettings) -> None:
        super().__init__(threads=settings.threads, ahead=settings.threads)
        self._settings = settings

    def setup(self) -> None:
        """Open the stop signal and hire the crew; decode processes start with its first recordings."""
        super().setup()
        self._meter = borrowed_meter(self._settings.coordination)
        settings = self._settings
        self._book: AnswerBook | None = None
        if settings.state is not None:
            self._book = borrowed_book(settings.state, settings.coordination)
        record = None if self._book is None else self._book.record
        self._cutter = RecordingCutter(settings, StopSignal(settings.coordination), record)

    def teardown(self) -> None:
        """Dismiss the crew, end its processes, give the record back."""
        super().teardown()
        give_back_meter(self._meter)
        self._cutter.close()
        if self._book is not None:
            give_back(self._book)

    def finish_bundle(self) -> Iterator[Any]:
        """Hand all on; what was counted can be seen then."""
        yield from super().finish_bundle()
        self._meter.write()

    def _outputs_of(self, result: Cut) -> Iterator[Output]:
        """Segments, then the extents of their channels, each as a piece too; or the failure."""
        count(result.counts)
        if result.value is None:
            return
        if isinstance(result.value, Failure):
            yield Output(result.value, FAILURES)
            return
        for segment in result.value.segments():
            yield Output(segment)
            yield Output(Piece(segment), PIECES)
        for extent in result.value.extents:
            yield Output(extent, EXTENTS)
            yield Output(Piece(extent), PIECES)
        if result.value.damage is not None:
            yield Output(result.value.damage, FAILURES)

    def _cut_or_bury(self, recording: Recording) -> Cut:
        meter = self._meter.meter
        with meter.span(Doing.DECODING) as span:
            value = self._cutter.cut(recording)
        counts = _counts_of(value)
        if isinstance(value, CutRecording | PassedOn):
            channels = [(extent.audio_uri, extent.channel) for extent in value.extents]
            counts += Reading(recordings_done=meter.cut(channels, counts.segments_cut))
        failure = value if isinstance(value, Failure | None) else value.damage
        if failure is not None:
            counts += Reading(recordings_failed=1, failures={failure.code: 1})
            self._meter.failed(failure)
        meter.add(counts)
        return Cut(value, counts + Reading(decode_ms=round(span.seconds * 1000)))


class NormalizeAndCutFn(CuttingFn[Recording, Cut]):
    """Decodes recordings; see `NormalizeAndCut`."""

    def task(self, element: Recording) -> Callable[[], Cut]:
        """Cut the recording, or bury it."""
        return partial(self._cut_or_bury, element)

    def outputs(self, result: Cut) -> Iterator[Output]:
        """Segments, then the extents of their channels, each as a piece too; or the failure."""
        return self._outputs_of(result)


def _counts_of(value: CutRecording | PassedOn | Failure | None) -> Reading:
    """What a recording adds to the counts of the run, but for its failure."""
    if value is None:
        return Reading(recordings_not_started=1)
    if isinstance(value, Failure):
        return Reading(recordings_done=1)
    return Reading(
        recordings_read=1,
        recordings_damaged=value.damage is not None,
        segments_cut=sum(extent.segments for extent in value.extents),
        audio_ms=sum(extent.duration_samples * 1000 // extent.sample_rate for extent in value.extents),
        speech_ms=sum(extent.speech_samples * 1000 // extent.sample_rate for extent in value.extents),
    )


class SegmentCoder(InStageCoder):
    """Keeps audio out of shuffles."""

    def refusal(self, value: Segment) -> str:
        """See `InStageCoder`."""
        return (
            f"a segment of {value.span.audio_uri} would cross a shuffle, which costs seven times its size in "
            "memory: consume the segments of NormalizeAndCut in the same stage, without a Reshuffle or "
            "grouping between."
        )

    def estimate_size(self, value: Segment) -> int:
        """Bytes of its sound, which need not be loaded yet."""
        return 0 if value.sound is None else value.sound.samples * BYTES_PER_SAMPLE


class PieceCoder(InStageCoder):
    """Keeps the pieces of a transcript together, and the audio among them out of shuffles."""

    def refusal(self, value: Piece) -> str:
        """See `InStageCoder`."""
        if isinstance(value.value, Segment):
            return SegmentCoder().refusal(value.value)
        return (
            f"a piece of {value.channel[0]} would cross a shuffle, behind which no worker has all pieces of "
            "a channel: use AssembleInStage in the stage of Recognize, without a Reshuffle or grouping "
            "between, or AssembleTranscripts."
        )

    def estimate_size(self, value: Piece) -> int:
        """Bytes of its sound, which need not be loaded yet."""
        return SegmentCoder().estimate_size(value.value) if isinstance(value.value, Segment) else 0


beam.coders.registry.register_coder(Segment, SegmentCoder)
beam.coders.registry.register_coder(Piece, PieceCoder)


class CutRecordings(NamedTuple):
    """What `NormalizeAndCut` puts out; ``pieces`` are segments and extents in one."""

    segments: beam.PCollection[Segment]
    extents: beam.PCollection[Extent]
    failures: beam.PCollection[Failure]
    pieces: beam.PCollection[Piece]


@beam.typehints.with_input_types(Recording)
class NormalizeAndCut(TypedTransform):
    """Decode, resample and cut recordings: ``PCollection[Recording] -> CutRecordings``.

    ``.segments`` carry audio, 16-bit mono at the engine's rate, and cannot cross a
    shuffle: `SegmentCoder` refuses it. What takes them (`recognize.Recognize`, a filter,
    a map) comes next. ``.extents`` tell how far each channel of a recording reaches and
    into how many segments it was cut; ``.failures`` are the dead letters of recordings that
    could not be read or decoded, in whole or in part. Both are small and go anywhere.
    ``.pieces`` are segments and extents in one, for `assemble.AssembleInStage`.

    ``cut = recordings | NormalizeAndCut(run.cutting)``

    Args:
        settings: how; `run.open_run` has them ready.

    Raises:
        UsageError: by these settings nothing could be cut.
    """

    advice = (
        "NormalizeAndCut takes Recording: FindRecordings, RecordingsFromPaths, RecordingsFromBytes and "
        "RecordingsFromSounds make them."
    )

    def __init__(self, settings: CutSettings) -> None:
        super().__init__()
        settings.check()
        self._settings = settings

    def expand(self, recordings: beam.PCollection[Recording]) -> CutRecordings:
        """Wire it."""
        step = beam.ParDo(NormalizeAndCutFn(self._settings))
        typed = step.with_output_types(Segment, **{EXTENTS: Extent, FAILURES: Failure, PIECES: Piece})
        outputs = recordings | "Decode, resample and cut" >> typed.with_outputs(
            EXTENTS, FAILURES, PIECES, main="segments"
        )
        return CutRecordings(outputs.segments, outputs[EXTENTS], outputs[FAILURES], outputs[PIECES])
