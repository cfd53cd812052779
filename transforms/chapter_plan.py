"""Long recordings chapter by chapter: what was heard in them, how they are cut.

A recording is worked in chapters only if nothing about it is out of the ordinary. Whatever is
(a header that does not fit, a decoder that fails, chapters that do not agree at their border), it is
decoded in one piece then, and what comes of that stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from transforms.answer_entry import Planned, PlannedChannel
from transforms.answer_record import AnswerRecord
from transforms.chapter_choice import LongRecording
from transforms.chapter_frames import unpacked_frames
from transforms.chapter_work import ChapterHeard, TakeTask
from transforms.checksum import Checked
from transforms.cut_recording import extent_of, plan_keys, recorded_plan, segments_of
from transforms.cut_settings import CutSettings
from transforms.cuts import CutPlanner
from transforms.hold import Hold
from transforms.keys import chapter_key, cuts_key
from transforms.records import Extent, PlannedSegment, Segment
from transforms.source import verify
from transforms.speech_frames import SpeechFrames


@dataclass(frozen=True, slots=True)
class ChapterPart:
    """What of a channel begins in a chapter.

    Attributes:
        extent: of the channel.
        first_index: number of the first of its segments here.
        segments: in order.
        speech_samples: how much of each is speech.
        keys: of the answer to each, if they were recorded before; else empty.
    """

    extent: Extent
    first_index: int
    segments: tuple[PlannedSegment, ...]
    speech_samples: tuple[int, ...]
    keys: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class PlannedChapter:
    """The segments that begin in a chapter.

    Attributes:
        long: the recording.
        plan_key: under which its cuts are recorded.
        number: of the chapter.
        parts: of its channels, those without a segment here left out.
        is_last: whether no later chapter has segments.
    """

    long: LongRecording
    plan_key: bytes
    number: int
    parts: tuple[ChapterPart, ...]
    is_last: bool = False

    def take_task(self, settings: CutSettings) -> TakeTask:
        """How its sound is taken."""
        return TakeTask(
            name=self.long.recording.audio_uri,
            chapters=self.long.chapters,
            number=self.number,
            channels=settings.channel_choice(self.long.recording),
            segments=tuple((part.extent.channel, part.segments) for part in self.parts),
        )

    def segments(self, keys: Sequence[Sequence[bytes]], holds: Sequence[Hold]) -> Iterator[Segment]:
        """Its segments, channel by channel, given their keys and their sound."""
        for part, own_keys, hold in zip(self.parts, keys, holds, strict=True):
            yield from segments_of(
                part.extent,
                part.segments,
                own_keys,
                part.speech_samples,
                hold,
                first_index=part.first_index,
            )


@dataclass(frozen=True, slots=True)
class RecordingPlan:
    """How far the channels of a recording reach, and what begins in its chapters."""

    extents: tuple[Extent, ...]
    chapters: tuple[PlannedChapter, ...]


def plan_recording(
    long: LongRecording,
    checked: Checked,
    heard: Sequence[ChapterHeard],
    settings: CutSettings,
    record: AnswerRecord | None,
) -> RecordingPlan | None:
    """Cut a recording of which all chapters were heard; None if they do not fit together.

    Args:
        long: the recording.
        checked: of its bytes.
        heard: its chapters, in order.
        settings: how.
        record: where its cuts are looked up and kept.

    Raises:
        RecordingError: its bytes are not those that were expected.
        OutputError: the record cannot be read or written.
    """
    verify(long.recording, checked)
    if [each.number for each in heard] != list(range(long.chapters.count)):
        return None
    if any(before.behind != after.before for before, after in pairwise(heard)):
        return None
    found = {number: _planned(long, heard, number, settings) for number, _ in heard[0].channels}
    key, *older = plan_keys(long.recording, settings, long.engine, checked.digest)
    known = recorded_plan(
        record,
        (key, *older, cuts_key(key)),
        dict.fromkeys(found, long.chapters.total_samples),
        long.chapters.sample_rate,
    )
    if known is None:
        known = Planned(cuts_key(key), tuple(channel for channel, _ in found.values()))
        if record is not None:
            record.add(known)
    channels = [(channel, found[channel.channel][1]) for channel in known.channels]
    parted = [(_extent(long, settings, channel, checked), channel, speech) for channel, speech in channels]
    by_chapter = ((number, tuple(_parts(long, number, parted))) for number in range(long.chapters.count))
    chapters = [PlannedChapter(long, key, number, parts) for number, parts in by_chapter if parts]
    chapters[-1:] = [replace(chapter, is_last=True) for chapter in chapters[-1:]]
    return RecordingPlan(tuple(extent for extent, _, _ in parted), tuple(chapters))


def _extent(long: LongRecording, settings: CutSettings, channel: PlannedChannel, checked: Checked) -> Extent:
    return extent_of(long.recording, settings, long.engine, channel, crc32c=checked.crc32c)


def _planned(
    long: LongRecording, heard: Sequence[ChapterHeard], number: int, settings: CutSettings
) -> tuple[PlannedChannel, SpeechFrames]:
    """The cuts of a channel, without keys, and which of its frames are speech."""
    planner = CutPlanner(settings.policy(long.chapters.sample_rate))
    segments = []
    for chapter in heard:
        segments += planner.push(*unpacked_frames(dict(chapter.channels)[number]))
    total = long.chapters.total_samples
    segments += planner.finish(total)
    channel = PlannedChannel(number, total, planner.speech_samples, tuple(segments), ())
    return channel, planner.speech


def _parts(
    long: LongRecording, number: int, channels: Sequence[tuple[Extent, PlannedChannel, SpeechFrames]]
) -> Iterator[ChapterPart]:
    """What of each channel begins in a chapter."""
    for extent, channel, speech in channels:
        places = [
            index
            for index, each in enumerate(channel.segments)
            if long.chapters.of_sample(min(each.own.start_sample, each.sent[0].start_sample)) == number
        ]
        if places:
            here = slice(places[0], places[-1] + 1)
            segments = channel.segments[here]
            yield ChapterPart(
                extent=extent,
                first_index=places[0],
                segments=segments,
                speech_samples=tuple(speech.samples_in(each.own) for each in segments),
                keys=channel.answer_keys[here],
            )


def keys_of_chapter(
    chapter: PlannedChapter,
    digests: Sequence[Sequence[bytes]],
    settings: CutSettings,
    record: AnswerRecord | None,
) -> tuple[tuple[bytes, ...], ...]:
    """The keys of the answers to its segments: recorded ones, or those of the sound, recorded then.

    Args:
        chapter: its segments.
        digests: of the sound that is sent for each of them.
        settings: how they are sent.
        record: where their keys are looked up and kept.

    Raises:
        OutputError: the record cannot be read or written.
    """
    if all(part.keys for part in chapter.parts):
        return tuple(part.keys for part in chapter.parts)
    key = chapter_key(chapter.plan_key, chapter.number)
    made = Planned(
        key,
        tuple(
            PlannedChannel(
                part.extent.channel,
                part.extent.duration_samples,
                part.extent.speech_samples,
                part.segments,
                tuple(_keys(part, own, settings)),
            )
            for part, own in zip(chapter.parts, digests, strict=True)
        ),
    )
    known = None if record is None else record.find_plan(key)
    if known is not None and _cuts(known) == _cuts(made):
        made = known
    elif record is not None:
        record.add(made)
    return tuple(channel.answer_keys for channel in made.channels)


def _cuts(plan: Planned) -> list[tuple[int, tuple[PlannedSegment, ...]]]:
    return [(channel.channel, channel.segments) for channel in plan.channels]


def _keys(part: ChapterPart, digests: Sequence[bytes], settings: CutSettings) -> Iterator[bytes]:
    extent = part.extent
    for segment, digest in zip(part.segments, digests, strict=True):
        yield settings.answer_key(
            pcm_digest=digest,
            samples=segment.sent_samples,
            sample_rate=extent.sample_rate,
            engine=extent.engine,
        )
