"""What each host may use of a quota that nobody hands out. Pure.

Every host counts the hosts that there are and takes its share. One that joins waits until all others
must have counted it; one that has not counted for a while makes no call. So the shares that are in
use never add up to more than the quota, and no message has to be answered.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final

_FRESH_LOOKS: Final = 3
_JOIN_LOOKS: Final = 6


def share_of(quota_per_second: float, hosts: Collection[str], own: str) -> float:
    """Calls per second that one of these hosts may make.

    Whole numbers, where there are enough: 12.5 on two hosts would let 13 calls each fall into one
    second. What is left over goes to the first ones by name.
    """
    ordered = sorted({*hosts, own})
    whole, left = divmod(int(quota_per_second), len(ordered))
    if not whole:
        return quota_per_second / len(ordered)
    rest = quota_per_second - int(quota_per_second)
    place = ordered.index(own)
    return whole + (place < left) + (rest if place == 0 else 0.0)


@dataclass(frozen=True, slots=True)
class Membership:
    """How a host stands among those that share a quota; times in seconds of its own clock.

    Attributes:
        look_seconds: how often all of them look around.
        ready_at: when all others must have seen it; None before it has been seen by itself.
        looked_at: when it began to look around last.
    """

    look_seconds: float
    ready_at: float | None = None
    looked_at: float = float("-inf")

    def looked(self, began: float, said_at: float, *, alone: bool) -> Membership:
        """After it has looked around.

        Args:
            began: when it began to look.
            said_at: when it had said last that it is there, before that.
            alone: whether nobody else was there.
        """
        was_away = began - self.looked_at > self._gone_seconds
        if alone:
            return replace(self, ready_at=said_at, looked_at=began)
        if self.ready_at is None or was_away:
            return replace(self, ready_at=said_at + _JOIN_LOOKS * self.look_seconds, looked_at=began)
        return replace(self, looked_at=began)

    def may_call(self, now: float) -> bool:
        """Whether its share is its own now."""
        is_fresh = now - self.looked_at <= _FRESH_LOOKS * self.look_seconds
        return is_fresh and self.ready_at is not None and now >= self.ready_at

    @property
    def _gone_seconds(self) -> float:
        # Others count it out later than that.
        return 2 * _JOIN_LOOKS * self.look_seconds
