"""The grid of slots that workers share, and what of the quota it has while some are cut off. Pure.

Whatever a worker does with the grid, it is heard of by it: see `heard`, and `quota_claims` for why.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from transforms import pace
from transforms.pace import PacePolicy, PaceState
from transforms.quota_claims import (
    AHEAD_SECONDS,
    Claim,
    Standing,
    left_per_second,
    part_per_second,
    renewed,
)

# The clock of the grid is the wall clock of a host. No slot is so far ahead unless that was set back.
_FURTHEST_SECONDS: Final = 600.0
_FURTHEST_SLOTS: Final = 5
# Machines that are busy are late by a slot or two each time, and then all are. What is later was asleep.
_SLEPT_SLOTS: Final = 3


@dataclass(frozen=True, slots=True)
class Grid:
    """What all workers share.

    Attributes:
        state: of the pace.
        moved_seconds: by how much the slots were moved back since the beginning, all in all, for
            those that were late by a little.
        claims: by the names of the workers.
    """

    state: PaceState
    moved_seconds: float = 0.0
    claims: Mapping[str, Claim] = field(default_factory=dict)


def begin(policy: PacePolicy, now: float) -> Grid:
    """The grid where there is none.

    It may have been forgotten, so its first slot lies behind all that were given out, and
    behind the time in which those who are alone find that it is there again.
    """
    return Grid(pace.begin(policy, now + AHEAD_SECONDS))


def heard(
    policy: PacePolicy,
    grid: Grid,
    worker: str,
    now: float,
    *,
    calls_alone: int = 0,
    is_forgotten: bool = False,
) -> Grid:
    """The grid after a worker was heard of.

    Args:
        policy: the pace of all.
        grid: before.
        worker: its name.
        now: by the clock of the grid.
        calls_alone: how many slots its own calls of the second that is going on take, since the
            grid has its share from now on.
        is_forgotten: whether the grid is older than what it did last.
    """
    state = grid.state
    furthest = max(_FURTHEST_SECONDS, AHEAD_SECONDS + _FURTHEST_SLOTS / pace.rate(policy, state, now))
    if state.next_at > now + furthest:  # the clock was set back
        state = replace(state, next_at=now, refused_at=min(state.refused_at, now))
    if is_forgotten:
        state = replace(state, next_at=max(state.next_at, now + AHEAD_SECONDS))
    if calls_alone:
        spent = calls_alone / pace.rate(policy, state, now)
        state = replace(state, next_at=max(state.next_at, now) + spent)
    return replace(grid, state=state, claims=renewed(grid.claims, worker, policy.quota_per_second, now))


def wait_to_take(policy: PacePolicy, grid: Grid, now: float) -> float | None:
    """Seconds until it is worth while to ask for a slot; 0 for now, None while others may need all."""
    at = max(grid.state.next_at, now)
    if at > now + AHEAD_SECONDS:
        # Half of those ahead are still there then, so none is lost, and nobody asks often.
        return at - now - AHEAD_SECONDS / 2
    return 0.0 if _left(policy, grid, at) else None


def taken(policy: PacePolicy, grid: Grid, now: float) -> Grid:
    """The grid after its next slot was taken; the same while that cannot be."""
    at = max(grid.state.next_at, now)
    left = _left(policy, grid, at)
    if wait_to_take(policy, grid, now) != 0.0 or left is None:
        return grid
    return replace(grid, state=pace.went(left, grid.state, at))


def refused(policy: PacePolicy, grid: Grid, now: float) -> Grid:
    """The grid after the service said that calls come too often."""
    return replace(grid, state=pace.refused(_left(policy, grid, now) or policy, grid.state, now))


def moved(policy: PacePolicy, grid: Grid, now: float, late_seconds: float, moved_seconds: float) -> Grid:
    """Move back what nobody has taken, unless it was moved as far since the late slot was taken.

    Args:
        policy: the pace of all.
        grid: before.
        now: by the clock of the grid.
        late_seconds: later than may be caught up with.
        moved_seconds: how far the grid had been moved when the slot was taken.
    """
    next_at = max(grid.state.next_at, now)
    slot_seconds = 1.0 / pace.rate(_left(policy, grid, now) or policy, grid.state, now)
    if late_seconds > _SLEPT_SLOTS * slot_seconds:
        return replace(grid, state=replace(grid.state, next_at=next_at + slot_seconds))
    # Less than 0 where the grid was forgotten meanwhile.
    by_others = max(0.0, grid.moved_seconds - moved_seconds)
    by = max(0.0, late_seconds - by_others)
    return replace(
        grid, state=replace(grid.state, next_at=next_at + by), moved_seconds=grid.moved_seconds + by
    )


def share(policy: PacePolicy, standing: Standing) -> PacePolicy | None:
    """The pace of a worker by itself; None if it has no share."""
    if not standing.parts:
        return None
    part = part_per_second(policy.quota_per_second)
    return replace(policy, quota_per_second=standing.parts * part)


def _left(policy: PacePolicy, grid: Grid, at: float) -> PacePolicy | None:
    """The pace of those who reach the grid, at some time; None if they have none."""
    left = left_per_second(grid.claims, policy.quota_per_second, at)
    return replace(policy, quota_per_second=left) if left > 0 else None
