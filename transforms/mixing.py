"""Channels to one channel, so that nothing that was said gets lost.

The plain mean of the channels turns antiphase stereo into silence and halves speech that is
on one side only. Here, frame by frame of 20 ms:

- a channel that runs against the channels before it is turned over (its correlation with
  their sum is below -0.5; it is turned back above +0.5);
- the sum is brought to the level of the loudest channel: two equal channels are halved, one
  that speaks alone stays as it is;
- where that could exceed full scale, it is lowered as far as needed, one frame ahead.

Level and correlation are those of the last 16 frames (320 ms), and the gains run linearly
from one frame to the next, so there are no steps. Frames are counted from the recording's
start: how it was split into blocks makes no difference.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

_FRAME_SECONDS = 0.02
_WINDOW_FRAMES = 16
_OPPOSED = 0.5
# Gains are multiples of 1/4096, far finer than is heard, so that the last bits of the sums
# do not show: of two equal channels the mix is exactly either.
_GAIN_STEPS = 4096
# In place of sums that are beyond what 32 bits hold: a sample of 1e20 in a file of floats.
_MOST = float(np.finfo(np.float32).max)
# What is added up at once has to stay in a core's cache: twice as fast as a block of 5 s.
_FRAMES_AT_ONCE = 48


@dataclass(frozen=True, slots=True)
class MixState:
    """Where a mix stands between two blocks.

    Attributes:
        frame: the frame's length in samples.
        pending: (channels, samples), received and not mixed yet.
        window: (frames, channels, channels), the products of the last frames.
        signs: (channels,), -1 for a channel that is turned over, 0 if not known yet.
        gain: the level of the last frame; 0 before the first sound.
        end_gain: what the last frame ended with, the limiter included.
    """

    frame: int
    pending: Floats
    window: Doubles
    signs: Doubles
    gain: float
    end_gain: float


def start_mix(sample_rate: int, channels: int) -> MixState:
    """The state before the first block of a recording, of two channels at least."""
    return MixState(
        frame=max(1, round(sample_rate * _FRAME_SECONDS)),
        pending=np.zeros((channels, 0), np.float32),
        window=np.zeros((_WINDOW_FRAMES - 1, channels, channels)),
        signs=np.zeros(channels),
        gain=0.0,
        end_gain=0.0,
    )


def mix(state: MixState, block: Floats) -> tuple[MixState, Floats]:
    """Mix the next block.

    Args:
        state: what `start_mix` or the call before returned.
        block: (samples, channels), in [-1, 1].

    Returns:
        The new state, and mono samples in [-1, 1]: all but the last one to two frames, which
        come with the next block.
    """
    planes = np.ascontiguousarray(block.T)
    held = state.pending.shape[1]
    # The limiter has to see the frame behind the one that it is deciding on.
    frames = (held + len(block)) // state.frame - 1
    if frames < 1:
        return replace(state, pending=np.concatenate((state.pending, planes), axis=1)), np.zeros(
            0, np.float32
        )
    pieces = _pieces(state, planes)
    products = np.concatenate((state.window, *(_products(piece) for piece in pieces)))[:-1]
    smooth = _smooth(products)
    signs, energy_of_sum = _signs(smooth, state.signs)
    levels = _levels(smooth, energy_of_sum, state.gain)
    output, end_gain = _summed(pieces, signs, levels, state)
    following = replace(
        state,
        pending=np.concatenate(
            (state.pending[:, len(output) :], planes[:, max(0, len(output) - held) :]), axis=1
        ),
        window=products[-(_WINDOW_FRAMES - 1) :],
        signs=signs[-1],
        gain=float(levels[-1]),
        end_gain=end_gain,
    )
    return following, output


def finish_mix(state: MixState) -> Floats:
    """Mix what is left at the recording's end; mono samples."""
    channels, left = state.pending.shape
    # Up to a whole frame, and one more for the limiter to look at.
    silence = np.zeros((-left % state.frame + state.frame, channels), np.float32)
    return mix(state, silence)[1][:left]


def _pieces(state: MixState, planes: Floats) -> tuple[Floats, Floats]:
    """The whole frames, (channels, frames, samples): those that were begun before, and the others.

    The others are not copied. That would take as long as adding them up.
    """
    channels, held = state.pending.shape
    lent = -held % state.frame
    begun = np.concatenate((state.pending, planes[:, :lent]), axis=1)
    whole = (planes.shape[1] - lent) // state.frame
    others = planes[:, lent : lent + whole * state.frame]
    return begun.reshape(channels, -1, state.frame), others.reshape(channels, whole, state.frame)


def _products(shaped: Floats) -> Doubles:
    """Sums over each frame of channel times channel: (frames, channels, channels)."""
    channels, frames, _ = shaped.shape
    products = np.empty((frames, channels, channels))
    with np.errstate(over="ignore", invalid="ignore"):
        for one in range(channels):
            for other in range(one + 1):
                sums = np.matmul(shaped[one, :, np.newaxis], shaped[other, :, :, np.newaxis])[:, 0, 0]
                products[:, one, other] = products[:, other, one] = sums
    if not np.isfinite(products).all():
        np.nan_to_num(products, copy=False, posinf=_MOST, neginf=-_MOST)
    return products


def _smooth(products: Doubles) -> Doubles:
    """Sums over the last `_WINDOW_FRAMES` frames, for each frame that has so many.

    Added up in the same order for every frame: running sums would depend on the blocks.
    """
    total, width = products, 1
    while width < _WINDOW_FRAMES:
        total = total[width:] + total[:-width]
        width *= 2
    return total


def _signs(smooth: Doubles, before: Doubles) -> tuple[Doubles, Doubles]:
    """By frame and channel, -1 where it is turned over, 0 where it was always silent.

    Returns:
        The signs, and by frame the energy of the sum that they make.
    """
    frames, channels, _ = smooth.shape
    signs = np.ones((frames, channels))
    energy_of_sum = smooth[:, 0, 0]
    for channel in range(1, channels):
        energy = smooth[:, channel, channel]
        with_sum = np.einsum("fc,fc->f", signs[:, :channel], smooth[:, :channel, channel])
        bound = _OPPOSED * np.sqrt(energy * energy_of_sum)
        decided = np.where(np.abs(with_sum) > bound, np.sign(with_sum), 0.0)
        if not before[channel] and energy.any():
            # Its first sound: upright unless it clearly is not.
            first = int(np.argmax(energy > 0))
            decided[first] = decided[first] or 1.0
        signs[:, channel] = _fill(decided, before[channel])
        energy_of_sum = energy_of_sum + 2 * signs[:, channel] * with_sum + energy
    return signs, energy_of_sum


def _levels(smooth: Doubles, energy_of_sum: Doubles, before: float) -> Doubles:
    """By frame, the gain that brings the sum down to its loudest channel; 0 if not known."""
    loudest = np.einsum("fcc->fc", smooth).max(axis=1)
    of_sum = np.maximum(energy_of_sum, loudest)
    ratios = np.divide(loudest, of_sum, out=np.zeros(len(of_sum)), where=loudest > 0)
    return _fill(np.rint(np.sqrt(ratios) * _GAIN_STEPS) / _GAIN_STEPS, before)


def _fill(values: Doubles, before: float) -> Doubles:
    """Zeros become the value before them or, at the recording's start, the first behind them."""
    if values.all():
        return values
    places = np.maximum.accumulate(np.where(values, np.arange(len(values)), -1))
    filled = np.where(places >= 0, values[places], before)
    if not before:
        first = int(np.argmax(filled != 0))
        filled[:first] = filled[first]
    return filled


def _summed(
    pieces: tuple[Floats, Floats], signs: Doubles, levels: Doubles, state: MixState
) -> tuple[Floats, float]:
    """Sum the channels and keep the sum within full scale.

    Args:
        pieces: the frames, and one more that is only looked at.
        signs: (frames, channels).
        levels: (frames,), the gain that each frame is to end with.
        state: what the frame before ended with.

    Returns:
        The samples, and the gain that the last frame ends with.
    """
    before = np.concatenate((np.where(state.signs, state.signs, signs[0])[np.newaxis], signs[:-1]))
    sums = _added(pieces, np.concatenate((signs, signs[-1:])))
    peaks = peaks_before = _peaks(sums)
    # In a frame in which a channel turns over, one sum fades into another; both have to fit.
    turning = np.flatnonzero((signs != before).any(axis=1))
    if len(turning):
        fading = _added(pieces, np.concatenate((before, signs[-1:])))[turning]
        peaks_before = peaks.copy()
        peaks_before[turning] = _peaks(fading)
    ends = np.minimum(levels, 1 / np.maximum(np.maximum(peaks[:-1], peaks_before[1:]), 1))
    # Before the first sound there is nothing to fade in from.
    begin = state.end_gain if state.gain else min(levels[0], 1 / max(peaks[0], 1))
    begins = np.concatenate(([begin], ends[:-1]))
    output = sums[:-1]
    if len(turning):
        nothing = np.zeros(len(turning))
        rising = output[turning]
        _scale(fading, begins[turning], nothing)
        _scale(rising, nothing, ends[turning])
        fading += rising
    _scale(output, begins, ends)
    if len(turning):
        output[turning] = fading
    return output.reshape(-1), float(ends[-1])


def _added(pieces: tuple[Floats, Floats], signs: Doubles) -> Floats:
    """The channels' sum, those with a negative sign subtracted: (frames, samples)."""
    total = np.empty((len(signs), pieces[0].shape[2]), np.float32)
    begun = pieces[0].shape[1]
    over = signs < 0
    for piece, frames in zip(pieces, (slice(begun), slice(begun, None)), strict=True):
        out = total[frames]
        so_far = piece[0]
        for channel, turned in zip(piece[1:], over[frames].T[1:], strict=True):
            if turned.all():
                np.subtract(so_far, channel, out=out)
            elif turned.any():
                np.add(so_far, np.where(turned[:, np.newaxis], -channel, channel), out=out)
            else:
                np.add(so_far, channel, out=out)
            so_far = out
    return total


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
