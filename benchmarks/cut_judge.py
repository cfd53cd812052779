"""What a plan of cuts is worth, by the true words; and the best plan, by the true words too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from benchmarks.cut_speech import Words
from transforms.records import PlannedSegment, SampleRange


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was counted; of several recordings it is the sum.

    Attributes:
        segments: calls.
        cuts: places between two pieces that are sent.
        bad_cuts: cuts with an edge inside a word which no segment that keeps it hears whole.
        words: those that there are.
        lost_words: those of which more is sent in no segment than may be missing of a word,
            and those that no segment keeps.
        sent_samples: what is sent, twice sent samples counted twice.
        silent_samples: sent samples that are neither word nor padding.
    """

    segments: int = 0
    cuts: int = 0
    bad_cuts: int = 0
    words: int = 0
    lost_words: int = 0
    sent_samples: int = 0
    silent_samples: int = 0

    def __add__(self, other: Verdict) -> Verdict:
        """Both together."""
        return Verdict(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))


def judge(
    plan: Sequence[PlannedSegment], words: Words, *, max_samples: int, tolerance: int, padding: int
) -> Verdict:
    """Count what a plan does to the words.

    A segment keeps a word whose middle lies in its ``own``: with an overlap, what others
    hear of it is dropped.

    Args:
        plan: of one recording, in order.
        words: of it.
        max_samples: no segment may send more.
        tolerance: so many samples may be missing at an end of a word.
        padding: silence up to so far from a word is there on purpose.

    Raises:
        ValueError: the plan is not legal.
    """
    _check(plan, max_samples)
    pieces = [piece for segment in plan for piece in segment.sent]
    unheard = np.diff(words, axis=1)[:, 0] - _heard(words, pieces)
    padded = np.stack([words[:, 0] - padding, words[:, 1] + padding], axis=1)
    wanted = [SampleRange(int(start), int(end)) for start, end in padded]
    sent = np.array([[piece.start_sample, piece.end_sample] for piece in pieces], np.int64).reshape(-1, 2)
    lengths = np.diff(sent, axis=1)[:, 0]
    return Verdict(
        segments=len(plan),
        cuts=max(len(pieces) - 1, 0),
        bad_cuts=len(bad_cuts(plan, words, tolerance=tolerance)),
        words=len(words),
        lost_words=int(np.count_nonzero((unheard > tolerance) | (_keepers(plan, words) < 0))),
        sent_samples=int(lengths.sum()),
        silent_samples=int((lengths - _heard(sent, wanted)).sum()),
    )


def bad_cuts(plan: Sequence[PlannedSegment], words: Words, *, tolerance: int) -> list[tuple[int, int]]:
    """The edges of the bad cuts: where the piece before ends and the one behind begins."""
    broken = words[~_heard_whole(plan, words, tolerance)]
    found = []
    for before, behind in pairwise(piece for segment in plan for piece in segment.sent):
        edges = (before.end_sample, behind.start_sample)
        if any(np.any((broken[:, 0] + tolerance < e) & (e < broken[:, 1] - tolerance)) for e in edges):
            found.append(edges)
    return found


def best_plan(words: Words, *, max_samples: int, padding: int, min_pause: int) -> list[PlannedSegment]:
    """The fewest segments that can be had by cutting in the middle of true pauses only.

    Each segment takes in as many words as it can. Nothing is gained by ending one earlier:
    the next would only begin earlier and reach no further.

    Args:
        words: of one recording.
        max_samples: no segment is longer.
        padding: of silence before and behind the words of a segment, half the pause at most.
        min_pause: what is shorter is no pause.

    Raises:
        ValueError: some speech without pause is longer than a segment.
    """
    gaps = words[1:, 0] - words[:-1, 1]
    at = np.flatnonzero(gaps >= min_pause)
    pads = np.minimum(padding, gaps[at] // 2)
    starts = np.concatenate([[max(0, words[0, 0] - padding)], words[at + 1, 0] - pads])
    ends = np.concatenate([words[at, 1] + pads, [words[-1, 1] + padding]])
    plan = []
    first = 0
    while first < len(starts):
        last = int(np.searchsorted(ends, starts[first] + max_samples, side="right")) - 1
        if last < first:
            raise ValueError(f"speech without a pause from sample {starts[first]} to {ends[first]}")
        own = SampleRange(int(starts[first]), int(ends[last]))
        plan.append(PlannedSegment(own, (own,)))
        first = last + 1
    return plan


def _check(plan: Sequence[PlannedSegment], max_samples: int) -> None:
    for segment in plan:
        if not 0 < segment.sent_samples <= max_samples:
            raise ValueError(f"{segment} sends {segment.sent_samples} samples, not 1 to {max_samples}")
    for before, behind in pairwise(plan):
        if before.own.end_sample > behind.own.start_sample:
            raise ValueError(f"{behind} begins before {before} ends")


def _keepers(plan: Sequence[PlannedSegment], words: Words) -> NDArray[np.int64]:
    """The number of the segment that keeps each word; -1 for none."""
    if not plan:
        return np.full(len(words), -1, dtype=np.int64)
    starts = [segment.own.start_sample for segment in plan]
    ends = np.array([segment.own.end_sample for segment in plan])
    middles = words.sum(axis=1) // 2
    last = np.searchsorted(starts, middles, side="right") - 1
    return np.where((last >= 0) & (middles < ends[last]), last, -1)


def _heard_whole(plan: Sequence[PlannedSegment], words: Words, tolerance: int) -> NDArray[np.bool_]:
    """Whether the segment that keeps a word hears it, but for the tolerance at both ends."""
    keepers = _keepers(plan, words)
    inner = words + np.array([tolerance, -tolerance])
    whole = np.zeros(len(words), dtype=np.bool_)
    for number, segment in enumerate(plan):
        mine = inner[keepers == number]
        whole[keepers == number] = _heard(mine, segment.sent) >= np.diff(mine, axis=1)[:, 0]
    return whole


def _heard(ranges: NDArray[np.int64], pieces: Sequence[SampleRange]) -> NDArray[np.int64]:
    """How much of each range lies in any of the pieces, which come in order of their begin."""
    merged: list[list[int]] = []
    for piece in pieces:
        if merged and piece.start_sample <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], piece.end_sample)
        else:
            merged.append([piece.start_sample, piece.end_sample])
    if not merged:
        return np.zeros(len(ranges), dtype=np.int64)
    ends = np.array(merged, dtype=np.int64)
    # How much is covered before a place grows within pieces and stays between them.
    lengths = np.diff(ends, axis=1)[:, 0]
    until = np.cumsum(lengths)
    covered = np.interp(ranges.ravel(), ends.ravel(), np.stack([until - lengths, until], axis=1).ravel())
    heard: NDArray[np.int64] = np.diff(np.round(covered).astype(np.int64).reshape(ranges.shape), axis=1)[:, 0]
    return heard
