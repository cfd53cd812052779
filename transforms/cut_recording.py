"""Reads one recording to its end, and cuts it: no Beam, no threads of its own.

A recording that was cut before, by an earlier run or version, is cut at the same
places again: its cuts are in the record of paid answers, and so what was answered
stays answered, whatever has become of decoders and detectors since.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import BinaryIO

from transforms import codes
from transforms.answer_entry import Planned, PlannedChannel
from transforms.answer_record import AnswerRecord
from transforms.cut_settings import CutSettings
from transforms.cut_source import ChannelCut, CutTask, SourceCut, cut_source
from transforms.engines import sample_rate_of
from transforms.errors import RecordingError
from transforms.hold import HeldSound
from transforms.keys import PlanBasis, plan_key, tiled_plan_key
from transforms.records import Extent, Failure, PlannedSegment, Recording, Segment, Span, Stage
from transforms.source import open_source, verify

SourceCutter = Callable[[BinaryIO, CutTask], SourceCut]
"""What decodes and cuts: `cut_source`, or a process that does (`decode_pool`)."""

# A decoder of another version may find some samples more or less; more than this, and
# the recorded cuts are those of another sound.
_SAME_LENGTH_SECONDS = 0.5
# How far back a quiet place was looked for by default when silence was cut like speech.
_TILED_SEARCH_SECONDS = 12


@dataclass(frozen=True, slots=True)
class CutChannel:
    """One channel, read to its end; what is ``planned`` may be recorded cuts, not those of ``decoded``."""

    extent: Extent
    planned: tuple[PlannedSegment, ...]
    keys: tuple[bytes, ...]
    decoded: ChannelCut

    def segments(self) -> Iterator[Segment]:
        """Its segments in order; their sound is loaded when it is asked for."""
        for index, (planned, key) in enumerate(zip(self.planned, self.keys, strict=True)):
            span = Span(
                audio_uri=self.extent.audio_uri,
                audio_crc32c=self.extent.audio_crc32c,
                channel=self.extent.channel,
                segment_index=index,
                start_sample=planned.own.start_sample,
                end_sample=planned.own.end_sample,
                sample_rate=self.extent.sample_rate,
                engine=self.extent.engine,
            )
            own = HeldSound(self.decoded.hold, (planned.own,), span.sample_rate)
            sound = own if planned.sent == (planned.own,) else replace(own, pieces=planned.sent)
            yield Segment(
                span,
                sound=sound,
                key=key,
                sent=() if sound is own else planned.sent,
                own=own,
                speech_samples=self.decoded.speech.samples_in(planned.own),
            )


@dataclass(frozen=True, slots=True)
class CutRecording:
    """A recording as its channels; ``damage`` where it holds more than could be decoded."""

    channels: tuple[CutChannel, ...]
    damage: Failure | None = None

    @property
    def extents(self) -> tuple[Extent, ...]:
        """How far its channels reach."""
        return tuple(channel.extent for channel in self.channels)

    def segments(self) -> Iterator[Segment]:
        """All segments, channel by channel."""
        for channel in self.channels:
            yield from channel.segments()


def cut_recording(
    recording: Recording,
    settings: CutSettings,
    record: AnswerRecord | None = None,
    *,
    cutter: SourceCutter = cut_source,
) -> CutRecording:
    """Read, checksum, decode, resample and cut a recording.

    Args:
        recording: what to read.
        settings: how.
        record: where its cuts are looked up and kept.
        cutter: what decodes and cuts; by default that is done here.

    Raises:
        RecordingError: it cannot be read, is not what its checksum says, or cannot
            be decoded.
        OutputError: the record cannot be read or written.
        OSError: the temporary folder is full.
    """
    engine = settings.engines.engine_for(recording.language)
    with open_source(recording, limits=settings.limits) as source, _unchanged(source, recording):
        found = cutter(source, _task(recording, settings, sample_rate_of(engine)))
    # Bytes that are not the expected ones explain more than what a decoder made of them.
    verify(recording, found.checked)
    if found.failure is not None:
        raise found.failure
    decoded = {channel.number: channel for channel in found.channels}
    for each in found.channels:
        each.hold.settle()
    channels = tuple(
        CutChannel(
            extent=_extent(recording, settings, engine, found, planned),
            planned=planned.segments,
            keys=planned.answer_keys,
            decoded=decoded[planned.channel],
        )
        for planned in _plan(recording, settings, engine, found, record)
    )
    return CutRecording(channels, _damage(recording, settings, found))


@contextmanager
def _unchanged(source: BinaryIO, recording: Recording) -> Iterator[None]:
    """See to it that what is read is one file, and not two halves of a changing one."""
    before = os.fstat(source.fileno())
    # The cutter may close its copy of the source.
    descriptor = os.dup(source.fileno())
    try:
        yield
        after = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise RecordingError(
            Stage.READ,
            codes.READ_FAILED,
            f"{recording.audio_uri}: it changed while it was read, from {before.st_size:,} to "
            f"{after.st_size:,} bytes. Perhaps it is still being written: run the same command again when it "
            "is whole.",
            retryable=True,
        )


def failure_of(recording: Recording, settings: CutSettings, error: RecordingError) -> Failure:
    """The dead letter of a whole recording."""
    return Failure(
        audio_uri=recording.audio_uri,
        stage=error.stage,
        code=error.code,
        message=error.message,
        retryable=error.retryable,
        channel=recording.channel,
        mark=recording.mark,
        settings=settings.shaping.of(recording),
    )


def _task(recording: Recording, settings: CutSettings, sample_rate: int) -> CutTask:
    return CutTask(
        name=recording.audio_uri,
        sample_rate=sample_rate,
        channels=settings.channel_choice(recording),
        policy=settings.policy(sample_rate),
        detector=settings.detector,
        max_hours=settings.max_hours,
    )


def _extent(
    recording: Recording, settings: CutSettings, engine: str, found: SourceCut, planned: PlannedChannel
) -> Extent:
    return Extent(
        audio_uri=recording.audio_uri,
        audio_crc32c=found.checked.crc32c,
        channel=planned.channel,
        engine=engine,
        sample_rate=sample_rate_of(engine),
        duration_samples=planned.total_samples,
        covered_samples=sum(segment.own.samples for segment in planned.segments),
        speech_samples=planned.speech_samples,
        segments=len(planned.segments),
        recording_id=recording.recording_id,
        damaged=found.damage is not None,
        mark=recording.mark,
        settings=settings.shaping.of(recording),
    )


def _plan(
    recording: Recording, settings: CutSettings, engine: str, found: SourceCut, record: AnswerRecord | None
) -> tuple[PlannedChannel, ...]:
    """The recorded cuts of the recording, or those just made, which are recorded then."""
    keys = _plan_keys(recording, settings, engine, found.checked.digest)
    if record is not None:
        for known in filter(None, map(record.find_plan, keys)):
            if _fits(known, found, sample_rate_of(engine)):
                return known.channels
    made = Planned(keys[0], tuple(_planned(channel, settings, engine) for channel in found.channels))
    if record is not None:
        record.add(made)
    return made.channels


def _plan_keys(
    recording: Recording, settings: CutSettings, engine: str, content_digest: bytes
) -> tuple[bytes, ...]:
    """By what the cuts of the recording are recorded, or were by an earlier version."""
    sample_rate = sample_rate_of(engine)
    choice = settings.channel_choice(recording)
    basis = PlanBasis(
        content_digest=content_digest,
        channels=f"{choice.kind} {choice.channel}",
        sample_rate=sample_rate,
        voice_format=settings.voice_format,
        max_payload_bytes=settings.max_payload_bytes,
        fingerprint=settings.fingerprint(engine),
    )
    limit, *options = cutting = settings.cutting(sample_rate)
    key = plan_key(basis, cutting)
    if options:
        return (key,)
    max_samples = int(limit[1] or 0)
    search_samples = min(_TILED_SEARCH_SECONDS * sample_rate, max_samples // 2)
    return key, tiled_plan_key(basis, max_samples, search_samples)


def _planned(channel: ChannelCut, settings: CutSettings, engine: str) -> PlannedChannel:
    keys = (
        settings.answer_key(
            pcm_digest=digest,
            samples=segment.sent_samples,
            sample_rate=sample_rate_of(engine),
            engine=engine,
        )
        for segment, digest in zip(channel.segments, channel.digests, strict=True)
    )
    return PlannedChannel(
        channel.number, channel.total_samples, channel.speech_samples, channel.segments, tuple(keys)
    )


def _fits(plan: Planned, found: SourceCut, sample_rate: int) -> bool:
    """Whether a recorded plan is one of the sound that was decoded now."""
    recorded = {channel.channel: channel.total_samples for channel in plan.channels}
    decoded = {channel.number: channel.total_samples for channel in found.channels}
    tolerance = _SAME_LENGTH_SECONDS * sample_rate
    return recorded.keys() == decoded.keys() and all(
        abs(recorded[channel] - samples) <= tolerance for channel, samples in decoded.items()
    )


def _damage(recording: Recording, settings: CutSettings, found: SourceCut) -> Failure | None:
    if found.damage is None:
        return None
    error = RecordingError(Stage.DECODE, codes.DAMAGED, found.damage)
    return replace(failure_of(recording, settings, error), audio_crc32c=found.checked.crc32c)
