"""Reads one recording to its end, and cuts it: no Beam, no threads of its own.

A recording that was cut before, by an earlier run or version, is cut at the same
places again: its cuts are in the record of paid answers, and so what was answered
stays answered, whatever has become of decoders and detectors since.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO

from transforms import codes
from transforms.answer_entry import Planned, PlannedChannel
from transforms.answer_record import AnswerRecord
from transforms.cut_settings import CutSettings
from transforms.cut_source import ChannelCut, CutTask, SourceCut, cut_source
from transforms.engines import sample_rate_of
from transforms.errors import RecordingError
from transforms.hold import HeldSound, Hold
from transforms.keys import PlanBasis, plan_key, tiled_plan_key
from transforms.records import Extent, Failure, PlannedSegment, Recording, Segment, Span, Stage
from transforms.source import open_source, unchanged, verify

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
        """Its segments in order; their sound is read when it is asked for."""
        speech = map(self.decoded.speech.samples_in, (planned.own for planned in self.planned))
        return segments_of(self.extent, self.planned, self.keys, speech, self.decoded.hold)


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


def segments_of(
    extent: Extent,
    planned: Sequence[PlannedSegment],
    keys: Sequence[bytes],
    speech_samples: Iterable[int],
    hold: Hold,
    *,
    first_index: int = 0,
) -> Iterator[Segment]:
    """Segments of a channel that follow each other; their sound is read when it is asked for.

    Args:
        extent: of the channel.
        planned: where they lie.
        keys: of the answer to each.
        speech_samples: how much of each is speech.
        hold: has the sound of them all.
        first_index: the number of the first.
    """
    for index, (each, key, speech) in enumerate(
        zip(planned, keys, speech_samples, strict=True), start=first_index
    ):
        span = span_of(extent, index, each)
        own = HeldSound(hold, (each.own,), span.sample_rate)
        sound = own if each.sent == (each.own,) else replace(own, pieces=each.sent)
        yield Segment(
            span,
            sound=sound,
            key=key,
            sent=() if sound is own else each.sent,
            own=own,
            speech_samples=speech,
        )


def span_of(extent: Extent, index: int, planned: PlannedSegment) -> Span:
    """Where a segment of a channel lies."""
    return Span(
        audio_uri=extent.audio_uri,
        audio_crc32c=extent.audio_crc32c,
        channel=extent.channel,
        segment_index=index,
        start_sample=planned.own.start_sample,
        end_sample=planned.own.end_sample,
        sample_rate=extent.sample_rate,
        engine=extent.engine,
    )


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
    with open_source(recording, limits=settings.limits) as source, unchanged(source, recording):
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
            extent=extent_of(
                recording,
                settings,
                engine,
                planned,
                crc32c=found.checked.crc32c,
                damaged=found.damage is not None,
            ),
            planned=planned.segments,
            keys=planned.answer_keys,
            decoded=decoded[planned.channel],
        )
        for planned in _plan(recording, settings, engine, found, record)
    )
    return CutRecording(channels, _damage(recording, settings, found))


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


def extent_of(
    recording: Recording,
    settings: CutSettings,
    engine: str,
    planned: PlannedChannel,
    *,
    crc32c: int,
    damaged: bool = False,
) -> Extent:
    """How far a channel of a recording reaches that was cut as planned."""
    return Extent(
        audio_uri=recording.audio_uri,
        audio_crc32c=crc32c,
        channel=planned.channel,
        engine=engine,
        sample_rate=sample_rate_of(engine),
        duration_samples=planned.total_samples,
        covered_samples=sum(segment.own.samples for segment in planned.segments),
        speech_samples=planned.speech_samples,
        segments=len(planned.segments),
        recording_id=recording.recording_id,
        damaged=damaged,
        mark=recording.mark,
        settings=settings.shaping.of(recording),
    )


def _plan(
    recording: Recording, settings: CutSettings, engine: str, found: SourceCut, record: AnswerRecord | None
) -> tuple[PlannedChannel, ...]:
    """The recorded cuts of the recording, or those just made, which are recorded then."""
    keys = plan_keys(recording, settings, engine, found.checked.digest)
    lengths = {channel.number: channel.total_samples for channel in found.channels}
    known = recorded_plan(record, keys, lengths, sample_rate_of(engine))
    if known is not None:
        return known.channels
    made = Planned(keys[0], tuple(_planned(channel, settings, engine) for channel in found.channels))
    if record is not None:
        record.add(made)
    return made.channels


def plan_keys(
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


def recorded_plan(
    record: AnswerRecord | None, keys: Iterable[bytes], lengths: Mapping[int, int], sample_rate: int
) -> Planned | None:
    """The first recorded plan under the keys that is one of the sound that was decoded now.

    Args:
        record: where it is looked up.
        keys: under which it may be.
        lengths: of the channels, by number, in samples.
        sample_rate: samples per second.
    """
    if record is None:
        return None
    tolerance = _SAME_LENGTH_SECONDS * sample_rate
    for known in filter(None, map(record.find_plan, keys)):
        recorded = {channel.channel: channel.total_samples for channel in known.channels}
        if recorded.keys() == lengths.keys() and all(
            abs(recorded[channel] - samples) <= tolerance for channel, samples in lengths.items()
        ):
            return known
    return None


def _damage(recording: Recording, settings: CutSettings, found: SourceCut) -> Failure | None:
    if found.damage is None:
        return None
    error = RecordingError(Stage.DECODE, codes.DAMAGED, found.damage)
    return replace(failure_of(recording, settings, error), audio_crc32c=found.checked.crc32c)
