"""Where a dear speech detector need not look. Pure.

Silence is most of what can be left out, and it looks alike: where the detector has just heard
no speech for half a second, it will hear none as long as nothing changes. So it rests while
every window stays at the level of those that it has judged, in all and in the treble (where
soft consonants are), looks again at the latest after `LONGEST_REST`, and starts
`LEAD_WINDOWS` before the first other one, which was judged silent so that its memory fits.

What gets softer is a change too: behind a ringing tone or a noise that ends, someone may
speak more softly than it was. And what sways is never left out, for nothing that begins
could be told from it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SILENT_WINDOWS = 16
LEAD_WINDOWS = 12
LONGEST_REST = 128
_SILENT = 0.1
_LOUDER = 1.6  # 2 dB: windows of 32 ms of steady noise differ by less
_SOFTER = 4.0  # 6 dB below the softest: syllables differ by more
_SWAYING = 16.0  # 12 dB from the softest window to the loudest
# Below the rounding of 16-bit samples nothing is told from digital silence: (1/32768)^2 / 12.
_INAUDIBLE = 7.8e-11


class Gate:
    """Decides for one stream of windows which are looked at.

    Attributes:
        resting: whether windows are left out at present.
    """

    def __init__(self) -> None:
        self.resting = False
        self._softest = np.zeros(2)
        self._loudest = np.zeros(2)
        self._rested = 0

    def looked(self, probabilities: NDArray[np.float32], levels: NDArray[np.float64]) -> None:
        """Take what the detector said.

        Args:
            probabilities: of the last `SILENT_WINDOWS` windows.
            levels: theirs, as `window_levels` gives them, shape ``(windows, 2)``.
        """
        softest = np.maximum(levels.min(axis=0), _INAUDIBLE)
        loudest = np.maximum(levels.max(axis=0), _INAUDIBLE)
        is_steady = bool(np.all(loudest <= softest * _SWAYING))
        self.resting = is_steady and bool(probabilities.max() < _SILENT)
        self._softest, self._loudest = softest / _SOFTER, loudest * _LOUDER
        self._rested = 0

    def rest(self, levels: NDArray[np.float64]) -> int:
        """How many of the next windows need no look, as far as is known.

        Where one of them ends the rest, `resting` turns false, and the next is to be looked at.

        Args:
            levels: of the next windows that have not been left out yet, shape ``(windows, 2)``,
                as many as there are; beyond `LONGEST_REST` + 1 they make no difference.
        """
        left = LONGEST_REST - self._rested
        heard = np.maximum(levels[:left], _INAUDIBLE)
        other = np.flatnonzero(np.any((heard > self._loudest) | (heard < self._softest), axis=1))
        steady = int(other[0]) if len(other) else min(left, len(levels))
        self.resting = steady == len(levels)
        # The last ones stay undecided: should the rest end behind them, they are the lead.
        spared = max(0, steady - LEAD_WINDOWS)
        self._rested += spared
        return spared


def window_levels(windows: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean squares of windows and of the steps from sample to sample in them (their treble).

    Args:
        windows: shape ``(windows, samples)``.

    Returns:
        Shape ``(windows, 2)``.
    """
    steps = np.diff(windows, axis=1)
    sums = [np.einsum("ws,ws->w", values, values) for values in (windows, steps)]
    levels: NDArray[np.float64] = np.stack(sums, axis=1).astype(np.float64) / windows.shape[1]
    return levels
