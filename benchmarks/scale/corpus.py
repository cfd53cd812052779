"""What there is to transcribe: made-up recordings as frames of speech, without sound."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from transforms.answer import Answer, HeardWord
from transforms.cuts import CutPlanner, CutPolicy
from transforms.records import PlannedSegment, Word

SAMPLE_RATE = 16_000
FRAME_SAMPLES = 160
RECORDING_SECONDS = 350
"""About six segments."""

WORDS = 150
"""Of each answer: as many as are said in a minute."""

_POOL_SECONDS = 3600
_BLOCK_FRAMES = 3000  # what a detector hands over at once

SPOKEN = tuple(HeardWord(f"word{place}", place * 380, place * 380 + 300) for place in range(WORDS))
ANSWERED = Answer(" ".join(word.word for word in SPOKEN), SPOKEN, 59_000, "request")
HEARD = tuple(
    Word(word.word, word.start_ms * SAMPLE_RATE // 1000, word.end_ms * SAMPLE_RATE // 1000) for word in SPOKEN
)


class Frames:
    """An hour of speech and pauses, of which every recording is another stretch."""

    def __init__(self) -> None:
        self._random = np.random.default_rng(0)
        scores: list[NDArray[np.float32]] = []
        frames = 0
        while frames < _POOL_SECONDS * 100:
            speech, pause = int(self._random.integers(80, 500)), int(self._random.integers(10, 120))
            scores += [np.full(speech, 0.95, np.float32), np.full(pause, 0.02, np.float32)]
            frames += speech + pause
        self._scores = np.concatenate(scores)
        self._energies = np.where(self._scores > 0.5, 1e6, 1e2) * self._random.uniform(
            0.5, 2.0, len(self._scores)
        )

    def segments(self) -> Iterator[PlannedSegment]:
        """The segments of the next recording, planned as its frames come."""
        frames = RECORDING_SECONDS * 100
        first = int(self._random.integers(0, len(self._scores) - frames))
        planner = CutPlanner(CutPolicy.for_rate(SAMPLE_RATE, max_samples=59 * SAMPLE_RATE))
        for start in range(first, first + frames, _BLOCK_FRAMES):
            block = slice(start, min(first + frames, start + _BLOCK_FRAMES))
            yield from planner.push(self._scores[block], self._energies[block])
        yield from planner.finish(frames * FRAME_SAMPLES)
