"""What of a shared quota each worker may use by itself, should it lose the others. Pure.

Each worker holds a claim: whole calls a second, written down where all workers take their calls from,
beside when it was heard of last. Nobody claims what is claimed by another, so claims never add up to
more than the quota, whoever is cut off from whom and whatever he knew of the others.

A worker that is not heard of for `ALONE_AFTER_SECONDS` may be calling by itself from then on: those who
reach the common place leave it its claim. It makes no call before, however early it notices. Its claim is
kept for `KEPT_SECONDS`, and so it stops by then: a killed worker and one that is cut off look the same,
and its share cannot stay unused for ever. Who says good-bye gives his claim back at once.

The two sides measure the same span by clocks of their own. The worker takes it shorter: it begins
by the latest moment at which it can have been heard of, and ends by the earliest.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

BEAT_SECONDS: Final = 2.0
"""A worker that has nothing to call is heard of so often."""

AHEAD_SECONDS: Final = 6.0
"""No slot of the common grid is taken longer before it comes."""

ALONE_AFTER_SECONDS: Final = AHEAD_SECONDS + 3 * BEAT_SECONDS
"""Two beats may be late, and still a slot that is taken now lies before a worker that beats is alone."""

KEPT_SECONDS: Final = 60.0
"""What a restart of the common place, or a change to its replica, takes.

So long the share of a killed worker lies idle.
"""

_CLOCKS_DIFFER_SECONDS: Final = 1.0
_PACKED: Final = struct.Struct("<dQ")


@dataclass(frozen=True, slots=True)
class Claim:
    """What one worker may use by itself.

    Attributes:
        heard_at: when it was heard of last, by the common clock.
        parts: of those that the quota has; see `parts_of`.
    """

    heard_at: float
    parts: int

    def pack(self) -> bytes:
        """In a few bytes, for `unpack`."""
        return _PACKED.pack(self.heard_at, self.parts)

    @staticmethod
    def unpack(packed: bytes) -> Claim | None:
        """What `pack` wrote; None if it did not."""
        return Claim(*_PACKED.unpack(packed)) if len(packed) == _PACKED.size else None


def parts_of(quota_per_second: float) -> int:
    """Into how many parts a quota is divided: of one call a second each, where it has as many.

    Two workers at 12.5 would have 13 calls each in some second, and fifty at 0.5 all of theirs in one.
    So where there are more workers than parts, some hold none.
    """
    return max(1, int(quota_per_second))


def part_per_second(quota_per_second: float) -> float:
    """Calls a second of one part."""
    return min(1.0, quota_per_second)


def renewed(
    claims: Mapping[str, Claim], worker: str, quota_per_second: float, now: float
) -> dict[str, Claim]:
    """The claims after a worker was heard of: it takes its fair part, as far as nobody holds it.

    Args:
        claims: of all workers, by their names.
        worker: its name.
        quota_per_second: of all workers.
        now: by the common clock.
    """
    # One from the future was written before that clock was set back.
    kept = {
        name: replace(claim, heard_at=min(claim.heard_at, now))
        for name, claim in claims.items()
        if name != worker and now - claim.heard_at < KEPT_SECONDS
    }
    parts = parts_of(quota_per_second)
    names = sorted({*kept, worker})
    whole, left = divmod(parts, len(names))
    fair = whole + (names.index(worker) < left)
    free = parts - sum(claim.parts for claim in kept.values())
    return {**kept, worker: Claim(now, max(0, min(fair, free)))}


def left_per_second(claims: Mapping[str, Claim], quota_per_second: float, at: float) -> float:
    """Calls a second of those who reach the common place, at some time; 0 if others may need all."""
    alone = sum(claim.parts for claim in claims.values() if at - claim.heard_at >= ALONE_AFTER_SECONDS)
    return max(0.0, quota_per_second - alone * part_per_second(quota_per_second))


@dataclass(frozen=True, slots=True)
class Standing:
    """What a worker knows of its own claim; times by its own clock, but for one.

    Attributes:
        heard_after: it was heard of at this time or later.
        heard_before: it was heard of last at this time or earlier.
        parts: that it surely holds.
        known_at: when it was heard of, as far as it was answered, by the common clock.
    """

    heard_after: float = float("-inf")
    heard_before: float = float("-inf")
    parts: int = 0
    known_at: float = float("-inf")

    def speaking(self, parts: int, now: float) -> Standing:
        """When its next word may be heard from now on, and the answer may be lost."""
        return replace(self, heard_before=now, parts=min(self.parts, parts))

    def goes_with_others(self, now: float) -> bool:
        """Whether the others take it to go into the slots of the common grid."""
        return now < self.heard_after + ALONE_AFTER_SECONDS

    @property
    def alone_from(self) -> float:
        """When the others have surely left it its claim."""
        return self.heard_before + ALONE_AFTER_SECONDS + _CLOCKS_DIFFER_SECONDS

    @property
    def alone_until(self) -> float:
        """When they may be about to take it back."""
        return self.heard_after + KEPT_SECONDS - _CLOCKS_DIFFER_SECONDS

    def may_go_alone(self, now: float) -> bool:
        """Whether its claim is its own now."""
        return self.parts > 0 and self.alone_from <= now < self.alone_until

    def is_forgotten(self, claim: Claim | None, now: float) -> bool:
        """Whether the common place has lost what it said.

        Args:
            claim: its own, as it is kept there.
            now: by its own clock.
        """
        return now < self.alone_until and (claim is None or claim.heard_at < self.known_at)
