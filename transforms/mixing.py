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
    """The state before the first block of a recording."""
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
    held = state.pending.shape[1]
    planes = np.empty((len(state.pending), held + len(block)), np.float32)
    planes[:, :held] = state.pending
    planes[:, held:] = block.T
    # The limiter has to see the frame behind the one that it is deciding on.
    frames = planes.shape[1] // state.frame - 1
    if frames < 1:
        return replace(state, pending=planes), np.zeros(0, np.float32)
    mixed = frames * state.frame
    shaped = planes[:, : mixed + state.frame].reshape(len(planes), frames + 1, state.frame)
    caps = _caps(shaped)
    products = np.concatenate((state.window, _products(shaped[:, :frames])))
    smooth = _smooth(products, frames)
    signs = _signs(smooth, state.signs)
    gains = _levels(smooth, signs, state.gain)
    ends = np.minimum(np.minimum(gains, caps[:-1]), caps[1:])
    # Before the first sound there is nothing to fade in from.
    begin = state.end_gain if state.gain else min(gains[0], caps[0])
    vectors = signs * ends[:, np.newaxis]
    begin_signs = np.where(state.signs, state.signs, signs[0])
    before = np.concatenate(((begin_signs * begin)[np.newaxis], vectors[:-1]))
    output = _apply(shaped[:, :frames], before, vectors)
    following = replace(
        state,
        pending=planes[:, mixed:].copy(),
        window=products[-(_WINDOW_FRAMES - 1) :],
        signs=signs[-1],
        gain=float(gains[-1]),
        end_gain=float(ends[-1]),
    )
    return following, output


def finish_mix(state: MixState) -> Floats:
    """Mix what is left at the recording's end; mono samples."""
    channels, left = state.pending.shape
    # Up to a whole frame, and one more for the limiter to look at.
    silence = np.zeros((-left % state.frame + state.frame, channels), np.float32)
    return mix(state, silence)[1][:left]


def _caps(shaped: Floats) -> Doubles:
    """The highest gain that keeps each frame within full scale, whatever the signs are."""
    highest = np.maximum(shaped.max(axis=2), -shaped.min(axis=2))
    peaks: Doubles = highest.sum(axis=0, dtype=np.float64)
    caps = np.full(len(peaks), np.inf)
    np.divide(1.0, peaks, out=caps, where=peaks > 0)
    return caps


def _products(shaped: Floats) -> Doubles:
    """Sums over each frame of channel times channel: (frames, channels, channels)."""
    channels, frames, _ = shaped.shape
    products = np.empty((frames, channels, channels))
    for one in range(channels):
        for other in range(one + 1):
            sums = np.einsum("fn,fn->f", shaped[one], shaped[other])
            products[:, one, other] = products[:, other, one] = sums
    return products


def _smooth(products: Doubles, frames: int) -> Doubles:
    """Sums over the last `_WINDOW_FRAMES` frames, for the last ``frames`` frames.

    Added up in the same order for every frame: running sums would depend on the blocks.
    """
    total: Doubles = products[:frames].copy()
    for shift in range(1, _WINDOW_FRAMES):
        total += products[shift : shift + frames]
    return total


def _signs(smooth: Doubles, before: Doubles) -> Doubles:
    """By frame and channel, -1 where it is turned over; 0 where it was always silent."""
    frames, channels, _ = smooth.shape
    signs = np.zeros((frames, channels))
    energy_of_sum = np.zeros(frames)
    for channel in range(channels):
        energy = smooth[:, channel, channel]
        with_sum = np.einsum("fc,fc->f", signs, smooth[:, :, channel])
        bound = _OPPOSED * np.sqrt(energy * energy_of_sum)
        decided = np.where(with_sum < -bound, -1.0, np.where(with_sum > bound, 1.0, 0.0))
        if not before[channel] and energy.any():
            # Its first sound: upright unless it clearly is not.
            first = int(np.argmax(energy > 0))
            decided[first] = decided[first] or 1.0
        signs[:, channel] = _fill(decided, before[channel])
        energy_of_sum = np.einsum("fc,fcd,fd->f", signs, smooth, signs)
    return signs


def _levels(smooth: Doubles, signs: Doubles, before: float) -> Doubles:
    """By frame, the gain that brings the sum down to its loudest channel; 0 if not known."""
    loudest = np.einsum("fcc->fc", smooth).max(axis=1)
    of_sum = np.maximum(np.einsum("fc,fcd,fd->f", signs, smooth, signs), loudest)
    ratios = np.divide(loudest, of_sum, out=np.zeros(len(of_sum)), where=loudest > 0)
    return _fill(np.round(np.sqrt(ratios) * _GAIN_STEPS) / _GAIN_STEPS, before)


def _fill(values: Doubles, before: float) -> Doubles:
    """Zeros become the value before them or, at the recording's start, the first behind them."""
    places = np.maximum.accumulate(np.where(values, np.arange(len(values)), -1))
    filled = np.where(places >= 0, values[places], before)
    first = int(np.argmax(filled != 0))
    filled[:first] = filled[first]
    return filled


def _apply(shaped: Floats, before: Doubles, after: Doubles) -> Floats:
    """Sum the channels, each frame's gains running from ``before`` to ``after``."""
    channels, frames, length = shaped.shape
    ramp = np.stack((np.ones(length), np.arange(1, length + 1) / length)).astype(np.float32)
    # (channels, frames, 2): of each frame the first gain and how far it goes; of whole runs, so
    # that the products below always have one shape and round alike.
    gains = np.zeros((channels, frames + -frames % _FRAMES_AT_ONCE, 2), np.float32)
    gains[:, :frames, 0] = before.T
    gains[:, :frames, 1] = (after - before).T
    output = np.empty((frames, length), np.float32)
    by_sample = np.empty((_FRAMES_AT_ONCE, length), np.float32)
    for first in range(0, frames, _FRAMES_AT_ONCE):
        run = slice(first, min(frames, first + _FRAMES_AT_ONCE))
        for channel in range(channels):
            np.matmul(gains[channel, first : first + _FRAMES_AT_ONCE], ramp, out=by_sample)
            scaled = by_sample[: run.stop - first]
            if channel:
                scaled *= shaped[channel, run]
                output[run] += scaled
            else:
                np.multiply(scaled, shaped[channel, run], out=output[run])
    return output.reshape(-1)
