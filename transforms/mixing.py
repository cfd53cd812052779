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

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np

from transforms.mix_limit import NO_FADE, Doubles, Fade, limited
from transforms.samples import Floats, Samples, planes_of

_FRAME_SECONDS = 0.02
_WINDOW_FRAMES = 16
_OPPOSED = 0.5
# Gains are multiples of 1/4096, far finer than is heard, so that the last bits of the sums
# do not show: of two equal channels the mix is exactly either.
_GAIN_STEPS = 4096
# In place of sums that are beyond what 32 bits hold: a sample of 1e20 in a file of floats.
_MOST = float(np.finfo(np.float32).max)
# Looked at and added up at once: 3 s. In pieces of 1 s the mix takes an eighth more, for the calls.
_FRAMES_AT_ONCE = 150


@dataclass(frozen=True, slots=True)
class MixState:
    """Where a mix stands between two blocks.

    Attributes:
        frame: the frame's length in samples.
        pending: (channels, samples), received and not mixed yet.
        window: (channels, channels, frames), the products of the last frames.
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


def mix_frame(sample_rate: int) -> int:
    """The length of the frames that are counted from the recording's start, in samples."""
    return max(1, round(sample_rate * _FRAME_SECONDS))


def start_mix(sample_rate: int, channels: int) -> MixState:
    """The state before the first block of a recording, of two channels at least."""
    return MixState(
        frame=mix_frame(sample_rate),
        pending=np.zeros((channels, 0), np.float32),
        window=np.zeros((channels, channels, _WINDOW_FRAMES - 1)),
        signs=np.zeros(channels),
        gain=0.0,
        end_gain=0.0,
    )


def mix(state: MixState, block: Samples) -> tuple[MixState, Floats]:
    """Mix the next block.

    Args:
        state: what `start_mix` or the call before returned.
        block: (samples, channels); nothing of it is kept.

    Returns:
        The new state, and mono samples in [-1, 1]: all but the last one to two frames, which
        come with the next block.
    """
    channels, held = state.pending.shape
    # The limiter has to see the frame behind the one that it is deciding on.
    if held + len(block) < 2 * state.frame:
        pending = np.concatenate((state.pending, planes_of(block)), axis=1)
        return replace(state, pending=pending), np.zeros(0, np.float32)
    lent = -held % state.frame
    begun = np.concatenate((state.pending, planes_of(block[:lent])), axis=1)
    end = lent + (len(block) - lent) // state.frame * state.frame
    frames = _Frames(begun.reshape(channels, -1, state.frame), block[lent:end])
    # Nearly always the signs stay what they were, and then the sums are right.
    likely = np.where(state.signs, state.signs, 1.0)
    products, sums, highest = _look(frames, likely)
    products = np.concatenate((state.window, products), axis=2)[..., :-1]
    smooth = _smooth(products)
    signs, energy_of_sum = _signs(smooth, state.signs)
    levels = _levels(smooth, energy_of_sum, state.gain)
    fade = NO_FADE
    if ((signs < 0) != (likely < 0)[:, np.newaxis]).any():
        sums, fade = _turned(frames, signs, state.signs)
        highest = np.inf
    # Before the first sound there is nothing to fade in from.
    before = state.end_gain if state.gain else None
    output, end_gain = limited(sums, highest, fade, levels, before)
    last = frames.last()
    following = replace(
        state,
        pending=np.concatenate((last, planes_of(block[end:])), axis=1),
        window=products[..., -(_WINDOW_FRAMES - 1) :],
        signs=signs[:, -1],
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


def memory_of(state: MixState) -> bytes:
    """All that decides how a mix goes on; the same bytes from two, and they go on alike."""
    numbers = np.array([state.gain, state.end_gain])
    parts = (state.pending, state.window, state.signs, numbers)
    return b"".join(np.ascontiguousarray(part).tobytes() for part in parts)


@dataclass(frozen=True, slots=True)
class _Frames:
    """Whole frames: those that were begun before, and the others, which are not copied.

    Attributes:
        begun: (channels, frames, samples).
        others: (samples, channels).
    """

    begun: Floats
    others: Samples

    def __iter__(self) -> Iterator[Floats]:
        """All of them, a few at once: (channels, frames, samples)."""
        channels, _, length = self.begun.shape
        yield self.begun
        step = _FRAMES_AT_ONCE * length
        for start in range(0, len(self.others), step):
            yield planes_of(self.others[start : start + step]).reshape(channels, -1, length)

    def __len__(self) -> int:
        _, begun, length = self.begun.shape
        return int(begun + len(self.others) // length)

    def last(self) -> Floats:
        """The last one: (channels, samples)."""
        if not len(self.others):
            return self.begun[:, -1]
        return planes_of(self.others[-self.begun.shape[2] :])


def _look(frames: _Frames, signs: Doubles) -> tuple[Doubles, Floats, float]:
    """Sums over each frame of channel times channel, the sum of the channels, and its peak.

    Args:
        frames: all.
        signs: (channels,), those with a negative one are subtracted.

    Returns:
        (channels, channels, frames), (frames, samples), and the peak of them all.
    """
    channels, _, length = frames.begun.shape
    found = np.empty((channels, channels, len(frames), 1, 1), np.float32)
    sums = np.empty((len(frames), length), np.float32)
    at, highest = 0, 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        for some in frames:
            here = slice(at, at := at + some.shape[1])
            lying, standing = some[:, :, np.newaxis], some[..., np.newaxis]
            for one in range(channels):
                for other in range(one + 1):
                    np.matmul(lying[one], standing[other], out=found[one, other, here])
            total = some[0]
            for channel, sign in zip(some[1:], signs[1:], strict=True):
                total = (np.subtract if sign < 0 else np.add)(total, channel, out=sums[here])
            highest = max(highest, float(total.max(initial=0)), -float(total.min(initial=0)))
        products = found[..., 0, 0].astype(np.float64)
    for one in range(channels):
        products[:one, one] = products[one, :one]
    if not np.isfinite(products).all():
        np.nan_to_num(products, copy=False, posinf=_MOST, neginf=-_MOST)
    return products, sums, highest


def _smooth(products: Doubles) -> Doubles:
    """Sums over the last `_WINDOW_FRAMES` frames, for each frame that has so many.

    Added up in the same order for every frame: running sums would depend on the blocks.
    """
    total, width = products, 1
    while width < _WINDOW_FRAMES:
        total = total[..., width:] + total[..., :-width]
        width *= 2
    return total


def _signs(smooth: Doubles, before: Doubles) -> tuple[Doubles, Doubles]:
    """By channel and frame, -1 where it is turned over, 0 where it was always silent.

    Returns:
        The signs, and by frame the energy of the sum that they make.
    """
    channels, _, frames = smooth.shape
    signs = np.ones((channels, frames))
    energy_of_sum = smooth[0, 0]
    for channel in range(1, channels):
        energy = smooth[channel, channel]
        with_sum = reduce(np.add, signs[:channel] * smooth[:channel, channel])
        bound = _OPPOSED * np.sqrt(energy * energy_of_sum)
        if before[channel] <= 0 or (with_sum < -bound).any():
            decided = np.where(np.abs(with_sum) > bound, np.sign(with_sum), 0.0)
            if not before[channel] and energy.any():
                # Its first sound: upright unless it clearly is not.
                first = int(np.argmax(energy > 0))
                decided[first] = decided[first] or 1.0
            signs[channel] = _fill(decided, before[channel])
        energy_of_sum = energy_of_sum + 2 * signs[channel] * with_sum + energy
    return signs, energy_of_sum


def _levels(smooth: Doubles, energy_of_sum: Doubles, before: float) -> Doubles:
    """By frame, the gain that brings the sum down to its loudest channel; 0 if not known."""
    loudest = reduce(np.maximum, (smooth[channel, channel] for channel in range(len(smooth))))
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


def _turned(frames: _Frames, signs: Doubles, before: Doubles) -> tuple[Floats, Fade]:
    """The channels' sum where signs change, and what it comes from there.

    Args:
        frames: one more than there are signs, which is only looked at.
        signs: (channels, frames).
        before: (channels,), those of the frame before, 0 if not known.
    """
    whole = np.concatenate(list(frames), axis=1)
    begun = np.where(before, before, signs[:, 0])[:, np.newaxis]
    coming_from = np.concatenate((begun, signs[:, :-1]), axis=1)
    places = np.flatnonzero((signs != coming_from).any(axis=0))
    return _added(whole, signs), Fade(places, _added(whole, coming_from)[places])


def _added(whole: Floats, signs: Doubles) -> Floats:
    """The channels' sum, those with a negative sign subtracted: (frames, samples)."""
    over = np.concatenate((signs, signs[:, -1:]), axis=1) < 0
    total: Floats = whole[0]
    for channel, turned in zip(whole[1:], over[1:], strict=True):
        total = total + np.where(turned[:, np.newaxis], -channel, channel)
    return total
