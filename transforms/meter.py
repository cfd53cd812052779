"""Counts what goes on in a process, on any of its threads, at any moment.

Beam's counters are changed on the bundle's thread alone and told when a bundle ends; a
meter is for those who watch meanwhile. Counting takes microseconds and never fails.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import Enum, auto
from types import TracebackType
from typing import Any

from transforms.latency import step_of
from transforms.reading import NUMBERS, Reading
from transforms.under_way import Channel, UnderWay


class Doing(Enum):
    """What takes time: who does it now is counted, and the time that it took."""

    DECODING = auto()
    WAITING = auto()
    CALLING = auto()
    PAUSING = auto()


@dataclass(slots=True)
class _Level:
    """How many do it now, and the seconds of all of them up to ``at``."""

    doing: int = 0
    seconds: float = 0.0
    at: float = 0.0

    def change(self, by: int, now: float) -> None:
        self.seconds += self.doing * (now - self.at)
        self.at = now
        self.doing += by

    @property
    def milliseconds(self) -> int:
        return int(self.seconds * 1000)


class Span:
    """The time from entering to leaving; ``seconds`` tells it then."""

    def __init__(self, meter: Meter, doing: Doing) -> None:
        self._meter = meter
        self._doing = doing
        self.seconds = 0.0

    def __enter__(self) -> Span:
        self._begun = self._meter.change(self._doing, 1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.seconds = self._meter.change(self._doing, -1) - self._begun


class Meter:
    """The counts of one process.

    Args:
        clock: seconds, monotonic and the same for all processes of the host.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        # Not a Reading, which would be made anew for each count.
        self._numbers: Counter[str] = Counter()
        self._retries: Counter[str] = Counter()
        self._failures: Counter[str] = Counter()
        self._latency: Counter[int] = Counter()
        self._levels = {doing: _Level(at=clock()) for doing in Doing}
        self._under_way: UnderWay | None = None

    def add(self, counts: Reading) -> None:
        """Count what has happened."""
        numbers = {name: value for name in NUMBERS if (value := getattr(counts, name))}
        with self._lock:
            self._numbers.update(numbers)
            self._retries.update(counts.retries)
            self._failures.update(counts.failures)
            self._latency.update(counts.latency)

    def answered(self, seconds: float) -> None:
        """Count a call that brought an answer after so long."""
        self.add(Reading(calls_answered=1, latency={step_of(seconds * 1000): 1}))

    def span(self, doing: Doing) -> Span:
        """Measures what is done while inside."""
        return Span(self, doing)

    def change(self, doing: Doing, by: int) -> float:
        """More do it, or less; returns what time it is."""
        with self._lock:
            now = self._clock()
            self._levels[doing].change(by, now)
            return now

    def follow_segments(self) -> None:
        """Say that what is cut will be settled too: a recording is done when its segments are."""
        with self._lock:
            self._under_way = self._under_way or UnderWay()

    def cut(self, channels: Collection[Channel], segments: int, recordings: int = 1) -> int:
        """A recording was cut, or a part of one; see `UnderWay.begin`."""
        with self._lock:
            if self._under_way is None:
                return recordings
            return self._under_way.begin(channels, segments, recordings)

    def settled(self, channel: Channel, *, called: bool) -> int:
        """A segment is settled; returns how many recordings are done by that."""
        with self._lock:
            return 0 if self._under_way is None else self._under_way.settle(channel, called=called)

    def read(self) -> tuple[float, Reading]:
        """The time, and the counts up to it."""
        with self._lock:
            now = self._clock()
            for level in self._levels.values():
                level.change(0, now)
            decoding, waiting, calling, pausing = (self._levels[doing] for doing in Doing)
            counted: dict[str, Any] = dict(self._numbers)
            return now, Reading(
                **counted,
                decode_ms=decoding.milliseconds,
                quota_wait_ms=waiting.milliseconds,
                call_ms=calling.milliseconds,
                pause_ms=pausing.milliseconds,
                retries=dict(self._retries),
                failures=dict(self._failures),
                latency=dict(self._latency),
                decoding=decoding.doing,
                waiting_for_quota=waiting.doing,
                in_flight=calling.doing,
            )
