"""Where to cut: levels in, sample ranges out. Pure.

A channel is cut into ranges no longer than the limit that tile it from its first
sample to its last. Each cut falls at the quietest place near the end of the
window: the middle of the stretch of `CutPolicy.pause_samples` with the least
energy among the last `CutPolicy.search_samples` that the limit allows, the latest
of equals. The decision for a window depends on nothing that lies more than half a
pause behind its end, so a stream is cut as the whole would be.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class SampleRange:
    """``[start_sample, end_sample)`` of a channel."""

    start_sample: int
    end_sample: int

    @property
    def samples(self) -> int:
        """How long it is."""
        return self.end_sample - self.start_sample


@dataclass(frozen=True, slots=True)
class CutPolicy:
    """The limits of a cut, in samples of the normalized audio.

    Attributes:
        max_samples: no range is longer.
        search_samples: how far back from the limit a quiet place is looked for.
        frame_samples: the length of the frames whose levels are given; cuts fall
            between frames.
        pause_samples: the length of the stretch whose energy is compared.
    """

    max_samples: int
    search_samples: int
    frame_samples: int
    pause_samples: int

    @classmethod
    def for_rate(cls, sample_rate: int, *, max_samples: int, search_seconds: float) -> CutPolicy:
        """The usual policy: frames of 10 ms, pauses of 300 ms.

        No more than half a segment is searched, so that none becomes tiny: each is paid for.
        """
        return cls(
            max_samples=max_samples,
            search_samples=min(round(search_seconds * sample_rate), max_samples // 2),
            frame_samples=sample_rate // 100,
            pause_samples=sample_rate * 3 // 10,
        )

    @property
    def max_frames(self) -> int:
        """Whole frames in the longest range."""
        return self.max_samples // self.frame_samples

    @property
    def lookahead_frames(self) -> int:
        """Frames behind a window that the choice of its cut may hear."""
        return self.pause_samples // (2 * self.frame_samples)


class CutPlanner:
    """Cuts one channel as its levels come.

    Args:
        policy: the limits; ``max_samples`` must hold at least one frame.
    """

    def __init__(self, policy: CutPolicy) -> None:
        assert policy.max_frames >= 1, "a range must hold a frame"
        self._policy = policy
        self._start_sample = 0
        self._energies = np.empty(0, dtype=np.float64)  # of the frames since the last cut

    def push(self, energies: NDArray[np.float64]) -> list[SampleRange]:
        """Take the mean squares of the next frames, shape ``(frames,)``; the ranges decided by them."""
        self._energies = np.concatenate([self._energies, energies])
        window = self._policy.max_frames + self._policy.lookahead_frames
        decided = []
        while len(self._energies) > window:
            decided.append(self._cut())
        return decided

    def finish(self, total_samples: int) -> list[SampleRange]:
        """The remaining ranges of a channel of so many samples; the last frame may be a part of one."""
        decided = []
        while total_samples - self._start_sample > self._policy.max_samples:
            decided.append(self._cut())
        if total_samples > self._start_sample:
            decided.append(SampleRange(self._start_sample, total_samples))
        self._start_sample = total_samples
        self._energies = self._energies[:0]
        return decided

    def _cut(self) -> SampleRange:
        frames = quietest_cut(self._energies, self._policy)
        start = self._start_sample
        self._start_sample = start + frames * self._policy.frame_samples
        self._energies = self._energies[frames:]
        return SampleRange(start, self._start_sample)


def quietest_cut(energies: NDArray[np.float64], policy: CutPolicy) -> int:
    """After how many frames to cut a window that is too long to be one range.

    Args:
        energies: mean squares of the frames since the last cut, shape ``(frames,)``,
            at least ``policy.max_frames`` of them.
        policy: the limits.
    """
    last = policy.max_frames
    first = max(1, last - policy.search_samples // policy.frame_samples)
    half = policy.lookahead_frames
    sums = np.concatenate([[0.0], np.cumsum(energies[: last + half])])
    places = np.arange(first, last + 1)
    begin = np.maximum(places - half, 0)
    end = np.minimum(places + half, len(sums) - 1)
    means = (sums[end] - sums[begin]) / np.maximum(end - begin, 1)
    return int(places[len(means) - 1 - np.argmin(means[::-1])])


def frame_energies(samples: NDArray[np.int16], frame_samples: int) -> NDArray[np.float64]:
    """Mean squares of the whole frames, shape ``(len(samples) // frame_samples,)``."""
    whole = len(samples) // frame_samples
    squares = samples[: whole * frame_samples].astype(np.float32) ** 2
    means: NDArray[np.float64] = squares.reshape(whole, frame_samples).mean(axis=1, dtype=np.float64)
    return means
