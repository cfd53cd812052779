"""Speech by level alone: no model, little CPU time, and worse in noise.

The levels in four bands from 200 Hz to 4 kHz are compared with the background in each: what a
tenth of the frames within four seconds on either side stay below. How far speech stands out
depends on the recording, so the level at which speech is as likely as not lies at a share of the
way from the background to the loudest frames, but never so low that the background's own swaying
reaches it. What is as loud all the time (hum, noise, digital silence) is background.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_BLOCK = 100  # frames; the background is measured once a second
_AROUND = 400  # frames that are heard on either side of a block
_EDGES = (2, 5, 10, 20, 40)  # the bands, in steps of 100 Hz
_SMOOTHED = 7  # frames whose energies are averaged
# Speech begins so many frames before it is heard and ends so many behind: soft consonants.
_EARLIER, _LATER = 4, 8
_BACKGROUND, _LOUD = 0.1, 0.95  # shares of the frames that stay below
_WAY = 0.35
_LEAST_DB, _MOST_DB = 3.0, 16.0
_SLOPE_DB = 1.0
_QUIETEST = 32768.0**2 * 1e-7 / (len(_EDGES) - 1)  # -70 dB of full scale; what is softer is silence


class EnergyDetector:
    """Probabilities of speech for each 10 ms of one channel, up to 5 s behind its samples.

    Args:
        sample_rate: of the samples to come, in Hz, 8000 or more.
    """

    def __init__(self, sample_rate: int) -> None:
        self._frame_samples = sample_rate // 100
        self._held = np.zeros(0, np.int16)  # less than a frame
        self._energies = np.zeros((0, len(_EDGES) - 1), np.float32)
        self._decided = 0  # how many of them are

    def push(self, samples: NDArray[np.int16]) -> Floats:
        """Take the next block; the probabilities of the next frames, as far as they are known."""
        held = np.concatenate([self._held, samples])
        whole = len(held) // self._frame_samples * self._frame_samples
        self._held = held[whole:]
        energies = band_energies(held[:whole].reshape(-1, self._frame_samples))
        self._energies = np.concatenate([self._energies, energies])
        return self._decide(len(self._energies) - _AROUND)

    def finish(self) -> Floats:
        """The rest: in all, as many as there were whole frames."""
        return self._decide(len(self._energies) + _BLOCK - 1)

    def _decide(self, end: int) -> Floats:
        """The probabilities of the blocks that end at ``end`` or before it."""
        found = [np.zeros(0, np.float32)]
        while self._decided + _BLOCK <= end:
            first = max(0, self._decided - _AROUND)
            around = self._energies[first : self._decided + _BLOCK + _AROUND]
            place = self._decided - first
            found.append(speech_by_level(around)[place : place + _BLOCK])
            self._decided += _BLOCK
        # What lies further back is not heard any more.
        gone = max(0, self._decided - _AROUND)
        self._energies = self._energies[gone:]
        self._decided -= gone
        return np.concatenate(found)


def band_energies(frames: NDArray[np.int16]) -> Floats:
    """Mean squares of 10 ms frames in the bands: ``(frames, samples)`` to ``(frames, bands)``."""
    length = frames.shape[1]
    # Weighted so that a hum stays in its own band; the weights' squares have the mean 1.
    taper = np.hanning(length + 1)[:-1].astype(np.float32) * np.float32(np.sqrt(8 / 3))
    spectra = np.fft.rfft(frames * taper)[:, : _EDGES[-1]]
    powers = (spectra.real**2 + spectra.imag**2) * (2 / length**2)
    sums = [powers[:, low:high].sum(axis=1) for low, high in pairwise(_EDGES)]
    return np.stack(sums, axis=1).astype(np.float32, copy=False)


def speech_by_level(energies: Floats) -> Floats:
    """Probabilities of speech, given some seconds of 10 ms frames.

    Args:
        energies: as `band_energies` gives them, shape ``(frames, bands)``.

    Returns:
        Shape ``(frames,)``.
    """
    levels = np.maximum(_means(energies), np.float32(_QUIETEST))
    above = np.sqrt(levels / _lowest(levels, _BACKGROUND)).mean(axis=1)
    decibels: Floats = 20 * np.log10(above)
    background, loud = _lowest(decibels, _BACKGROUND), _lowest(decibels, _LOUD)
    middle = background + np.clip(_WAY * (loud - background), _LEAST_DB, _MOST_DB)
    wide = np.pad(decibels, (_LATER, _EARLIER), mode="edge")
    heard = np.lib.stride_tricks.sliding_window_view(wide, _LATER + 1 + _EARLIER).max(axis=1)
    probabilities: Floats = (1 / (1 + np.exp((middle - heard) / _SLOPE_DB))).astype(np.float32)
    return probabilities


def _means(energies: Floats) -> Floats:
    """Each frame with its neighbours: the mean of `_SMOOTHED` around it."""
    half = _SMOOTHED // 2
    wide = np.pad(energies, ((half, half), (0, 0)), mode="edge")
    total: Floats = wide[: len(energies)].copy()
    for shift in range(1, _SMOOTHED):
        total += wide[shift : shift + len(energies)]
    total /= np.float32(_SMOOTHED)
    return total


def _lowest(values: Floats, share: float) -> Floats:
    """What this share of the frames stays below."""
    place = int(share * (len(values) - 1))
    lowest: Floats = np.partition(values, place, axis=0)[place]
    return lowest
