"""Recordings that the service downloads itself, by their address: nothing of them is read here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from transforms import codes
from transforms.cut_settings import CutSettings
from transforms.engines import sample_rate_of
from transforms.errors import RecordingError
from transforms.fetch import ReadLimits, mark_of_url
from transforms.records import Extent, Failure, Mark, Recording, Segment, Span, Stage


@dataclass(frozen=True, slots=True)
class PassedOn:
    """A recording that the service fetches itself: one segment, unread here."""

    extents: tuple[Extent, ...]
    segment: Segment
    damage: Failure | None = None

    def segments(self) -> Iterator[Segment]:
        """The one segment."""
        yield self.segment


def pass_on(
    recording: Recording,
    settings: CutSettings,
    *,
    mark_of: Callable[[str, ReadLimits], Mark | None] = mark_of_url,
) -> PassedOn:
    """Let the service fetch the recording: one segment, whose length it will tell.

    Its answer is known by what the server says of the content; where it says nothing, by
    the unfinished run alone, for an address may hold something else tomorrow.

    Args:
        recording: what to pass on.
        settings: how.
        mark_of: what the server says of an address.

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
    mark = mark_of(url, settings.limits)
    extent = Extent(
        audio_uri=recording.audio_uri,
        audio_crc32c=None,
        channel=0,
        engine=engine,
        sample_rate=sample_rate_of(engine),
        duration_samples=0,
        covered_samples=0,
        speech_samples=0,
        segments=1,
        recording_id=recording.recording_id,
        mark=mark,
        settings=settings.shaping.of(recording),
    )
    span = Span(recording.audio_uri, None, extent.channel, 0, 0, 0, extent.sample_rate, engine)
    return PassedOn((extent,), Segment(span, url=url, key=settings.url_key(url, mark, engine)))
