"""pydub's AudioSegment, imported without its complaints.

pydub warns at import that no ffmpeg program is on the PATH. None is needed: recordings
are decoded and payloads encoded in this process (`decode`, `encode`).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Protocol

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from pydub import AudioSegment

__all__ = ["AudioSegment", "LoadedSound", "Sound", "sound_of"]


class Sound(Protocol):
    """Audio that is there when it is asked for, so that what waits takes no memory."""

    @property
    def samples(self) -> int:
        """How long it is."""
        ...

    def load(self) -> AudioSegment:
        """All of it, 16-bit mono."""
        ...


@dataclass(frozen=True, slots=True)
class LoadedSound:
    """Audio in memory, as a `Sound`."""

    audio: AudioSegment

    @property
    def samples(self) -> int:
        """How long it is."""
        return int(self.audio.frame_count())

    def load(self) -> AudioSegment:
        """It."""
        return self.audio


def sound_of(pcm: bytes, sample_rate: int) -> AudioSegment:
    """Normalized audio, 16-bit little-endian mono, as an AudioSegment."""
    return AudioSegment(data=pcm, sample_width=2, frame_rate=sample_rate, channels=1)
