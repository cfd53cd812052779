"""Normalize and cut: recordings in, segments with their sound out.

`cut_recording` does the work, on threads here that mostly wait for their decode processes,
so that decoding never holds up the calls in flight, and a decoder that hangs or crashes
costs its recording alone; the transform only wires it. Audio never crosses a
shuffle: what consumes the segments must be fused to this step.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import apache_beam as beam

from transforms.addresses import is_http
from transforms.answer_book import AnswerBook, borrowed_book, give_back
from transforms.crew import CrewFn, Output, or_dead_letter
from transforms.cut_recording import CutRecording, PassedOn, cut_recording, failure_of, pass_on
from transforms.cut_settings import CutSettings
from transforms.cut_source import cut_source
from transforms.decode_pool import DecodePool
from transforms.folders import OutputError
from transforms.hold import BYTES_PER_SAMPLE, allow_many_files
from transforms.records import Extent, Failure, Recording, Segment, Stage
from transforms.stopping import OUTPUT_FAILED, StopReason, StopSignal

EXTENTS = "extents"
FAILURES = "failures"


class NormalizeAndCutFn(CrewFn[Recording, "CutRecording | PassedOn | Failure | None"]):
    """Decodes recordings on threads of its own; see `NormalizeAndCut`."""

    def __init__(self, settings: CutSettings) -> None:
        super().__init__(threads=settings.threads, ahead=settings.threads)
        self._settings = settings
        self._read = beam.metrics.Metrics.counter("beamscribe", "recordings_read")
        self._samples_ms = beam.metrics.Metrics.counter("beamscribe", "audio_ms")
        self._speech_ms = beam.metrics.Metrics.counter("beamscribe", "speech_ms")
        self._failed = beam.metrics.Metrics.counter("beamscribe", "recordings_failed")
        self._left = beam.metrics.Metrics.counter("beamscribe", "recordings_not_started")

    def setup(self) -> None:
        """Open the stop signal and hire the crew; decode processes start with its first recordings."""
        super().setup()
        allow_many_files()
        self._pool: DecodePool | None = None
        if self._settings.isolated:
            self._pool = DecodePool(
                stall_seconds=self._settings.stall_seconds, stopped=lambda: self._stop.reason() is not None
            )
        self._stop = StopSignal(self._settings.coordination)
        self._book: AnswerBook | None = None
        if self._settings.state is not None:
            self._book = borrowed_book(self._settings.state, self._settings.coordination)

    def teardown(self) -> None:
        """Dismiss the crew, end its processes, give the record back."""
        super().teardown()
        if self._pool is not None:
            self._pool.close()
        if self._book is not None:
            give_back(self._book)

    def task(self, element: Recording) -> Callable[[], CutRecording | PassedOn | Failure | None]:
        """Cut the recording, or bury it."""
        return partial(
            or_dead_letter,
            partial(self._cut, element),
            stage=Stage.DECODE,
            bury=partial(failure_of, element, self._settings),
        )

    def outputs(self, result: CutRecording | PassedOn | Failure | None) -> Iterator[Output]:
        """Segments, then the extents of their channels; or the failure."""
        if result is None:
            self._left.inc()
            return
        if isinstance(result, Failure):
            self._failed.inc()
            yield Output(result, FAILURES)
            return
        self._read.inc()
        for segment in result.segments():
            yield Output(segment)
        for extent in result.extents:
            self._samples_ms.inc(extent.duration_samples * 1000 // extent.sample_rate)
            self._speech_ms.inc(extent.speech_samples * 1000 // extent.sample_rate)
            yield Output(extent, EXTENTS)
        if result.damage is not None:
            self._failed.inc()
            yield Output(result.damage, FAILURES)

    def _cut(self, recording: Recording) -> CutRecording | PassedOn | None:
        if self._stop.reason() is not None:
            return None
        if self._settings.by_url and is_http(recording.location):
            return pass_on(recording, self._settings)
        record = None if self._book is None else self._book.record
        cutter = cut_source if self._pool is None else self._pool.cut
        try:
            return cut_recording(recording, self._settings, record, cutter=cutter)
        except OutputError as error:
            self._stop.stop(StopReason(OUTPUT_FAILED, str(error)))
        except InterruptedError:  # the run was stopped, and nothing was paid for yet
            pass
        except OSError as error:  # of this machine: what a recording can do wrong is a RecordingError
            self._stop.stop(_short_of(error, recording))
        return None


def _short_of(error: OSError, recording: Recording) -> StopReason:
    """What the machine lacks, which the next recording would lack too."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        code, what = "TemporaryFolderFull", "the temporary folder is full"
        advice = "free some space or point TMPDIR elsewhere"
    elif error.errno in (errno.EMFILE, errno.ENFILE):
        code, what = "TooManyOpenFiles", "too many files were open"
        advice = "raise the limit (ulimit -n) or lower recognition.concurrency"
    elif error.errno in (errno.EAGAIN, errno.ENOMEM):
        code, what = "NoMoreProcesses", f"no process could be started ({error})"
        advice = "make room for memory and processes, or run with fewer workers"
    else:
        code, what = "TemporaryFolderFailed", f"the temporary folder could not be used ({error})"
        advice = "see to its rights and its mount, or point TMPDIR elsewhere"
    return StopReason(
        code, f"{what} while {recording.audio_uri} was decoded: {advice}, then run the same command again"
    )


class SegmentCoder(beam.coders.Coder):
    """Keeps audio out of shuffles: a segment can be handed on inside a stage, and not written.

    Beam asks now and then how large an element is; that is told without writing it.
    """

    def encode(self, value: Segment) -> bytes:
        """Refuse.

        Raises:
            TypeError: always.
        """
        raise TypeError(
            f"a segment of {value.span.audio_uri} would cross a shuffle, which costs seven times its size in "
            "memory: consume the segments of NormalizeAndCut in the same stage, without a Reshuffle or "
            "grouping between."
        )

    def decode(self, encoded: bytes) -> Segment:
        """There is nothing to decode."""
        raise TypeError("no segment was ever encoded")

    def estimate_size(self, value: Segment) -> int:
        """Bytes of its sound, which need not be loaded yet."""
        return 0 if value.sound is None else value.sound.samples * BYTES_PER_SAMPLE

    def is_deterministic(self) -> bool:
        """Segments are no keys."""
        return False


beam.coders.registry.register_coder(Segment, SegmentCoder)


class CutRecordings(NamedTuple):
    """What `NormalizeAndCut` puts out."""

    segments: beam.PCollection[Segment]
    extents: beam.PCollection[Extent]
    failures: beam.PCollection[Failure]


class NormalizeAndCut(beam.PTransform):
    """PCollection of `Recording` to `CutRecordings`."""

    def __init__(self, settings: CutSettings) -> None:
        super().__init__()
        self._settings = settings

    def expand(self, recordings: beam.PCollection[Recording]) -> CutRecordings:
        """Wire it."""
        outputs = recordings | "Decode, resample and cut" >> beam.ParDo(
            NormalizeAndCutFn(self._settings)
        ).with_outputs(EXTENTS, FAILURES, main="segments")
        outputs.segments.element_type = Segment  # for its coder: tagged outputs have none by themselves
        return CutRecordings(outputs.segments, outputs[EXTENTS], outputs[FAILURES])
