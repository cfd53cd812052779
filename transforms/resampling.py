"""Resampling on a stream, by libsoxr, and where it may begin in the middle of one.

HQ: aliases at -87 dB, the floor of 16 bits.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final, Protocol

import numpy as np
import soxr

from transforms.samples import Floats, Samples, floats_of

_MOST_PROBED_FRAMES: Final = 1 << 17


class Resampler(Protocol):
    """Takes the blocks of a stream, shape ``(frames, channels)``; in other blocks the result is the same."""

    def resample(self, samples: Samples) -> Samples:
        """Take the next block; what has become of those so far and was not given yet."""
        ...

    def finish(self) -> Floats:
        """The rest: in all, `resampled_length` of what was taken."""
        ...


def open_resampler(from_rate: int, to_rate: int, channels: int) -> Resampler:
    """A resampler that has heard nothing yet."""
    return _Same(channels) if from_rate == to_rate else _Soxr(from_rate, to_rate, channels)


def resampled_length(frames: int, from_rate: int, to_rate: int) -> int:
    """How many samples ``frames`` become: ``frames * to_rate / from_rate``, half rounded up."""
    return (2 * frames * to_rate + from_rate) // (2 * from_rate)


@lru_cache(maxsize=64)
def resampling_period(from_rate: int, to_rate: int) -> int | None:
    """The frames after which a resampler is where it began; None if that takes too long.

    One that begins at a multiple of them gives, but for the first 150 ms, bit by bit what one
    gives that heard everything before: both transform the same blocks (of a length that the
    rates decide, and that shows in how the output comes), and stand at the same fraction of a
    sample. libsoxr has no call that tells it.
    """
    if from_rate == to_rate:
        return 1
    stream = soxr.ResampleStream(from_rate, to_rate, 1, dtype="float32", quality="HQ")
    frame = np.zeros(1, np.float32)
    came = []
    for number in range(_MOST_PROBED_FRAMES):
        if len(stream.resample_chunk(frame)):
            came.append(number)
            if len(came) == 3:
                return math.lcm(came[2] - came[1], from_rate // math.gcd(from_rate, to_rate))
    return None


class _Same:
    """Samples at the right rate already."""

    def __init__(self, channels: int) -> None:
        self._channels = channels

    def resample(self, samples: Samples) -> Samples:
        return samples

    def finish(self) -> Floats:
        return np.zeros((0, self._channels), np.float32)


class _Soxr:
    """libsoxr on a stream, with the length made exact at its end."""

    def __init__(self, from_rate: int, to_rate: int, channels: int) -> None:
        self._rates = (from_rate, to_rate)
        self._stream = soxr.ResampleStream(from_rate, to_rate, channels, dtype="float32", quality="HQ")
        self._channels = channels
        self._taken = 0
        self._given = 0

    def resample(self, samples: Samples) -> Floats:
        self._taken += len(samples)
        result: Floats = self._stream.resample_chunk(np.ascontiguousarray(floats_of(samples)))
        self._given += len(result)
        return result

    def finish(self) -> Floats:
        nothing = np.zeros((0, self._channels), np.float32)
        tail: Floats = self._stream.resample_chunk(nothing, last=True)
        missing = resampled_length(self._taken, *self._rates) - self._given
        padding = np.zeros((max(0, missing - len(tail)), self._channels), np.float32)
        return np.concatenate((tail[: max(0, missing)], padding))
