"""What a cut costs: how bad a place is to cut at. Pure.

Counted in millionths and in whole numbers, so that the same frames cost the same however
they came, and nothing drifts over hours:

- in a pause: ``exp(-pause / 0.25 s)``, plus 0.01 for each second that it is shorter than
  10 s, plus the mean speech score in it, plus 0.002 for each dB of level;
- in speech: 100, plus the mean speech score, plus 0.02 for each dB of level, both over the
  300 ms round the place: the place with the least in it is taken, and any pause is better;
- a segment without speech: 100 more (only where silence has to be sent).

Score and length of a pause are read from its first 10 s, so that a pause of hours is
judged without keeping it.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.int64]  # frame numbers, or one value for each of some frames

ONE: Final = 1_000_000  # a cost of 1
IN_SPEECH: Final = 100 * ONE  # dearer than all pauses that one plan could trade for it
SPEECHLESS: Final = 100 * ONE

HEAD_FRAMES: Final = 1000  # the first 10 s of a pause stand for it
SPEECH_HALF: Final = 15  # a cut in speech is judged by 150 ms at each side
PAUSE_HALF: Final = 5  # one in a pause by 50 ms: it is to find the gap, not the neighbours

_FRAMES_PER_SECOND: Final = 100
_DECAY_SECONDS: Final = 0.25
_PER_SECOND_SHORTER: Final = 0.01
_HUNDREDTHS: Final = 100  # levels are kept in hundredths of a dB
_PAUSE_LEVEL: Final = ONE // 500 // _HUNDREDTHS
_SPEECH_LEVEL: Final = ONE // 50 // _HUNDREDTHS

_SECONDS = np.arange(HEAD_FRAMES + 1) / _FRAMES_PER_SECOND
_LENGTH_COSTS: Frames = np.rint(
    ONE
    * (
        np.exp(-_SECONDS / _DECAY_SECONDS)
        + _PER_SECOND_SHORTER * (HEAD_FRAMES / _FRAMES_PER_SECOND - _SECONDS)
    )
).astype(np.int64)


def levels_of(energies: NDArray[np.float64]) -> Frames:
    """Levels in hundredths of a dB, at most 9,031 for 16 bits, of the mean squares of frames."""
    levels: Frames = np.rint(_HUNDREDTHS * 10 * np.log10(1 + energies)).astype(np.int64)
    return levels


def energies_of(levels: Frames) -> NDArray[np.float64]:
    """Mean squares that have these levels."""
    energies: NDArray[np.float64] = 10 ** (levels / (_HUNDREDTHS * 10)) - 1
    return energies


class FrameSums:
    """Running sums of score and level, over the frames that may still be asked for.

    Attributes:
        end: how many frames have come.
    """

    def __init__(self) -> None:
        self.end = 0
        self._first = 0  # the frame that the first of the sums stands before
        self._scores: Frames = np.zeros(1, dtype=np.int64)
        self._levels: Frames = np.zeros(1, dtype=np.int64)

    def push(self, speech: NDArray[np.float32], energies: NDArray[np.float64]) -> None:
        """Take the speech probabilities and mean squares of the next frames, shape ``(frames,)`` both."""
        scores = np.rint(speech * np.float64(ONE)).astype(np.int64)
        self._scores = _extended(self._scores, scores)
        self._levels = _extended(self._levels, levels_of(energies))
        self.end += len(speech)

    def drop(self, before: int) -> None:
        """Forget the frames before this one."""
        count = before - self._first
        if count > 0:
            self._scores = self._scores[count:].copy()
            self._levels = self._levels[count:].copy()
            self._first = before

    def pause_costs(self, begins: Frames, lengths: Frames) -> Frames:
        """What cuts in pauses cost, without their level.

        Args:
            begins: the first frame of each, shape ``(pauses,)``.
            lengths: frames in each, at least 1, shape ``(pauses,)``.
        """
        heads = np.minimum(lengths, HEAD_FRAMES)
        return _LENGTH_COSTS[heads] + self._mean(self._scores, begins, begins + heads)

    def pause_depths(self, begins: Frames, lengths: Frames) -> Frames:
        """What the mean level of pauses costs; arguments as of `pause_costs`."""
        ends = begins + np.minimum(lengths, HEAD_FRAMES)
        return _PAUSE_LEVEL * self._mean(self._levels, begins, ends)

    def place_depths(self, places: Frames) -> Frames:
        """What the level at places in a pause costs; a place lies before the frame of its number."""
        return _PAUSE_LEVEL * self._around(self._levels, places, PAUSE_HALF)

    def speech_costs(self, places: Frames) -> Frames:
        """What cuts in speech cost; a place lies before the frame of its number."""
        score = self._around(self._scores, places, SPEECH_HALF)
        return IN_SPEECH + score + _SPEECH_LEVEL * self._around(self._levels, places, SPEECH_HALF)

    def _around(self, sums: Frames, places: Frames, half: int) -> Frames:
        return self._mean(sums, np.maximum(places - half, 0), np.minimum(places + half, self.end))

    def _mean(self, sums: Frames, begins: Frames, ends: Frames) -> Frames:
        means: Frames = (sums[ends - self._first] - sums[begins - self._first]) // (ends - begins)
        return means


def _extended(sums: Frames, values: Frames) -> Frames:
    return np.concatenate([sums, sums[-1] + np.cumsum(values)])
