"""Silence left out from within a segment. Pure.

Of a pause longer than the limit its middle is left out: half of what remains is next to
the speech before it, half next to the speech behind it.
"""

from __future__ import annotations

import numpy as np

from transforms.cut_costs import Frames
from transforms.records import SampleRange


class Squeezing:
    """The pauses of a channel that are too long, from the oldest one still needed.

    A pause is known by the frame at which it begins.

    Args:
        keep_frames: what remains of a pause; None to leave out nothing.
        frame_samples: samples in a frame.
    """

    def __init__(self, keep_frames: int | None, frame_samples: int) -> None:
        self._keep = keep_frames
        self._frame_samples = frame_samples
        self._begins: Frames = np.empty(0, dtype=np.int64)
        self._left_out: Frames = np.empty((0, 2), dtype=np.int64)  # from and to, in samples
        self._removed: Frames = np.zeros(1, dtype=np.int64)  # samples before each and behind the last

    def note(self, begins: Frames, ends: Frames) -> None:
        """Take the next pauses between runs of speech: first frames, and frames after the last."""
        if self._keep is None:
            return
        too_long = ends - begins > self._keep
        begins, ends = begins[too_long], ends[too_long]
        half = self._keep // 2
        left_out = np.stack([begins + self._keep - half, ends - half], axis=1) * self._frame_samples
        removed = self._removed[-1] + np.cumsum(left_out[:, 1] - left_out[:, 0])
        self._begins = np.concatenate([self._begins, begins])
        self._left_out = np.concatenate([self._left_out, left_out])
        self._removed = np.concatenate([self._removed, removed])

    def removed_before(self, pauses: Frames) -> Frames:
        """Samples left out of all pauses before these."""
        return self._removed[np.searchsorted(self._begins, pauses, side="left")]

    def removed_behind(self, pauses: Frames) -> Frames:
        """Samples left out of these pauses and all before them."""
        return self._removed[np.searchsorted(self._begins, pauses, side="right")]

    def pieces(self, first_pause: int, last_pause: int, sent: SampleRange) -> tuple[SampleRange, ...]:
        """What is left of a segment, in order.

        Forgets all pauses before ``last_pause``: segments must be asked for in order.

        Args:
            first_pause: the pause at which it begins.
            last_pause: the pause at which it ends.
            sent: from where to where it is sent.
        """
        first = int(np.searchsorted(self._begins, first_pause, side="right"))
        last = int(np.searchsorted(self._begins, last_pause))
        edges = [sent.start_sample, *self._left_out[first:last].ravel().tolist(), sent.end_sample]
        self._begins, self._removed = self._begins[last:], self._removed[last:]
        self._left_out = self._left_out[last:]
        return tuple(SampleRange(*edge) for edge in zip(edges[::2], edges[1::2], strict=True))
