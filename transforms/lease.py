"""A lease: the right to write to a state that several hosts can reach. Pure.

A lease is an object whose name is its generation. Whoever wants it creates the next generation,
which succeeds for one alone. The holder writes its object again and again; another one takes over
when it has itself seen it unchanged for so long as the lease says, by its own clock: no clocks are
compared. The holder, and all who work for it, stop a good while earlier.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Final

from transforms.records import Mark

LEASE_SECONDS: Final = 60.0
"""How long a lease is not renewed before another run takes over."""

_NAME: Final = re.compile(r"(?:.*/)?(\d{12})\.json", re.DOTALL)


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """What follows from the seconds after which a lease may be taken over.

    Attributes:
        seconds: unchanged for so long, it may be taken.
    """

    seconds: float = LEASE_SECONDS

    @property
    def renew_seconds(self) -> float:
        """How often the holder, and each worker, says that it lives."""
        return self.seconds / 6

    @property
    def safe_seconds(self) -> float:
        """Whoever has not seen it renewed for so long stops, before another may have taken it."""
        return self.seconds * 0.75

    @property
    def look_seconds(self) -> float:
        """How often everybody looks."""
        return min(2.0, self.seconds / 30)


@dataclass(frozen=True, slots=True)
class Lease:
    """What the object of a lease says.

    Attributes:
        run_id: of the run that holds it.
        pid: the process that renews it.
        host: the machine on which that runs.
        token: unlike that of every other holder.
        seconds: unchanged for so long, it may be taken.
        beat: counts the renewals.
        released: the holder has ended; it may be taken at once.
    """

    run_id: str
    pid: int
    host: str
    token: str
    seconds: float
    beat: int = 0
    released: bool = False

    @property
    def holder(self) -> str:
        """Who holds it, for a message."""
        return f"run {self.run_id}, process {self.pid} on {self.host}"

    def encoded(self) -> bytes:
        """As an object."""
        return json.dumps(asdict(self)).encode()


def decode_lease(data: bytes) -> Lease | None:
    """Read the object of a lease; None if it is none."""
    try:
        return Lease(**json.loads(data))
    except (ValueError, TypeError):
        return None


def lease_name(generation: int) -> str:
    """The name of a generation's object."""
    return f"{generation:012}.json"


def generation_of(name: str) -> int | None:
    """The generation that an object belongs to; None if it is none of a lease."""
    found = _NAME.fullmatch(name)
    return int(found[1]) if found else None


def newest_generation(names: Iterable[str]) -> int:
    """The highest generation among these objects; 0 if there is none."""
    return max((found for found in map(generation_of, names) if found is not None), default=0)


class Unchanged:
    """How long something that others write has stayed as it is, by the clock of whoever looks."""

    def __init__(self) -> None:
        self._mark: Mark | None = None
        self._since = 0.0

    def seconds(self, mark: Mark | None, now: float) -> float:
        """For how long it has been seen like this.

        Args:
            mark: how it looks now.
            now: monotonic seconds.
        """
        if mark is None or mark != self._mark:
            self._mark, self._since = mark, now
        return now - self._since
