"""Reads one recording to its end, and cuts it: no Beam, no threads of its own.

A recording that was cut before, by an earlier run or version, is cut at the same
places again: its cuts are in the record of paid answers, and so what was answered
stays answered, whatever has become of decoders and detectors since.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from transforms import codes
from transforms.answer_entry import Planned, PlannedChannel
from transforms.answer_record import AnswerRecord
from transforms.cut_settings import CutSettings
from transforms.cuts import CutPolicy, SampleRange
from transforms.cutting import Cutter
from transforms.engines import sample_rate_of
from transforms.errors import RecordingError
from transforms.fetch import mark_of_url
from transforms.hold import Hold
from transforms.keys import plan_key
from transforms.normalize import Normalized, normalize
from transforms.records import Extent, Failure, Recording, Segment, Span, Stage
from transforms.sound import sound_of
from transforms.source import Checked, ChecksumReader, open_source, verify

# A decoder of another version may find some samples more or less; more than this, and
# the recorded cuts are those of another sound.
_SAME_LENGTH_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class CutChannel:
    """One channel of a recording that was read to its end, its sound held."""

    extent: Extent
    ranges: tuple[SampleRange, ...]
    keys: tuple[bytes, ...]
    hold: Hold

    def segments(self) -> Iterator[Segment]:
        """Its segments in order; can be asked for once, for the sound is let go."""
        for index, (piece, key) in enumerate(zip(self.ranges, self.keys, strict=True)):
            span = Span(
                audio_uri=self.extent.audio_uri,
                audio_crc32c=self.extent.audio_crc32c,
                channel=self.extent.channel,
                segment_index=index,
                start_sample=piece.start_sample,
                end_sample=piece.end_sample,
                sample_rate=self.extent.sample_rate,
                engine=self.extent.engine,
            )
            yield Segment(span, audio=sound_of(self.hold.read(piece), span.sample_rate), key=key)
        self.hold.close()


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
        """All segments, channel by channel; can be asked for once."""
        for channel in self.channels:
            yield from channel.segments()


@dataclass(frozen=True, slots=True)
class PassedOn:
    """A recording that the service fetches itself: one segment, unread here."""

    extents: tuple[Extent, ...]
    segment: Segment
    damage: Failure | None = None

    def segments(self) -> Iterator[Segment]:
        """The one segment."""
        yield self.segment


def cut_recording(
    recording: Recording, settings: CutSettings, record: AnswerRecord | None = None
) -> CutRecording:
    """Read, checksum, decode, resample and cut a recording.

    Args:
        recording: what to read.
        settings: how.
        record: where its cuts are looked up and kept.

    Raises:
        RecordingError: it cannot be read, is not what its checksum says, or cannot
            be decoded.
        OutputError: the record cannot be read or written.
        OSError: the temporary folder is full.
    """
    engine = settings.engines.engine_for(recording.language)
    sample_rate = sample_rate_of(engine)
    with open_source(recording, limits=settings.limits) as source:
        normalized = normalize(
            source,
            name=recording.audio_uri,
            sample_rate=sample_rate,
            channels=settings.channel_choice(recording),
        )
        cutters, checked = _read_to_the_end(recording, source, normalized, settings.policy(sample_rate))
    plan = _plan(recording, settings, engine, cutters, checked, record)
    channels = tuple(
        CutChannel(
            extent=Extent(
                audio_uri=recording.audio_uri,
                audio_crc32c=checked.crc32c,
                channel=planned.channel,
                engine=engine,
                sample_rate=sample_rate,
                duration_samples=planned.total_samples,
                speech_samples=sum(end - start for start, end in planned.ranges),
                segments=len(planned.ranges),
                recording_id=recording.recording_id,
                damaged=normalized.damage is not None,
                mark=recording.mark,
                settings=settings.shaping.of(recording),
            ),
            ranges=tuple(SampleRange(start, end) for start, end in planned.ranges),
            keys=planned.answer_keys,
            hold=cutters[planned.channel].hold,
        )
        for planned in plan
    )
    return CutRecording(channels, _damage(recording, settings, checked.crc32c, normalized.damage))


def pass_on(recording: Recording, settings: CutSettings) -> PassedOn:
    """Let the service fetch the recording: one segment, whose length it will tell.

    Its answer is known by what the server says of the content; where it says nothing, by
    the unfinished run alone, for an address may hold something else tomorrow.

    Raises:
        RecordingError: no engine is configured for its language, or one channel was asked for.
    """
    engine = settings.engines.engine_for(recording.language)
    url = recording.location.decode()
    if recording.channel is not None:
        raise RecordingError(
            Stage.READ,
            codes.NO_SUCH_CHANNEL,
            f"{url}: channel {recording.channel} was asked for, and the service takes a whole file from an "
            "address. Leave recognition.source at data for it, or the channel out of the manifest.",
        )
    mark = mark_of_url(url, settings.limits)
    extent = Extent(
        audio_uri=recording.audio_uri,
        audio_crc32c=None,
        channel=0,
        engine=engine,
        sample_rate=sample_rate_of(engine),
        duration_samples=0,
        speech_samples=0,
        segments=1,
        recording_id=recording.recording_id,
        mark=mark,
        settings=settings.shaping.of(recording),
    )
    span = Span(recording.audio_uri, None, extent.channel, 0, 0, 0, extent.sample_rate, engine)
    return PassedOn((extent,), Segment(span, url=url, key=settings.url_key(url, mark, engine)))


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


def _read_to_the_end(
    recording: Recording, source: ChecksumReader, normalized: Normalized, policy: CutPolicy
) -> tuple[dict[int, Cutter], Checked]:
    cutters: dict[int, Cutter] = {}
    try:
        for block in normalized:
            if block.channel not in cutters:
                cutters[block.channel] = Cutter(policy)
            cutters[block.channel].push(block.audio)
    except RecordingError:
        # Bytes that could not be read, or are not the expected ones, explain more than
        # what the decoder made of them.
        verify(recording, source.finish())
        raise
    for cutter in cutters.values():
        cutter.finish()
    checked = source.finish()
    verify(recording, checked)
    return cutters, checked


def _plan(
    recording: Recording,
    settings: CutSettings,
    engine: str,
    cutters: dict[int, Cutter],
    checked: Checked,
    record: AnswerRecord | None,
) -> tuple[PlannedChannel, ...]:
    """The recorded cuts of the recording, or those just made, which are recorded then."""
    sample_rate = sample_rate_of(engine)
    policy = settings.policy(sample_rate)
    choice = settings.channel_choice(recording)
    key = plan_key(
        content_digest=checked.digest,
        channels=f"{choice.kind} {choice.channel}",
        sample_rate=sample_rate,
        max_samples=policy.max_samples,
        search_samples=policy.search_samples,
        voice_format=settings.voice_format,
        max_payload_bytes=settings.max_payload_bytes,
        fingerprint=settings.fingerprint(engine),
    )
    known = None if record is None else record.find_plan(key)
    if known is not None and _fits(known, cutters, sample_rate):
        return known.channels
    made = Planned(
        key,
        tuple(
            PlannedChannel(
                channel=channel,
                total_samples=cutter.total_samples,
                ranges=tuple((piece.start_sample, piece.end_sample) for piece in cutter.ranges),
                answer_keys=tuple(
                    settings.answer_key(cutter.hold.read(piece), sample_rate, engine)
                    for piece in cutter.ranges
                ),
            )
            for channel, cutter in cutters.items()
        ),
    )
    if record is not None:
        record.add(made)
    return made.channels


def _fits(plan: Planned, cutters: dict[int, Cutter], sample_rate: int) -> bool:
    """Whether a recorded plan is one of the sound that was decoded now."""
    lengths = {planned.channel: planned.total_samples for planned in plan.channels}
    tolerance = _SAME_LENGTH_SECONDS * sample_rate
    return lengths.keys() == cutters.keys() and all(
        abs(lengths[channel] - cutter.total_samples) <= tolerance for channel, cutter in cutters.items()
    )


def _damage(recording: Recording, settings: CutSettings, crc32c: int, damage: str | None) -> Failure | None:
    if damage is None:
        return None
    error = RecordingError(Stage.DECODE, codes.DAMAGED, damage)
    return replace(failure_of(recording, settings, error), audio_crc32c=crc32c)
