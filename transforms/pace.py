"""How fast calls may go: a pure policy over a small state.

Calls go on a grid of slots, one every ``1 / rate`` seconds. The rate starts a
little under the quota. A refusal takes a few percent off it, and then it grows
back along a cubic curve (as TCP CUBIC and botocore's adaptive mode do): flat near
the rate that was refused, steep far from it. A few refusals within a second come of one
stall of a busy machine, after which calls arrive together; they count as one. A few are a third of
the quota at most: where only a handful of calls go in a second, no second would have more. So stray
refusals cost about one call, and a quota that is really smaller is found within seconds and kept.

A caller that comes late for its slot may catch up, but only so far that no
second ever holds more calls than the quota: with slots ``T`` apart and catch-up
limited to ``L``, quota + 1 calls span at least ``quota * T - L``, which is one
second for ``L = quota * T - 1``.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class PacePolicy:
    """The constants of the pace.

    Attributes:
        quota_per_second: what the service allows.
        headroom: the share of the quota that is left unused, since calls reach
            the service a little earlier or later than they leave.
        decrease: what a refusal multiplies the rate by.
        growth: how steep the curve is, in shares of the full rate per cubed second.
        floor: the lowest rate, as a share of the full rate.
        strays: refusals within a second of the one before that change nothing, at most.
    """

    quota_per_second: float
    headroom: float = 0.016
    decrease: float = 0.97
    growth: float = 1e-4
    floor: float = 0.02
    strays: int = 8

    @property
    def full_rate(self) -> float:
        """Calls per second when nothing is refused."""
        return self.quota_per_second * (1.0 - self.headroom)

    @property
    def allowed_strays(self) -> int:
        """How many refusals within a second may come of one stall."""
        return min(self.strays, int(self.quota_per_second / 3))

    @property
    def catch_up_seconds(self) -> float:
        """How much lateness the next slots may make good (L above)."""
        return self.headroom / (1.0 - self.headroom)


@dataclass(frozen=True, slots=True)
class PaceState:
    """Where the pace stands; times in seconds of one monotonic clock.

    Attributes:
        next_at: when the next call may go.
        ceiling: the rate, in calls per second, at which a call was last refused.
        refused_at: when that was; minus infinity if never.
        strays: refusals since then that changed nothing.
    """

    next_at: float
    ceiling: float
    refused_at: float
    strays: int = 0

    def pack(self) -> bytes:
        """In `PACKED_BYTES`, for `unpack`."""
        return _PACKED.pack(self.next_at, self.ceiling, self.refused_at, self.strays)

    @staticmethod
    def unpack(packed: bytes) -> PaceState:
        """What `pack` wrote."""
        return PaceState(*_PACKED.unpack(packed))


_PACKED = struct.Struct("<dddQ")
PACKED_BYTES = _PACKED.size


def begin(policy: PacePolicy, now: float) -> PaceState:
    """The state before the first call: it may go at once, at the full rate."""
    return PaceState(next_at=now, ceiling=policy.full_rate, refused_at=float("-inf"))


def rate(policy: PacePolicy, state: PaceState, now: float) -> float:
    """Calls per second at present, from the time since the last refusal."""
    full = policy.full_rate
    lost = (1.0 - policy.decrease) * state.ceiling
    back_after = math.pow(lost / (policy.growth * full), 1.0 / 3.0)
    grown = state.ceiling + policy.growth * full * (now - state.refused_at - back_after) ** 3
    return min(full, max(full * policy.floor, grown))


def went(policy: PacePolicy, state: PaceState, now: float) -> PaceState:
    """The state after a call has gone at ``now``, at or after its slot."""
    interval = 1.0 / rate(policy, state, now)
    return replace(state, next_at=max(state.next_at, now - policy.catch_up_seconds) + interval)


def refused(policy: PacePolicy, state: PaceState, now: float) -> PaceState:
    """The state after the service said that calls come too often."""
    is_soon = now - state.refused_at < 1.0
    if is_soon and state.strays < policy.allowed_strays:
        return replace(state, strays=state.strays + 1)
    strays = state.strays if is_soon else 0
    return replace(state, ceiling=rate(policy, state, now), refused_at=now, strays=strays)
