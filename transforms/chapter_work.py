"""What is done with one chapter of a long recording: first it is listened to, then its sound is taken.

Like `cut_source` it runs in a process of its own, or here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from transforms.chapter_frames import packed_frames
from transforms.chapter_sound import StretchSound
from transforms.chapters import Chapters
from transforms.chosen import ChannelChoice
from transforms.cuts import frame_energies
from transforms.hold import Hold, joined
from transforms.records import PlannedSegment, SampleRange
from transforms.speech import open_chapter_detector


@dataclass(frozen=True, slots=True)
class ListenTask:
    """How a chapter is listened to.

    Attributes:
        name: what messages call the recording.
        chapters: of the recording.
        number: of the chapter.
        channels: what becomes of the recording's channels.
        detector: what tells speech from silence, one of `speech.DETECTORS`.
    """

    name: str
    chapters: Chapters
    number: int
    channels: ChannelChoice
    detector: str


@dataclass(frozen=True, slots=True)
class ChapterHeard:
    """What was heard in a chapter.

    Attributes:
        number: of the chapter.
        before: what was found at the border before it (`chapter_sound.StretchSound.digest_at`).
        behind: at the border behind it.
        channels: number and frames (`chapter_frames`) of each channel.
    """

    number: int
    before: bytes
    behind: bytes
    channels: tuple[tuple[int, bytes], ...]


@dataclass(frozen=True, slots=True)
class TakeTask:
    """Which sound is taken.

    Attributes:
        name: what messages call the recording.
        chapters: of the recording.
        number: of the chapter in which all segments begin.
        channels: what becomes of the recording's channels.
        segments: number and segments of each channel, at least one in all.
    """

    name: str
    chapters: Chapters
    number: int
    channels: ChannelChoice
    segments: tuple[tuple[int, tuple[PlannedSegment, ...]], ...]


@dataclass(frozen=True, slots=True)
class SoundTaken:
    """The sound of segments.

    Attributes:
        digests: BLAKE3 of what is sent for each segment, in the order of the task.
        holds: the sound of each channel, in the order of the task.
    """

    digests: tuple[tuple[bytes, ...], ...]
    holds: tuple[Hold, ...]


def listen(source: BinaryIO, task: ListenTask, progress: Callable[[float], None]) -> ChapterHeard:
    """Decode a chapter, and score and measure its frames.

    Args:
        source: the bytes of the recording; it is closed.
        task: how.
        progress: told again and again how many seconds have been decoded.

    Raises:
        RecordingError: it cannot be decoded, or is not as its header says.
        OSError: the bytes cannot be read.
    """
    chapters, number = task.chapters, task.number
    borders = chapters.border_before(number), chapters.border_behind(number)
    with source:
        sound = StretchSound(source, task.name, chapters, chapters.listened(number), task.channels)
        for border in borders:
            sound.watch(border)
        listeners: list[_Listener] = []
        begin = 0 if borders[0] is None else borders[0].sample
        for block in sound:
            if not listeners:
                listeners = [_Listener(task) for _ in sound.numbers]
            untold = max(0, begin - block.start_sample)
            for listener, samples in zip(listeners, block.samples.T, strict=True):
                listener.push(np.ascontiguousarray(samples), untold)
            progress((block.start_sample + len(block.samples)) / chapters.sample_rate)
    frames = [listener.finish() for listener in listeners]
    return ChapterHeard(
        number,
        before=sound.digest_at(borders[0]),
        behind=sound.digest_at(borders[1]),
        channels=tuple(zip(sound.numbers, frames, strict=True)),
    )


class _Listener:
    """Listens to one channel of a chapter."""

    def __init__(self, task: ListenTask) -> None:
        sample_rate = task.chapters.sample_rate
        self._frame_samples = sample_rate // 100
        self._detector = open_chapter_detector(task.detector, sample_rate, is_first=task.number == 0)
        self._unmeasured = np.empty(0, np.int16)  # less than a frame
        self._speech: list[NDArray[np.float32]] = []
        self._energies: list[NDArray[np.float64]] = []

    def push(self, samples: NDArray[np.int16], untold: int) -> None:
        """Take the next block, the first ``untold`` samples of which lie before the chapter."""
        self._speech.append(self._detector.push(samples))
        heard = np.concatenate((self._unmeasured, samples[untold:]))
        energies = frame_energies(heard, self._frame_samples)
        self._unmeasured = heard[len(energies) * self._frame_samples :]
        self._energies.append(energies)

    def finish(self) -> bytes:
        """The frames of the chapter, packed."""
        self._speech.append(self._detector.finish())
        speech, energies = np.concatenate(self._speech), np.concatenate(self._energies)
        assert len(speech) == len(energies), "a detector tells of every frame in the end"
        return packed_frames(speech, energies)


def take(source: BinaryIO, task: TakeTask, progress: Callable[[float], None]) -> SoundTaken:
    """Decode what segments are made of, and hold it.

    Args:
        source: the bytes of the recording; it is closed.
        task: which.
        progress: told again and again how many seconds have been decoded.

    Raises:
        RecordingError: it cannot be decoded, or is not as its header says.
        OSError: the bytes cannot be read, or the temporary folder is full (ENOSPC) or not writable.
    """
    chapters = task.chapters
    wanted = [_reach(segments) for _, segments in task.segments]
    first = min(each.start_sample for each in wanted)
    # Cuts of an earlier version may reach a little beyond what is decoded now.
    end = min(max(each.end_sample for each in wanted), chapters.total_samples)
    holds = tuple(Hold(first_sample=first) for _ in wanted)
    with source:
        stretch = chapters.taken(task.number, first, end)
        sound = StretchSound(source, task.name, chapters, stretch, task.channels)
        for block in sound:
            for (number, _), hold in zip(task.segments, holds, strict=True):
                hold.write(block.samples[:, sound.numbers.index(number)].tobytes())
            progress((block.start_sample + len(block.samples)) / chapters.sample_rate)
    digests = (
        tuple(blake3(joined(hold, segment.sent)).digest() for segment in segments)
        for (_, segments), hold in zip(task.segments, holds, strict=True)
    )
    return SoundTaken(tuple(digests), holds)


def _reach(segments: tuple[PlannedSegment, ...]) -> SampleRange:
    """From where to where their sound reaches."""
    ranges = [part for segment in segments for part in (segment.own, *segment.sent)]
    return SampleRange(min(part.start_sample for part in ranges), max(part.end_sample for part in ranges))
