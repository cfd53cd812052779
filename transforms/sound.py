"""pydub's AudioSegment, imported without its complaints.

pydub warns at import that no ffmpeg program is on the PATH. None is needed: recordings
are decoded and payloads encoded in this process (`decode`, `encode`).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from pydub import AudioSegment

__all__ = ["BYTES_PER_SAMPLE", "SLICE_SAMPLES", "AudioSegment", "LoadedSound", "Sound", "sound_of"]

BYTES_PER_SAMPLE: Final = 2
"""Of normalized sound."""

SLICE_SAMPLES: Final = 16_000
"""The most in a slice, a second or two: small enough that `heap` does not map it page by page each time."""


class Sound(Protocol):
    """Audio that is there when it is asked for, so that what waits takes no memory: 16-bit mono."""

    @property
    def samples(self) -> int:
        """How long it is."""
        ...

    @property
    def sample_rate(self) -> int:
        """Samples per second."""
        ...

    def slices(self) -> Iterator[bytes | memoryview]:
        """Its PCM, little-endian, in order, at most `SLICE_SAMPLES` at a time. Can be asked for again."""
        ...

    def load(self) -> AudioSegment:
        """All of it at once."""
        ...


@dataclass(frozen=True, slots=True)
class LoadedSound:
    """Audio in memory, as a `Sound`.

    Raises:
        ValueError: it is not 16-bit mono.
    """

    audio: AudioSegment

    def __post_init__(self) -> None:
        if (self.audio.sample_width, self.audio.channels) != (BYTES_PER_SAMPLE, 1):
            raise ValueError(
                f"the sound of a segment is 16-bit mono, not {8 * self.audio.sample_width}-bit with "
                f"{self.audio.channels} channels: set_sample_width(2) and set_channels(1) make it so."
            )

    @property
    def samples(self) -> int:
        """How long it is."""
        return int(self.audio.frame_count())

    @property
    def sample_rate(self) -> int:
        """Samples per second."""
        return int(self.audio.frame_rate)

    def slices(self) -> Iterator[memoryview]:
        """Its PCM, of which no second copy is made."""
        pcm = memoryview(self.audio.raw_data)
        step = SLICE_SAMPLES * BYTES_PER_SAMPLE
        return (pcm[start : start + step] for start in range(0, len(pcm), step))

    def load(self) -> AudioSegment:
        """It."""
        return self.audio


def sound_of(pcm: bytes, sample_rate: int) -> AudioSegment:
    """Normalized audio, 16-bit little-endian mono, as an AudioSegment."""
    return AudioSegment(data=pcm, sample_width=2, frame_rate=sample_rate, channels=1)
