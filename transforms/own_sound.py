"""What a row says of the sound of its own times, and that sound itself."""

from __future__ import annotations

from dataclasses import dataclass, replace

from transforms.flac import to_flac
from transforms.quality import quality_of
from transforms.records import Quality, Segment, Utterance
from transforms.sound import Sound


@dataclass(frozen=True, slots=True)
class OwnSound:
    """What is kept of a segment while its call is made.

    Attributes:
        quality: of the sound.
        sound: it, if it is to be written; it is loaded when there is an answer.
    """

    quality: Quality
    sound: Sound | None

    def put_into(self, utterance: Utterance) -> Utterance:
        """The utterance with what is known of its sound."""
        flac = None if self.sound is None else to_flac(self.sound.load())
        return replace(utterance, quality=self.quality, flac=flac)


def measured(segment: Segment, *, include_audio: bool) -> OwnSound | None:
    """Measure the sound of a segment's own times; None where it is not here.

    Args:
        segment: before its call.
        include_audio: whether its sound is to be written.
    """
    own = segment.own_sound
    if own is None:
        return None
    return OwnSound(quality_of(own, segment.speech_samples), own if include_audio else None)
