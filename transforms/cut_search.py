"""The best way through places to cut: dynamic programming in levels. Pure.

Level n holds the places that n segments reach and n - 1 do not. Places come in order, and
so do the ends and starts of the segments at them; so the levels follow each other without
gaps, and a level is complete when the first place comes that its predecessor's last one
cannot reach. The best way to a place of level n + 1 leads over a place of level n that is
not too far back: the cheapest of those from there on, a running minimum from the level's
end. So each place is looked at a fixed number of times, in whole arrays.

What is kept: of the last level all places, of those before it the few that lie on a way to
one of them. Where all ways share their beginning, it is decided and given away.

Often they do not for long: the way that always cuts as late as it can stays apart from the
cheap ones, and only the end of the channel tells whether the fewest segments need it. So
what is kept is bounded in another way: `PENDING_LEVELS` behind, 17 hours of segments of a
minute, the way to the last place of the last level decides. Of all, it leaves the most for
what comes, so the count stays the least, always; only the costs of what is decided in that
way are not the least any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from transforms.cut_costs import Frames
from transforms.cut_places import PLACE, Places

PENDING_LEVELS: Final = 1024  # a few hundred bytes each
_DECIDED_AT_ONCE: Final = PENDING_LEVELS // 8
_NEVER: Final = np.iinfo(np.int64).max // 2  # a cost that no way has


@dataclass(slots=True)
class _Level:
    """Places that are as many segments away from the start.

    Attributes:
        places: shape ``(places,)``.
        costs: of the best way to each.
        parents: the place before it on that way, an index into the level before.
    """

    places: Places
    costs: Frames
    parents: Frames

    def keep(self, chosen: Frames) -> None:
        """Forget all places but these, given by index."""
        self.places, self.costs = self.places[chosen], self.costs[chosen]
        self.parents = self.parents[chosen]


class CutSearch:
    """Finds the fewest segments, and of those the cheapest, while places come.

    Args:
        max_samples: no segment sends more.
        speechless_cost: what a segment between two places of one pause costs more; None
            if there must be none.
    """

    def __init__(self, max_samples: int, speechless_cost: int | None) -> None:
        self._max_samples = max_samples
        self._speechless_cost = speechless_cost
        self._levels: list[_Level] = []  # the first has one place: where the next segment begins
        self._waiting = np.empty(0, dtype=PLACE)

    def push(self, places: Places) -> list[tuple[Places, Places]]:
        """Take the next places; the segments decided by them, each as the places it lies between.

        The very first place is where the first segment begins. From each place the next
        one must be in reach, of another pause if speechless segments are forbidden.
        """
        self._waiting = np.concatenate([self._waiting, places])
        if not self._levels and len(self._waiting):
            nothing = np.zeros(1, dtype=np.int64)
            self._levels.append(_Level(self._waiting[:1], nothing, nothing))
            self._waiting = self._waiting[1:]
        decided = []
        while len(self._waiting) and (reached := self._reached()) < len(self._waiting):
            self._close(reached)
            decided += self._decided()
        return decided

    def finish(self) -> list[tuple[Places, Places]]:
        """The remaining segments; the last place that came is where the last one ends."""
        if not len(self._waiting):
            return []
        self._close(len(self._waiting))
        self._levels[-1].keep(np.array([len(self._levels[-1].places) - 1]))
        self._prune()
        return self._decided()

    def _reached(self) -> int:
        """How many of the places that wait belong to the next level."""
        limit = int(self._levels[-1].places["heard_start"][-1]) + self._max_samples
        return int(np.searchsorted(self._waiting["heard_end"], limit, side="right"))

    def _close(self, count: int) -> None:
        """Make the next level of the first ``count`` places that wait."""
        assert count, "the next place is always in reach"
        last = self._levels[-1]
        places, self._waiting = self._waiting[:count], self._waiting[count:]
        earliest = np.searchsorted(last.places["heard_start"], places["heard_end"] - self._max_samples)
        shared = int(last.places["pause"][-1])  # a pause that may lie in both levels
        first_shared = int(np.searchsorted(last.places["pause"], shared))
        in_shared = int(np.searchsorted(places["pause"], shared, side="right"))

        costs, parents = _cheapest_from(last.costs, earliest)
        apart, apart_parents = _cheapest_from(last.costs[:first_shared], earliest[:in_shared])
        costs[:in_shared], parents[:in_shared] = apart, apart_parents
        if self._speechless_cost is not None:
            within, within_parents = _cheapest_from(
                last.costs[first_shared:], np.maximum(earliest[:in_shared] - first_shared, 0)
            )
            within = within + self._speechless_cost
            better = within < apart
            costs[:in_shared][better] = within[better]
            parents[:in_shared][better] = within_parents[better] + first_shared
        level = _Level(places, costs + places["cost"], parents)
        # Where `_follow_last` left only places of this very pause, none leads here.
        level.keep(np.flatnonzero(costs < _NEVER))
        assert len(level.places), "the next pause is always in reach"
        self._levels.append(level)
        self._prune()

    def _prune(self, last: int = -1) -> None:
        """Forget the places that lie on no way to the level ``last``."""
        pending = self._levels[1:] if last == -1 else self._levels[1 : last + 1]
        for before, after in zip(self._levels[len(pending) - 1 :: -1], reversed(pending), strict=True):
            used, after.parents = np.unique(after.parents, return_inverse=True)
            if len(used) == len(before.places):
                return
            before.keep(used)

    def _decided(self) -> list[tuple[Places, Places]]:
        """Give away the beginning that all ways share."""
        if len(self._levels) > PENDING_LEVELS:
            self._follow_last(_DECIDED_AT_ONCE)
        decided = []
        while len(self._levels) > 1 and len(self._levels[1].places) == 1:
            start = self._levels.pop(0).places
            decided.append((start, self._levels[0].places))
        return decided

    def _follow_last(self, level: int) -> None:
        """Keep only the ways that share their first ``level`` places with the way to the very last one."""
        last = len(self._levels[-1].places) - 1
        for later in self._levels[:level:-1]:
            last = int(later.parents[last])
        kept = np.array([last])
        self._levels[level].keep(kept)
        for later in self._levels[level + 1 :]:
            following = np.flatnonzero(np.isin(later.parents, kept))
            later.keep(following)
            later.parents = np.searchsorted(kept, later.parents)
            kept = following
        self._prune(level)


def _cheapest_from(costs: Frames, begins: Frames) -> tuple[Frames, Frames]:
    """The least of ``costs[begin:]`` for each ``begin``, and where it is; the last of equals."""
    count = len(costs)
    backward = costs[::-1]
    least = np.minimum.accumulate(backward)
    steps = np.arange(count)
    steps[1:][backward[1:] >= least[:-1]] = 0
    where = count - 1 - np.maximum.accumulate(steps)
    asked = np.minimum(begins, count)
    return np.append(least[::-1], _NEVER)[asked], np.append(where[::-1], 0)[asked]
