"""Copies among recordings of one size: a sample alone cannot see that two of a million are equal."""

from __future__ import annotations

import filecmp
import os

import numpy as np
from numpy.typing import NDArray

from transforms.addresses import is_uri
from transforms.records import Recording

_COMPARED = 3
"""Recordings of the same size that are compared with one of the sample, at most."""

# More than any file has bytes, so that kinds stand above sizes in one number.
_SIZES = 1 << 48


class SameSize:
    """Finds the recordings that could be copies of one: those of the same size and kind.

    Args:
        sizes: bytes of each recording; NaN where nobody knows.
        kinds: a number for each kind.
    """

    def __init__(self, sizes: NDArray[np.float64], kinds: NDArray[np.int64]) -> None:
        known = np.flatnonzero(~np.isnan(sizes))
        keys = kinds[known] * _SIZES + np.minimum(sizes[known], _SIZES - 1).astype(np.int64)
        order = np.argsort(keys, kind="stable")
        self._keys = keys[order]
        self._places = known[order]
        self._sizes = sizes
        self._kinds = kinds

    def as_large_as(self, place: int, random: np.random.Generator) -> tuple[int, list[int]]:
        """How many others are as large as the one at a place, and the places of some, by chance."""
        size = self._sizes[place]
        if np.isnan(size):
            return 0, []
        key = int(self._kinds[place]) * _SIZES + min(int(size), _SIZES - 1)
        first, last = np.searchsorted(self._keys, (key, key + 1))
        others = last - first - 1
        some = self._places[first:last]
        if others > _COMPARED:
            some = random.choice(some, _COMPARED + 1, replace=False)
        return int(others), [int(each) for each in some if each != place][:_COMPARED]


def times_there(recording: Recording, others: int, some: list[Recording]) -> float:
    """How often the content of a recording is in the corpus, itself included, by a comparison with some.

    Args:
        recording: one of the sample.
        others: how many others are as large.
        some: of these, by chance; those that are not on this machine are taken for different ones.
    """
    if not some:
        return 1.0
    equal = sum(_is_copy(recording.location, each.location) for each in some)
    return 1.0 + others * equal / len(some)


def _is_copy(one: bytes, other: bytes) -> bool:
    if is_uri(one) or is_uri(other):
        return False
    try:
        return filecmp.cmp(os.fsdecode(one), os.fsdecode(other), shallow=False)
    except OSError:
        return False
