"""Runs of speech in a stream of frames. Pure.

A run is speech with pauses at both sides. A dip that is shorter than a pause belongs to
its run: within words the speech score sinks for a moment too.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from transforms.cut_costs import Frames


class SpeechRuns:
    """The runs found and not yet taken.

    Args:
        min_pause_frames: silence of so many frames ends a run, at least 1.

    Attributes:
        starts: the first frame of each run, shape ``(runs,)``.
        ends: the frame after its last; of the last run only what has come of it.
    """

    def __init__(self, min_pause_frames: int) -> None:
        self._min_pause = min_pause_frames
        self._frames = 0
        self.starts: Frames = np.empty(0, dtype=np.int64)
        self.ends: Frames = np.empty(0, dtype=np.int64)

    def push(self, is_speech: NDArray[np.bool_]) -> None:
        """Take the next frames, shape ``(frames,)``."""
        edges = np.flatnonzero(np.diff(is_speech, prepend=False, append=False)) + self._frames
        self._frames += len(is_speech)
        starts = np.concatenate([self.starts, edges[::2]])
        ends = np.concatenate([self.ends, edges[1::2]])
        parted = starts[1:] - ends[:-1] >= self._min_pause
        self.starts = starts[np.concatenate([[True], parted])[: len(starts)]]
        self.ends = ends[np.concatenate([parted, [True]])[: len(ends)]]

    def take(self, count: int) -> tuple[Frames, Frames]:
        """Hand over the first ``count`` runs, which must have ended: their starts and ends."""
        taken = self.starts[:count], self.ends[:count]
        self.starts, self.ends = self.starts[count:], self.ends[count:]
        return taken
