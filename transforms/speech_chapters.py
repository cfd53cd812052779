"""Speech by chapters of five minutes, so that each can be listened to by itself. Pure.

What a recurrent network says of a second hangs on all seconds before it, in the last bits at
least. So no detector hears more than one chapter: for the next a fresh one takes over, which has
heard the `WARM_UP_SECONDS` before it. What is said of a chapter then depends on the samples of
these and of the chapter alone, whether the channel is heard in one piece or in several.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

CHAPTER_SECONDS: Final = 300
WARM_UP_SECONDS: Final = 5
"""Whole frames of 10 ms both, at any rate."""

Scores = NDArray[np.float32]


class SpeechDetector(Protocol):
    """Listens to one channel as its blocks come.

    The same samples in other blocks give the same probabilities.
    """

    def push(self, samples: NDArray[np.int16]) -> Scores:
        """Take the next block, of any length.

        Args:
            samples: 16-bit mono at the rate that the detector was opened for.

        Returns:
            The probabilities, in [0, 1], of the next frames of 10 ms, as far as they are known.
        """
        ...

    def finish(self) -> Scores:
        """The rest, when the channel has ended: in all, as many as it has whole frames."""
        ...


class WarmedUp:
    """A `SpeechDetector` that says nothing of the first samples it hears.

    Args:
        detector: has heard nothing yet.
        frames: how many frames it is to be silent about.
    """

    def __init__(self, detector: SpeechDetector, frames: int) -> None:
        self._detector = detector
        self._untold = frames

    def push(self, samples: NDArray[np.int16]) -> Scores:
        """See `SpeechDetector`."""
        return self._told(self._detector.push(samples))

    def finish(self) -> Scores:
        """See `SpeechDetector`."""
        return self._told(self._detector.finish())

    def _told(self, scores: Scores) -> Scores:
        untold = min(self._untold, len(scores))
        self._untold -= untold
        return scores[untold:]


class ChapterDetector:
    """A `SpeechDetector` for a channel of any length, made of one for each chapter.

    Args:
        open_one: makes a detector.
        sample_rate: of the samples to come.
    """

    def __init__(self, open_one: Callable[[], SpeechDetector], sample_rate: int) -> None:
        self._open_one = open_one
        self._chapter = CHAPTER_SECONDS * sample_rate
        self._warm_up = WARM_UP_SECONDS * sample_rate
        self._current = open_one()
        self._next: SpeechDetector | None = None
        self._place = 0  # in the chapter

    def push(self, samples: NDArray[np.int16]) -> Scores:
        """See `SpeechDetector`."""
        found = [np.zeros(0, np.float32)]
        while len(samples):
            turn = self._chapter - (self._warm_up if self._next is None else 0)
            block, samples = samples[: turn - self._place], samples[turn - self._place :]
            found.append(self._current.push(block))
            self._place += len(block)
            if self._next is not None:
                self._next.push(block)  # its chapter has not begun: it says nothing
            if self._place == turn:
                found.append(self._turned())
        return np.concatenate(found)

    def finish(self) -> Scores:
        """See `SpeechDetector`."""
        return self._current.finish()

    def _turned(self) -> Scores:
        """Let the next one begin to hear or, at the chapter's end, take over."""
        if self._next is None:
            self._next = chapter_detector(self._open_one(), is_first=False)
            return np.zeros(0, np.float32)
        rest = self._current.finish()
        self._current, self._next, self._place = self._next, None, 0
        return rest


def chapter_detector(detector: SpeechDetector, *, is_first: bool) -> SpeechDetector:
    """A detector for one chapter: its samples come behind those of the warm-up, if there was any.

    Args:
        detector: has heard nothing yet.
        is_first: whether the chapter is the first of its channel.
    """
    return detector if is_first else WarmedUp(detector, WARM_UP_SECONDS * 100)
