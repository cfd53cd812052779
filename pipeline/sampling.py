"""Totals of a large corpus from the recordings of a sample, with intervals. Pure.

What is known of every recording is its size and its kind (the ending of its name). A sample
is drawn in strata: the largest are all read, the others are put in order of kind and size and
cut into stretches of equal weight, five reads each. Half of a recording's weight is its share of all
bytes, half its share of the number of recordings, so that neither an hour in one file nor a million
clips is missed. In a stretch a total is the ratio of what was found to the bytes that were read,
times the bytes of the stretch (the separate ratio estimator: Cochran, Sampling Techniques, 3rd ed., 6.10).

The interval is Student's t with Satterthwaite's degrees of freedom, made wider where such intervals
are known to be too short: by what a sample cannot have seen (below), by the skewness of what it saw,
and upwards more than downwards. The benchmark ``plan_sample`` and the tests measure how often it
holds the truth.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

LEAST_SAMPLE = 50
"""Recordings of a sample at least: from fewer no interval held the truth often enough."""

_READS = 5
_COUNT_WEIGHT = 0.5
# Of a kind of recording that is one in n or rarer a sample of n may show none. It is as if the sample
# had shown sqrt(2.4) more that are all loss: where nothing varies, the interval is 3 in n wide to
# either side, which is the rule of three.
_UNSEEN = 2.4
_WIDER = 1.1
_WIDER_BY_SKEWNESS = 0.15
_FEWEST_DEGREES = 2.0

Places = NDArray[np.int64]
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Figure:
    """A number, with its 95 % interval; a known one has itself for both ends."""

    value: float
    low: float
    high: float

    @classmethod
    def known(cls, value: float) -> Figure:
        """A number that needs no estimate."""
        return cls(value, value, value)

    @property
    def is_known(self) -> bool:
        """Whether the interval has no length."""
        return self.low == self.high

    def scaled(self, factor: float) -> Figure:
        """In another unit."""
        return Figure(self.value * factor, self.low * factor, self.high * factor)


@dataclass(frozen=True, slots=True, eq=False)
class Stratum:
    """Recordings of which some are read, or all.

    Attributes:
        count: how many it has.
        weight_sum: the sum of their sizes.
        read: the places of those that are read.
        weights: the sizes of these.
        largest: it holds those that were too large to be left to chance.
    """

    count: int
    weight_sum: float
    read: Places
    weights: Numbers
    largest: bool = False

    @property
    def whole(self) -> bool:
        """Whether all of it is read."""
        return self.count == len(self.read)


def draw(
    sizes: Numbers, kinds: NDArray[np.int64], reads: int, random: np.random.Generator
) -> tuple[Stratum, ...]:
    """Choose the recordings of a sample.

    Args:
        sizes: bytes of each recording; NaN where nobody knows.
        kinds: a number for each kind of recording whose bytes mean the same.
        reads: how many are to be read at most, `LEAST_SAMPLE` or more.
        random: chance.
    """
    if reads >= len(sizes):
        return (_stratum(np.arange(len(sizes)), np.ones(len(sizes)), len(sizes), random),)
    filled = _filled(sizes)
    certain = _certain(filled, reads)
    strata = []
    if certain.any():
        largest = _stratum(np.flatnonzero(certain), filled, int(certain.sum()), random)
        strata.append(replace(largest, largest=True))
    for members, own_reads in _stretches(filled, kinds, ~certain, reads - int(certain.sum())):
        strata.append(_stratum(members, filled, own_reads, random))
    return tuple(strata)


def estimate(strata: tuple[Stratum, ...], values: Numbers, most: Numbers) -> Figure:
    """The total of a quantity over all recordings.

    Args:
        strata: how the sample was drawn.
        values: the quantity by place; only the places that were read are looked at.
        most: what it could be at most in each of these, by which is judged what a sample
            may have missed.
    """
    seen = float(sum(values[each.read].sum() for each in strata))
    certain = float(sum(values[each.read].sum() for each in strata if each.whole))
    drawn = [each for each in strata if not each.whole]
    if not drawn:
        return Figure.known(seen)
    total = sum(_ratio(each, values) * each.weight_sum for each in drawn)
    expected_most = sum(_ratio(each, most) * each.weight_sum for each in drawn)
    reads = sum(len(each.read) for each in drawn)
    unseen = _UNSEEN * (expected_most / reads) ** 2
    variances = [_variance(each, values) for each in drawn]
    half = (
        student_quantile(_degrees(variances, drawn))
        * math.sqrt(sum(variances) + unseen)
        * (_WIDER + _WIDER_BY_SKEWNESS * max(0.0, _skewness(drawn, values)))
    )
    # Where few hold much, a sample that lacks them tells too little and knows too little of its error.
    lopsided = min(half / total, 1.0) if total > 0 else 1.0
    above = half * math.expm1(lopsided) / lopsided if lopsided else half
    return Figure(certain + total, max(seen, certain + total - half), certain + total + above)


def student_quantile(degrees: float) -> float:
    """The 97.5 % quantile of Student's t (Abramowitz and Stegun, 26.7.5), good to 1 % from 3 degrees on."""
    z = 1.959963985
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return z + sum(term / degrees**power for power, term in enumerate(terms, start=1))


def _filled(sizes: Numbers) -> Numbers:
    """Sizes that are all known and more than nothing: for the unknown ones the mean of the others."""
    known = ~np.isnan(sizes)
    mean = float(sizes[known].mean()) if known.any() else 0.0
    return np.where(known, sizes, mean) + 1.0


def _weights(sizes: Numbers, members: NDArray[np.bool_]) -> Numbers:
    """How much each of some recordings counts; 0 for the others, 1 together."""
    shares = _COUNT_WEIGHT / members.sum() + (1 - _COUNT_WEIGHT) * sizes / sizes[members].sum()
    return np.where(members, shares, 0.0)


def _certain(sizes: Numbers, reads: int) -> NDArray[np.bool_]:
    """Those so large that a sample by weight would hold them always; at most half of the reads."""
    certain = np.zeros(len(sizes), dtype=np.bool_)
    while True:
        heavy = _weights(sizes, ~certain) * (reads - certain.sum()) >= 1
        room = reads // 2 - int(certain.sum())
        if not heavy.any() or room <= 0:
            return certain
        found = np.flatnonzero(heavy)
        certain[found[np.argsort(-sizes[found], kind="stable")][:room]] = True


def _stretches(
    sizes: Numbers, kinds: NDArray[np.int64], members: NDArray[np.bool_], reads: int
) -> Iterator[tuple[Places, int]]:
    """Stretches of equal weight in each kind, and how many of each are read."""
    weights = _weights(sizes, members)
    groups = _groups(kinds, members, weights, reads)
    for group, own in zip(groups, _shared_out([weights[each].sum() for each in groups], reads), strict=True):
        ordered = group[np.argsort(sizes[group], kind="stable")]
        number = max(1, own // _READS)
        reached = np.cumsum(weights[ordered])
        labels = np.minimum((reached / reached[-1] * number * (1 - 1e-12)).astype(np.int64), number - 1)
        for label, stretch_reads in enumerate(_shared_out([1.0] * number, own)):
            stretch = ordered[labels == label]
            if len(stretch):
                yield stretch, min(len(stretch), stretch_reads)


def _groups(
    kinds: NDArray[np.int64], members: NDArray[np.bool_], weights: Numbers, reads: int
) -> list[Places]:
    """Each kind by itself that gets enough reads, and the rest together."""
    found, inverse = np.unique(kinds, return_inverse=True)
    share = np.bincount(inverse, weights=weights, minlength=len(found))
    large = share * reads >= _READS
    groups = [np.flatnonzero(members & (inverse == number)) for number in np.flatnonzero(large)]
    rest = np.flatnonzero(members & ~large[inverse])
    return [*groups, rest] if len(rest) else groups


def _shared_out(weights: list[float], reads: int) -> list[int]:
    """Reads by weight, two at least to each; in all so many where that is enough for all."""
    exact = np.array(weights) / sum(weights) * reads
    shared = np.maximum(2, np.floor(exact)).astype(np.int64)
    while shared.sum() < reads:
        shared[np.argmax(exact - shared)] += 1
    while shared.sum() > reads and shared.max() > 2:
        shared[np.argmax(shared)] -= 1
    return [int(each) for each in shared]


def _stratum(members: Places, sizes: Numbers, reads: int, random: np.random.Generator) -> Stratum:
    read = members if reads == len(members) else np.sort(random.choice(members, reads, replace=False))
    return Stratum(len(members), float(sizes[members].sum()), read, sizes[read])


def _ratio(stratum: Stratum, values: Numbers) -> float:
    return float(values[stratum.read].sum() / stratum.weights.sum())


def _residuals(stratum: Stratum, values: Numbers) -> Numbers:
    """How far each that was read lies from the ratio, in terms of the whole stratum's mean."""
    mean = stratum.weight_sum / stratum.count
    off = values[stratum.read] - _ratio(stratum, values) * stratum.weights
    return off * (mean / float(stratum.weights.mean()))


def _variance(stratum: Stratum, values: Numbers) -> float:
    count, reads = stratum.count, len(stratum.read)
    squares = float((_residuals(stratum, values) ** 2).sum())
    return count * count * (1 - reads / count) * squares / (reads - 1) / reads


def _degrees(variances: list[float], strata: list[Stratum]) -> float:
    """Satterthwaite's degrees of freedom."""
    degrees = [len(each.read) - 1 for each in strata]
    squares = sum(variance**2 / own for variance, own in zip(variances, degrees, strict=True))
    if squares <= 0:
        return float(sum(degrees))
    return max(_FEWEST_DEGREES, sum(variances) ** 2 / squares)


def _skewness(strata: list[Stratum], values: Numbers) -> float:
    off = np.concatenate([_residuals(each, values) * (each.count / len(each.read)) for each in strata])
    spread = float(off.std())
    return float(((off - off.mean()) ** 3).mean()) / spread**3 if spread > 0 else 0.0
