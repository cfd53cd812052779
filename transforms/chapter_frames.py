"""The frames of a chapter as a planner takes them, in few bytes: 1 MB for an hour. Pure."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from transforms.cut_costs import energies_of, levels_of

_SCORE, _LEVEL = np.dtype("<f4"), np.dtype("<u2")
_QUICK = 1


def packed_frames(speech: NDArray[np.float32], energies: NDArray[np.float64]) -> bytes:
    """Scores as they are, energies as the levels that decide where to cut.

    Args:
        speech: see `cuts.CutPlanner.push`.
        energies: likewise.
    """
    levels = levels_of(energies).astype(_LEVEL)
    return zlib.compress(speech.astype(_SCORE).tobytes() + levels.tobytes(), _QUICK)


def unpacked_frames(packed: bytes) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Scores, and energies of the same levels.

    Raises:
        ValueError, zlib.error: they are no frames.
    """
    data = zlib.decompress(packed)
    frames, rest = divmod(len(data), _SCORE.itemsize + _LEVEL.itemsize)
    if rest:
        raise ValueError(f"{len(data)} bytes are no whole frames")
    scores = np.frombuffer(data, _SCORE, frames).astype(np.float32)
    levels = np.frombuffer(data, _LEVEL, frames, frames * _SCORE.itemsize)
    return scores, energies_of(levels.astype(np.int64))
