"""Copies among recordings of one size: a sample alone cannot see that two of a million are equal."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from transforms.addresses import is_uri
from transforms.records import Recording

MOST_COMPARED = 20_000
"""Recordings that are looked into for copies of those in a sample, at most."""

# More than any file has bytes, so that kinds stand above sizes in one number.
_SIZES = 1 << 48
# Three looks into the sound: two recordings of one size that are alike in all of them are copies,
# or both silent there.
_LOOKS = 3
_LOOK_BYTES = 4096
_LOOKERS = 8  # that mostly wait for a disk


@dataclass(frozen=True, slots=True)
class Alike:
    """Recordings of one size and kind, some of them in a sample.

    Attributes:
        count: how many there are.
        sampled: the places of those in the sample.
        compared: the places of those that are looked into; all of them if they are few.
    """

    count: int
    sampled: tuple[int, ...]
    compared: tuple[int, ...]


def alike_in_size(
    sizes: NDArray[np.float64],
    kinds: NDArray[np.int64],
    sampled: Iterable[int],
    random: np.random.Generator,
    most: int = MOST_COMPARED,
) -> list[Alike]:
    """The recordings that could be copies of those in a sample.

    Args:
        sizes: bytes of each recording; NaN where nobody knows.
        kinds: a number for each kind.
        sampled: places of the sample.
        random: chooses who is compared where there are many.
        most: to be compared.
    """
    known = np.flatnonzero(~np.isnan(sizes))
    keys = kinds[known] * _SIZES + np.minimum(sizes[known], _SIZES - 1).astype(np.int64)
    order = np.argsort(keys, kind="stable")
    keys, places = keys[order], known[order]
    groups: dict[tuple[int, int], list[int]] = {}
    for place in sampled:
        if not np.isnan(sizes[place]):
            key = int(kinds[place]) * _SIZES + min(int(sizes[place]), _SIZES - 1)
            first, last = np.searchsorted(keys, (key, key + 1))
            if last - first > 1:
                groups.setdefault((int(first), int(last)), []).append(place)
    total = sum(last - first for first, last in groups)
    found = []
    for (first, last), own in groups.items():
        some = places[first:last]
        if total > most:
            some = random.choice(some, max(1, len(some) * most // total), replace=False)
        compared = sorted({*own, *map(int, some)})
        found.append(Alike(int(last - first), tuple(own), tuple(compared)))
    return found


def times_there(alike: Iterable[Alike], recordings: Mapping[int, Recording]) -> dict[int, float]:
    """How often the content of recordings of a sample is in the corpus, by place; once where it is not told.

    Args:
        alike: from `alike_in_size`.
        recordings: by place; what is missing, or not on this machine, is taken for different.
    """
    times = {}
    with ThreadPoolExecutor(_LOOKERS) as lookers:
        for each in alike:
            there = [place for place in each.compared if place in recordings]
            prints = dict(
                zip(there, lookers.map(_fingerprint, [recordings[place] for place in there]), strict=True)
            )
            often = Counter(prints.values())
            for place in each.sampled:
                print_of = prints.get(place)
                if print_of is not None and len(there) > 1:
                    share = (often[print_of] - 1) / (len(there) - 1)
                    times[place] = 1.0 + (each.count - 1) * share
    return times


def _fingerprint(recording: Recording) -> bytes | None:
    """What a file holds in some places; None if it cannot be read, or is not on this machine."""
    if is_uri(recording.location):
        return None
    try:
        descriptor = os.open(recording.location, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        size = os.fstat(descriptor).st_size
        looks = (
            os.pread(descriptor, _LOOK_BYTES, size * look // (_LOOKS + 1)) for look in range(1, _LOOKS + 1)
        )
        return blake2b(b"".join(looks), digest_size=16).digest()
    except OSError:
        return None
    finally:
        os.close(descriptor)
