"""The last step of a mix: each frame at its level, and none beyond full scale. Pure.

Gains run linearly from one frame to the next. Where a frame, or the one behind it, would
exceed full scale at the gain that it is to end with, that gain is lowered.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from transforms.samples import Floats

Doubles = NDArray[np.float64]

# What is scaled at once has to stay in a core's cache.
_FRAMES_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Fade:
    """Frames in which a channel turns over, so that one sum fades into another.

    Attributes:
        places: which frames.
        sums: (frames, samples), what fades away in them.
    """

    places: NDArray[np.intp]
    sums: Floats


NO_FADE = Fade(np.zeros(0, np.intp), np.zeros((0, 0), np.float32))


def limited(
    sums: Floats, highest: float, fade: Fade, levels: Doubles, before: float | None
) -> tuple[Floats, float]:
    """Scale the sums, and keep them within full scale.

    Args:
        sums: (frames, samples), one frame more than there are levels; they are overwritten.
        highest: their peak, at most.
        fade: where signs change.
        levels: (frames,), at most 1, the gain that each frame is to end with.
        before: what the frame before ended with; None where no sound was before.

    Returns:
        The samples, and the gain that the last frame ends with.
    """
    begin, ends = float(levels[0]), levels
    if levels.max() > 1 / max(highest, 1.0):
        begin, ends = _lowered(sums, fade, levels)
    begins = np.concatenate(([begin if before is None else before], ends[:-1]))
    output = sums[:-1]
    if len(fade.places):
        nothing = np.zeros(len(fade.places))
        rising = output[fade.places]
        _scale(fade.sums, begins[fade.places], nothing)
        _scale(rising, nothing, ends[fade.places])
        rising += fade.sums
    _scale(output, begins, ends)
    if len(fade.places):
        output[fade.places] = rising
    return output.reshape(-1), float(ends[-1])


def _lowered(sums: Floats, fade: Fade, levels: Doubles) -> tuple[float, Doubles]:
    """The gain to begin with, and by frame the one that it ends with: its level, lowered where needed."""
    peaks = peaks_before = _peaks(sums)
    if len(fade.places):
        # One sum fades into another; both have to fit.
        peaks_before = peaks.copy()
        peaks_before[fade.places] = _peaks(fade.sums)
    ends = np.minimum(levels, 1 / np.maximum(np.maximum(peaks[:-1], peaks_before[1:]), 1))
    return min(float(levels[0]), 1 / max(float(peaks[0]), 1.0)), ends


def _peaks(sums: Floats) -> Doubles:
    peaks: Doubles = np.maximum(sums.max(axis=1), -sums.min(axis=1)).astype(np.float64)
    return peaks


def _scale(sums: Floats, begins: Doubles, ends: Doubles) -> None:
    """Multiply each frame by a gain that runs from where it begins to where it ends."""
    frames, length = sums.shape
    # Of whole runs, so that the products below always have one shape and round alike.
    gains = np.zeros((frames + -frames % _FRAMES_AT_ONCE, 2), np.float32)
    gains[:frames, 0] = begins
    gains[:frames, 1] = ends - begins
    by_sample = np.empty((_FRAMES_AT_ONCE, length), np.float32)
    for first in range(0, frames, _FRAMES_AT_ONCE):
        run = sums[first : first + _FRAMES_AT_ONCE]
        np.matmul(gains[first : first + _FRAMES_AT_ONCE], _ramp(length), out=by_sample)
        run *= by_sample[: len(run)]


@lru_cache(maxsize=8)
def _ramp(length: int) -> Floats:
    """One, and what runs up to one: (2, samples)."""
    return np.stack((np.ones(length), np.arange(1, length + 1) / length)).astype(np.float32)
