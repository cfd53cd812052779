"""The sound of a recording that the report shows: decoded apart, checked, never wholly in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from pipeline.plain import name_of
from transforms.addresses import format_crc32c, is_uri, locations_of
from transforms.chosen import ChannelChoice
from transforms.cut_source import CutTask
from transforms.cuts import CutPolicy
from transforms.decode_pool import DecodePool
from transforms.encode import encode
from transforms.engines import sample_rate_of
from transforms.errors import RecordingError
from transforms.fetch import ReadLimits
from transforms.hold import HeldSound, Hold
from transforms.records import Recording, SampleRange
from transforms.source import open_source

AUDIO_FORMAT = "mp3"
"""Larger than opus, but every browser plays it, those of ten years ago too."""

AUDIO_TYPE = "audio/mpeg"

_LIMITS = ReadLimits(max_bytes=1 << 30, max_seconds=120.0)
_STALL_SECONDS = 60.0
_ANY_SIZE = 1 << 40


class SoundGoneError(Exception):
    """There is no sound to show; the text says why, for people."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose sound is wanted.

    Attributes:
        audio_crc32c: of the bytes that were transcribed, 8 hexadecimal digits.
        engine: by whose rate the sound is heard.
        channels: that have rows.
        split: whether the run transcribed each channel by itself.
        fetched: whether an address that is no local path may be downloaded.
        max_hours: what decodes to more is given up.
    """

    audio_uri: str
    audio_crc32c: str | None
    engine: str
    channels: tuple[int, ...]
    split: bool
    fetched: bool
    max_hours: float


@dataclass(frozen=True, slots=True)
class ChannelSound:
    """The sound of a channel, 16-bit mono in a temporary file."""

    hold: Hold
    sample_rate: int
    samples: int

    @property
    def duration_ms(self) -> int:
        """Its length."""
        return self.samples * 1000 // self.sample_rate

    def part(self, start_ms: int, end_ms: int) -> SampleRange:
        """A part of it, as far as it reaches."""
        start, end = (min(ms * self.sample_rate // 1000, self.samples) for ms in (start_ms, end_ms))
        return SampleRange(start, end)

    def encoded(self, part: SampleRange, name: str) -> bytes:
        """A part of it as `AUDIO_FORMAT`."""
        sound = HeldSound(self.hold, (part,), self.sample_rate)
        return encode(sound, AUDIO_FORMAT, name=name, max_payload_bytes=_ANY_SIZE)


class Listener:
    """Decodes recordings one after the other, in a process of its own; from `listener`."""

    def __init__(self, pool: DecodePool) -> None:
        self._pool = pool

    def hear(self, wanted: Wanted) -> dict[int, ChannelSound]:
        """The sound of a recording's channels, by number.

        Raises:
            SoundGoneError: it is gone, has changed since, or cannot be had.
            OSError: the temporary folder is full, or no process can be started.
        """
        name = name_of(wanted.audio_uri)
        if wanted.audio_crc32c is None:
            raise SoundGoneError("Its bytes never passed through the machine that transcribed it.")
        if is_uri(wanted.audio_uri) and not wanted.fetched:
            raise SoundGoneError("It is not on this machine; it is fetched if it is named with --recording.")
        rate = sample_rate_of(wanted.engine)
        task = CutTask(
            name=name,
            sample_rate=rate,
            channels=_choice(wanted),
            policy=CutPolicy.for_rate(rate, max_samples=59 * rate),
            detector="energy",  # where it would be cut today is of no interest, so the cheapest
            max_hours=wanted.max_hours,
        )
        failure: RecordingError | None = None
        for location in locations_of(wanted.audio_uri):
            try:
                with open_source(Recording(wanted.audio_uri, location), limits=_LIMITS) as source:
                    cut = self._pool.cut(source, task)
            except RecordingError as error:
                failure = error
                continue
            if format_crc32c(cut.checked.crc32c) != wanted.audio_crc32c:
                raise SoundGoneError("Its file has changed since it was transcribed.")
            if cut.failure is not None:
                raise SoundGoneError(f"It cannot be decoded now ({cut.failure.code}).")
            return {each.number: ChannelSound(each.hold, rate, each.total_samples) for each in cut.channels}
        assert failure is not None, "there is a location for every address"
        raise SoundGoneError(f"Its file cannot be read now ({failure.code}).")


@contextmanager
def listener() -> Iterator[Listener]:
    """Someone who decodes recordings for the report."""
    pool = DecodePool(stall_seconds=_STALL_SECONDS)
    try:
        yield Listener(pool)
    finally:
        pool.close()


def _choice(wanted: Wanted) -> ChannelChoice:
    channels: Sequence[int] = wanted.channels
    if wanted.split and len(channels) > 1:
        return ChannelChoice.split()
    if wanted.split or any(channels):
        return ChannelChoice.only(channels[0]) if len(channels) == 1 else ChannelChoice.split()
    return ChannelChoice.mix()
