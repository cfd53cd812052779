"""What a run did when: what it counted, spread over buckets of time. Pure.

However long a run is, there are at most `MOST_BUCKETS`: when there would be more, two
neighbours become one and a bucket is twice as long from then on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import pairwise
from typing import Any

from transforms.latency import from_ms, percentile_ms
from transforms.reading import Reading, as_fields, of_fields

MOST_BUCKETS = 400
"""So many are more than a chart can show, and 20 KB."""

_PERCENTS = (50, 95, 99)


@dataclass(frozen=True, slots=True)
class Bucket:
    """What happened in a stretch of time; names and units are those of `Reading`.

    Attributes:
        retries: calls that were repeated, whatever the code.
        segments_done: answered or failed.
    """

    calls_started: int = 0
    calls_answered: int = 0
    calls_throttled: int = 0
    billed_calls: int = 0
    retries: int = 0
    call_ms: int = 0
    quota_wait_ms: int = 0
    pause_ms: int = 0
    decode_ms: int = 0
    audio_ms: int = 0
    segments_done: int = 0
    recordings_done: int = 0

    @classmethod
    def of_reading(cls, reading: Reading) -> Bucket:
        """What a bucket keeps of a reading."""
        same = {name: getattr(reading, name) for name in COLUMNS if name != "retries"}
        return cls(**same, retries=sum(reading.retries.values()))

    def __add__(self, other: Bucket) -> Bucket:
        return Bucket(*(getattr(self, name) + getattr(other, name) for name in COLUMNS))

    def __sub__(self, other: Bucket) -> Bucket:
        return Bucket(*(getattr(self, name) - getattr(other, name) for name in COLUMNS))

    def share(self, part: float) -> Bucket:
        """So much of it, 0 to 1, in whole numbers."""
        return Bucket(*(int(getattr(self, name) * part + 0.5) for name in COLUMNS))


COLUMNS = tuple(each.name for each in fields(Bucket))
"""The names of what a bucket holds."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """The course of a run.

    Attributes:
        started_at: when the first bucket begins, ISO 8601, UTC.
        seconds: from there to the last thing that is known of; the last bucket may be longer.
        bucket_seconds: how long a bucket is.
        buckets: from the start on, without a gap.
        totals: what all processes of the run have counted.
    """

    started_at: str
    seconds: float = 0.0
    bucket_seconds: float = 1.0
    buckets: tuple[Bucket, ...] = ()
    totals: Reading = field(default_factory=Reading)

    def seconds_of(self, number: int) -> float:
        """How long a bucket really is: all are alike, but the run may have ended in the last one."""
        return min(self.bucket_seconds, max(0.0, self.seconds - number * self.bucket_seconds))

    def as_json(self) -> dict[str, Any]:
        """As it stands in ``runs/``: a list for each column, times in milliseconds."""
        totals = as_fields(self.totals)
        latency = {int(step): calls for step, calls in totals.pop("latency").items()}
        return {
            "started_at": self.started_at,
            "seconds": round(self.seconds, 3),
            "bucket_seconds": self.bucket_seconds,
            "buckets": {name: [getattr(each, name) for each in self.buckets] for name in COLUMNS},
            "totals": totals,
            "latency": {
                **{f"p{percent}_ms": _rounded(percentile_ms(latency, percent)) for percent in _PERCENTS},
                "step": sorted(latency),
                "from_ms": [_rounded(from_ms(step)) for step in sorted(latency)],
                "to_ms": [_rounded(from_ms(step + 1)) for step in sorted(latency)],
                "calls": [latency[step] for step in sorted(latency)],
            },
        }

    @classmethod
    def of_json(cls, told: Mapping[str, Any]) -> Timeline:
        """The timeline that `as_json` told of; columns that it lacks are 0.

        Raises:
            KeyError, TypeError, ValueError, AttributeError: it is none.
        """
        columns = told["buckets"]
        length = max((len(column) for column in columns.values()), default=0)
        lists = [columns.get(name, [0] * length) for name in COLUMNS]
        latency = dict(zip(told["latency"]["step"], told["latency"]["calls"], strict=True))
        return cls(
            started_at=str(told["started_at"]),
            seconds=float(told["seconds"]),
            bucket_seconds=float(told["bucket_seconds"]),
            buckets=tuple(Bucket(*map(int, values)) for values in zip(*lists, strict=True)),
            totals=of_fields({**told["totals"], "latency": latency}),
        )


class TimelineRecorder:
    """Makes a timeline of what comes to the counts between two looks at them.

    Args:
        started_at: when second 0 is, ISO 8601, UTC.
        most_buckets: how many there may be; an even number.

    Attributes:
        totals: all that was added.
    """

    def __init__(self, started_at: str, most_buckets: int = MOST_BUCKETS) -> None:
        self._started_at = started_at
        self._most = most_buckets
        self._bucket_seconds = 1.0
        self._buckets: list[Bucket] = []
        self._seconds = 0.0
        self.totals = Reading()

    def add(self, begin: float, end: float, gained: Reading) -> None:
        """Spread evenly what came to the counts, in whole numbers; nothing is lost or doubled.

        Args:
            begin: seconds from the start; what lies before it counts as the start.
            end: seconds from the start, not before ``begin``.
            gained: what has come to the counts from ``begin`` to ``end``.
        """
        begin, end = max(0.0, begin), max(0.0, end)
        self.totals += gained
        self._seconds = max(self._seconds, end)
        self._make_room(end)
        whole = Bucket.of_reading(gained)
        last = self._last_of(end)
        first = min(last, int(begin // self._bucket_seconds))
        edges = [begin, *(number * self._bucket_seconds for number in range(first + 1, last + 1)), end]
        told = Bucket()
        for number, (_, edge) in enumerate(pairwise(edges), first):
            by_here = whole if edge == end else whole.share((edge - begin) / (end - begin))
            self._buckets[number] += by_here - told
            told = by_here

    def timeline(self) -> Timeline:
        """What is known so far."""
        return Timeline(
            self._started_at, self._seconds, self._bucket_seconds, tuple(self._buckets), self.totals
        )

    def _make_room(self, end: float) -> None:
        while self._last_of(end) >= self._most:
            self._buckets = _halved(self._buckets)
            self._bucket_seconds *= 2
        self._buckets += [Bucket()] * (self._last_of(end) + 1 - len(self._buckets))

    def _last_of(self, end: float) -> int:
        """The bucket that the time before a second lies in: none begins where a run ends."""
        return max(0, math.ceil(end / self._bucket_seconds) - 1)


def _halved(buckets: Sequence[Bucket]) -> list[Bucket]:
    """Two neighbours made one."""
    seconds = [*buckets[1::2], *[Bucket()] * (len(buckets) % 2)]
    return [first + second for first, second in zip(buckets[::2], seconds, strict=True)]


def _rounded(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else round(milliseconds, 1)
