"""Normalize and cut: recordings in, segments with their sound out.

`cut_recording` does the work, on threads of its own, so that decoding never
holds up the calls in flight; the transform only wires it. Audio never crosses a
shuffle: what consumes the segments must be fused to this step.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import apache_beam as beam

from transforms import codes, formats
from transforms.addresses import is_http
from transforms.crew import CrewFn, Output, or_dead_letter
from transforms.cuts import CutPolicy
from transforms.cutting import Cutter
from transforms.engines import EngineChoice, sample_rate_of
from transforms.errors import RecordingError
from transforms.hold import Hold
from transforms.normalize import ChannelChoice, normalize
from transforms.records import Extent, Failure, Recording, Segment, Span, Stage
from transforms.sound import sound_of
from transforms.source import ReadLimits, open_source, verify
from transforms.stopping import StopReason, StopSignal

EXTENTS = "extents"
FAILURES = "failures"


@dataclass(frozen=True, slots=True)
class CutSettings:
    """How recordings become segments.

    Attributes:
        engines: which engine transcribes which language; its rate is the audio's.
        channels: "mix" all channels of a recording into one, or "split" them.
        voice_format: what segments are sent as; a named format with few bytes to
            spend makes segments shorter, "auto" never does.
        max_payload_bytes: the largest payload, before base64.
        max_seconds: the longest segment, below 60.
        search_seconds: how far back from the limit a quiet place is looked for.
        limits: of size and time, for what is downloaded.
        by_url: pass http(s) addresses on to the service instead of downloading.
        threads: how many recordings are decoded at once.
        coordination: the folder that the processes of the run share.
    """

    engines: EngineChoice
    coordination: Path
    channels: Literal["mix", "split"] = "mix"
    voice_format: str = "auto"
    max_payload_bytes: int = 600_000
    max_seconds: float = 59.0
    search_seconds: float = 12.0
    limits: ReadLimits = field(default_factory=ReadLimits)
    by_url: bool = False
    threads: int = 1

    def policy(self, sample_rate: int) -> CutPolicy:
        """The limits of a cut at an engine's rate."""
        max_samples = formats.max_samples(
            self.voice_format,
            sample_rate,
            max_payload_bytes=self.max_payload_bytes,
            max_seconds=self.max_seconds,
        )
        return CutPolicy.for_rate(sample_rate, max_samples=max_samples, search_seconds=self.search_seconds)


@dataclass(frozen=True, slots=True)
class CutRecording:
    """A recording that was read to its end: its channels and their pieces, held."""

    extents: tuple[Extent, ...]
    hold: Hold
    damage: Failure | None = None

    def segments(self) -> Iterator[Segment]:
        """The segments, channel by channel as they were cut; can be asked for once."""
        by_channel = {extent.channel: extent for extent in self.extents}
        indices = dict.fromkeys(by_channel, 0)
        for channel, piece in self.hold.release():
            extent = by_channel[channel]
            span = Span(
                audio_uri=extent.audio_uri,
                audio_crc32c=extent.audio_crc32c,
                channel=channel,
                segment_index=indices[channel],
                start_sample=piece.range.start_sample,
                end_sample=piece.range.end_sample,
                sample_rate=extent.sample_rate,
                engine=extent.engine,
            )
            indices[channel] += 1
            yield Segment(span, audio=sound_of(piece.pcm, extent.sample_rate))


@dataclass(frozen=True, slots=True)
class PassedOn:
    """A recording that the service fetches itself: one segment, unread here."""

    extents: tuple[Extent, ...]
    segment: Segment
    damage: Failure | None = None

    def segments(self) -> Iterator[Segment]:
        """The one segment."""
        yield self.segment


def cut_recording(recording: Recording, settings: CutSettings) -> CutRecording:
    """Read, checksum, decode, resample and cut a recording.

    Raises:
        RecordingError: it cannot be read, is not what its checksum says, or cannot
            be decoded.
        OSError: the temporary folder is full.
    """
    engine = settings.engines.engine_for(recording.language)
    sample_rate = sample_rate_of(engine)
    if recording.channel is not None:
        choice = ChannelChoice("only", recording.channel)
    else:
        choice = ChannelChoice(settings.channels)
    hold = Hold()
    cutters: dict[int, Cutter] = {}
    with open_source(recording, limits=settings.limits) as source:
        normalized = normalize(source, name=recording.audio_uri, sample_rate=sample_rate, channels=choice)
        try:
            for block in normalized:
                cutter = cutters.setdefault(block.channel, Cutter(settings.policy(sample_rate)))
                for piece in cutter.push(block.audio):
                    hold.add(block.channel, piece)
        except RecordingError:
            # Bytes that could not be read, or are not the expected ones, explain more than
            # what the decoder made of them.
            verify(recording, source.finish())
            raise
        for channel, cutter in cutters.items():
            for piece in cutter.finish():
                hold.add(channel, piece)
        checked = source.finish()
    verify(recording, checked)
    extents = tuple(
        Extent(
            audio_uri=recording.audio_uri,
            audio_crc32c=checked.crc32c,
            channel=channel,
            engine=engine,
            sample_rate=sample_rate,
            duration_samples=cutter.total_samples,
            speech_samples=sum(held.samples for held in hold.ranges(channel)),
            segments=len(hold.ranges(channel)),
            recording_id=recording.recording_id,
            damaged=normalized.damage is not None,
        )
        for channel, cutter in cutters.items()
    )
    return CutRecording(extents, hold, _damage(recording, checked.crc32c, normalized.damage))


def pass_on(recording: Recording, settings: CutSettings) -> PassedOn:
    """Let the service fetch the recording: one segment, whose length it will tell.

    Raises:
        RecordingError: no engine is configured for its language.
    """
    engine = settings.engines.engine_for(recording.language)
    channel = recording.channel or 0
    extent = Extent(
        audio_uri=recording.audio_uri,
        audio_crc32c=None,
        channel=channel,
        engine=engine,
        sample_rate=sample_rate_of(engine),
        duration_samples=0,
        speech_samples=0,
        segments=1,
        recording_id=recording.recording_id,
    )
    span = Span(recording.audio_uri, None, channel, 0, 0, 0, extent.sample_rate, engine)
    return PassedOn((extent,), Segment(span, url=recording.location.decode()))


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
        """Open the stop signal and hire the crew."""
        super().setup()
        self._stop = StopSignal(self._settings.coordination)

    def task(self, element: Recording) -> Callable[[], CutRecording | PassedOn | Failure | None]:
        """Cut the recording, or bury it."""
        return partial(
            or_dead_letter,
            partial(self._cut, element),
            stage=Stage.DECODE,
            bury=partial(failure_of, element),
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
        try:
            return cut_recording(recording, self._settings)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            self._stop.stop(
                StopReason(
                    "TemporaryFolderFull",
                    f"the temporary folder is full while {recording.audio_uri} was decoded: "
                    "free some space or point TMPDIR elsewhere, then run the same command again",
                )
            )
            return None


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
        return CutRecordings(outputs.segments, outputs[EXTENTS], outputs[FAILURES])


def failure_of(recording: Recording, error: RecordingError) -> Failure:
    """The dead letter of a whole recording."""
    return Failure(
        audio_uri=recording.audio_uri,
        stage=error.stage,
        code=error.code,
        message=error.message,
        retryable=error.retryable,
        channel=recording.channel,
    )


def _damage(recording: Recording, crc32c: int, damage: str | None) -> Failure | None:
    if damage is None:
        return None
    return Failure(
        audio_uri=recording.audio_uri,
        audio_crc32c=crc32c,
        stage=Stage.DECODE,
        code=codes.DAMAGED,
        message=damage,
        retryable=False,
        channel=recording.channel,
    )
