"""Noise to hide pauses in: made of chance, of voices and of music."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.corpus import SAMPLE_RATE
from benchmarks.cut_speech import Floats, Spoken

_SECONDS = 120  # then it begins again
_VOICES = 12
# Word times that could not be tightened are that far off; what is left must be worth a cut.
_MARGIN_SECONDS = 0.25
_LEAST_PAUSE_SECONDS = 1.0
_FADE_SECONDS = 0.05


def noises(speech: Sequence[Spoken], seed: int) -> dict[str, Floats]:
    """By name, each as long as the others and repeatable without a seam.

    "pink" is noise of equal power in each octave. "babble" is twelve voices of the same
    speakers, backwards. "music" is what one of the recordings plays in its pauses; it is
    missing without such a recording.

    Args:
        speech: recordings; those whose words could not be tightened give music, others voices.
        seed: of chance.
    """
    random = np.random.default_rng(seed)
    found = {"pink": pink(_SECONDS * SAMPLE_RATE, random)}
    found["babble"] = _babble([spoken for spoken in speech if spoken.is_tight], random)
    pauses = [piece for spoken in speech if not spoken.is_tight for piece in _pauses(spoken)]
    if pauses:
        found["music"] = _chain(pauses, random)
    return found


def pink(length: int, random: np.random.Generator) -> Floats:
    """Noise with as much power in each octave from 20 Hz on, periodic, shape ``(length,)``."""
    count = length // 2 + 1
    spectrum = random.standard_normal(count) + 1j * random.standard_normal(count)
    hertz = np.arange(count) * SAMPLE_RATE / length
    spectrum *= (hertz >= 20) / np.sqrt(np.maximum(hertz, 20))
    return np.fft.irfft(spectrum, length).astype(np.float32)


def _babble(speech: Sequence[Spoken], random: np.random.Generator) -> Floats:
    voices = [_voice(speech, random) for _ in range(_VOICES)]
    total: Floats = np.sum(voices, axis=0, dtype=np.float32)
    return total


def _voice(speech: Sequence[Spoken], random: np.random.Generator) -> Floats:
    length = _SECONDS * SAMPLE_RATE
    pieces: list[Floats] = []
    while sum(map(len, pieces)) < length:
        spoken = speech[int(random.integers(len(speech)))]
        piece = spoken.samples[spoken.words[0, 0] : spoken.words[-1, 1]][::-1]
        pieces.append(piece / np.sqrt(np.mean(np.square(piece))))
    return np.concatenate(pieces)[:length]


def _pauses(spoken: Spoken) -> list[Floats]:
    margin = round(_MARGIN_SECONDS * SAMPLE_RATE)
    between: NDArray[np.int64] = np.stack([spoken.words[:-1, 1], spoken.words[1:, 0]], axis=1)
    long = between[np.diff(between, axis=1)[:, 0] >= _LEAST_PAUSE_SECONDS * SAMPLE_RATE]
    return [spoken.samples[start + margin : end - margin] for start, end in long]


def _chain(pieces: Sequence[Floats], random: np.random.Generator) -> Floats:
    """Pieces in random order, faded into each other, the last one into the first."""
    length = _SECONDS * SAMPLE_RATE
    fade = round(_FADE_SECONDS * SAMPLE_RATE)
    rise = np.sin(np.linspace(0, np.pi / 2, fade, dtype=np.float32))
    chained = np.zeros(length, dtype=np.float32)
    at = 0
    while at < length:
        piece = pieces[int(random.integers(len(pieces)))].copy()
        piece[:fade] *= rise
        piece[-fade:] *= rise[::-1]
        places = np.arange(at, at + len(piece)) % length
        chained[places] += piece
        at += len(piece) - fade
    return chained
