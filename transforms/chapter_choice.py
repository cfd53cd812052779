"""Which recordings are worked in chapters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from transforms.addresses import is_uri, uri_text
from transforms.chapter_work import ListenTask
from transforms.chapters import LEAST_RATE, Chapters, chapters_of
from transforms.cut_settings import CutSettings
from transforms.engines import sample_rate_of
from transforms.errors import RecordingError
from transforms.object_file import ObjectFile
from transforms.outline import outline_of
from transforms.records import Mark, Recording
from transforms.resampling import resampling_period
from transforms.source import can_be_parted, open_parted, opened_as

# Opus of 6 kbit/s, which is the least; others take more. Smaller files need not be opened.
_LEAST_BYTES_A_SECOND_OF_ALL = 700
# Of mp3 and AAC that of 16 kbit/s: requests are dearer. Of wav a byte for each sample at the least rate.
_LEAST_BYTES_A_SECOND = {
    "flac": 1000,
    **dict.fromkeys(("opus", "ogg", "oga"), 700),
    **dict.fromkeys(("mp3", "m4a", "m4b", "mp4", "mov", "3gp"), 2000),
    **dict.fromkeys(("wav", "wave", "bwf", "rf64", "w64"), LEAST_RATE),
}


@dataclass(frozen=True, slots=True)
class LongRecording:
    """A recording that can be worked in chapters.

    Attributes:
        recording: as it was found.
        engine: that transcribes it.
        chapters: it as chapters.
        state: by which a change shows, when its header was read.
    """

    recording: Recording
    engine: str
    chapters: Chapters
    state: Mark

    def listen_task(self, number: int, settings: CutSettings) -> ListenTask:
        """How a chapter is listened to."""
        return ListenTask(
            name=self.recording.audio_uri,
            chapters=self.chapters,
            number=number,
            channels=settings.channel_choice(self.recording),
            detector=settings.detector,
        )


def may_be_long(recording: Recording, settings: CutSettings, above_seconds: float) -> bool:
    """Whether it is worth looking at the header of a recording, by what is known without.

    A store takes two requests for a header. So of objects only those are looked at that a listing
    told the size of, and whose name says that they are of a kind that can be worked in chapters.
    """
    if not can_be_parted(recording):
        return False
    if recording.channel is not None and settings.channels == "split":
        return False  # its transcript could not be told from one of the channels of the whole
    mark = recording.mark
    if not is_uri(recording.location):
        return mark is None or mark.size_bytes >= above_seconds * _LEAST_BYTES_A_SECOND_OF_ALL
    ending = uri_text(recording.location).rpartition(".")[2].lower()
    if mark is None or ending not in _LEAST_BYTES_A_SECOND or mark.size_bytes > settings.limits.max_bytes:
        return False
    return mark.size_bytes >= above_seconds * _LEAST_BYTES_A_SECOND[ending]


def long_recording_of(
    recording: Recording, settings: CutSettings, above_seconds: float
) -> LongRecording | None:
    """A recording that is longer than so much, and can be worked in chapters; None for others."""
    if not may_be_long(recording, settings, above_seconds):
        return None
    try:
        engine = settings.engines.engine_for(recording.language)
        with open_parted(recording, only_header=True) as source:
            return _long_recording(source, recording, settings, engine, above_seconds)
    except (RecordingError, OSError):
        return None  # which is found again, and told, where it is read


def _long_recording(
    source: BinaryIO, recording: Recording, settings: CutSettings, engine: str, above_seconds: float
) -> LongRecording | None:
    state = opened_as(source)
    whole = source.in_order if isinstance(source, ObjectFile) else None
    outline = outline_of(source, above_seconds, whole)
    if outline is None or not outline.seconds > above_seconds:
        return None
    sounding = outline.channels if settings.channel_choice(recording).kind == "split" else 1
    if outline.seconds * sounding > settings.max_hours * 3600:
        return None
    sample_rate = sample_rate_of(engine)
    period = resampling_period(outline.sample_rate, sample_rate)
    chapters = chapters_of(outline, sample_rate, period)
    return None if chapters is None else LongRecording(recording, engine, chapters, state)
