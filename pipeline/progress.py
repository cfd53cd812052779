"""How far a run is, from what its processes have counted. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from pipeline.prices import PriceTable
from pipeline.timeline import Timeline, TimelineRecorder
from transforms.reading import MeterReading, Reading

_RATE_SECONDS = 10.0
"""Calls a second are those of the last so many."""
_PACE_SECONDS = 60.0
"""What is left is judged by the last so many."""
_SILENT_SECONDS = 5.0
"""A process that has said nothing for so long does nothing."""
_MOSTLY = 0.5


class Limit(str, Enum):
    """What a run waits for."""

    QUOTA = "quota"
    DECODING = "decoding"
    ANSWERS = "answers"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is.

    Attributes:
        seconds: since it started.
        counts: of all its processes.
        quota_per_second: calls that may be started in a second.
        cost: of the calls that were billed so far, as if they were all of one day's.
        currency: of the cost.
        processes: how many have told something.
        calls_per_second: calls made in the last seconds.
        limited_by: what kept it from going faster in the last seconds; None for nothing.
        seconds_left: until all is transcribed, or the budget is used up; None while that is not known.
        stops_at_budget: whether the budget will be used up first.
    """

    seconds: float
    counts: Reading
    quota_per_second: float
    cost: Decimal
    currency: str
    processes: int = 1
    calls_per_second: float = 0.0
    limited_by: Limit | None = None
    seconds_left: float | None = None
    stops_at_budget: bool = False

    @property
    def recordings(self) -> int:
        """Recordings found that this run has to deal with."""
        counts = self.counts
        return counts.recordings_found - counts.recordings_skipped - counts.recordings_still_failing

    @property
    def is_listed(self) -> bool:
        """Whether all recordings are found."""
        return self.counts.recordings_listed > 0

    @property
    def is_cut(self) -> bool:
        """Whether all segments are known."""
        return self.is_listed and self.counts.recordings_left <= 0


class Rhythm:
    """Says when something is due that is to happen every so many seconds, first after as many."""

    def __init__(self, every_seconds: float) -> None:
        self._every_seconds = every_seconds
        self._due = every_seconds

    def due(self, seconds: float) -> bool:
        """Whether it is due at this second of the run; then it is not until the next time."""
        if seconds < self._due:
            return False
        self._due = seconds + self._every_seconds
        return True


# In this order: what waits for the quota is decoded, and calls are always in flight.
_BUSY: dict[Limit, Callable[[Reading], int]] = {
    Limit.QUOTA: lambda each: each.quota_wait_ms,
    Limit.DECODING: lambda each: each.decode_ms,
    Limit.ANSWERS: lambda each: each.call_ms,
}


def _new_segments(counts: Reading) -> int:
    """Those that were called for."""
    return counts.segments_done - counts.reused_answers


class Course:
    """Follows the processes of a run.

    Args:
        started_at: when the run began, ISO 8601, UTC.
        origin: that moment on the clock of the readings.
        quota_per_second: calls that may be started in a second.
        prices: what they cost.
        budget_left: calls that may be billed from the start on; None for no limit.
    """

    def __init__(
        self,
        started_at: str,
        origin: float,
        quota_per_second: float,
        prices: PriceTable,
        budget_left: int | None = None,
    ) -> None:
        self._prices = prices
        self._recorder = TimelineRecorder(started_at)
        self._origin = origin
        self._quota_per_second = quota_per_second
        self._budget_left = budget_left
        self._latest: dict[str, deque[MeterReading]] = {}

    def note(self, reading: MeterReading) -> None:
        """Take what a process has counted so far; of each the latest may come again."""
        earlier = self._latest.setdefault(reading.process, deque([_begin_of(reading)]))
        last = earlier[-1]
        if reading.at <= last.at:
            return
        self._recorder.add(last.at - self._origin, reading.at - self._origin, reading.counts - last.counts)
        earlier.append(reading)
        while len(earlier) > 2 and earlier[1].at <= reading.at - _PACE_SECONDS:
            earlier.popleft()

    def progress(self, now: float) -> Progress:
        """How far it is at a moment of the clock of the readings."""
        counts = self._recorder.totals
        left = seconds_left(
            counts,
            segments_per_second=self._segments_per_second(now),
            recordings_per_second=self._pace(lambda each: each.recordings_read, now),
            quota_per_second=self._quota_per_second,
            calls_per_segment=self._per_segment(lambda each: each.calls, now),
        )
        share = self._share_within_budget(now)
        return Progress(
            seconds=now - self._origin,
            counts=counts,
            quota_per_second=self._quota_per_second,
            cost=self._prices.cost(counts.billed_calls),
            currency=self._prices.currency,
            processes=len(self._latest),
            calls_per_second=self._per_second(lambda each: each.calls_started, now, _RATE_SECONDS),
            limited_by=self._limit(now),
            seconds_left=None if left is None else left * share,
            stops_at_budget=left is not None and share < 1,
        )

    def timeline(self) -> Timeline:
        """What happened when."""
        return self._recorder.timeline()

    def _pace(self, of: Callable[[Reading], int], now: float) -> float:
        """How fast it goes of late; since the start where one recording takes longer than that."""
        of_late = self._per_second(of, now, _PACE_SECONDS)
        return of_late or of(self._recorder.totals) / max(now - self._origin, 1.0)

    def _segments_per_second(self, now: float) -> float:
        """How fast segments are done if as many of them have to be called for as in the last seconds.

        Those that were paid for before take no time to speak of, however many a resumed run met.
        """
        new_share = self._per_segment(_new_segments, now)
        if not new_share:
            return self._pace(lambda each: each.segments_done, now)
        return self._pace(_new_segments, now) / new_share

    def _per_segment(self, of: Callable[[Reading], int], now: float) -> float | None:
        """Of the last seconds: a resumed run meets what is paid for first, and pays from then on."""
        done = self._per_second(lambda each: each.segments_done, now, _RATE_SECONDS)
        return self._per_second(of, now, _RATE_SECONDS) / done if done else None

    def _share_within_budget(self, now: float) -> float:
        """How much of what is left will be done before the budget is used up, at most 1."""
        counts = self._recorder.totals
        if self._budget_left is None:
            return 1.0
        per_segment = self._per_segment(lambda each: each.billed_calls, now)
        if per_segment is None:
            per_segment = counts.billed_calls / counts.segments_done if counts.segments_done else 1.0
        to_bill = _segments_left(counts) * per_segment
        unused = max(0, self._budget_left - counts.billed_calls)
        return unused / to_bill if to_bill > unused else 1.0

    def _limit(self, now: float) -> Limit | None:
        """What has at least one of its kind busy or waiting most of the time."""
        for limit, milliseconds in _BUSY.items():
            if self._per_second(milliseconds, now, _RATE_SECONDS) / 1000 >= _MOSTLY:
                return limit
        return None

    def _per_second(self, of: Callable[[Reading], int], now: float, window_seconds: float) -> float:
        """How fast a count grows, over all processes that are at work, by their own clocks."""
        total = 0.0
        for readings in self._latest.values():
            last = readings[-1]
            begin = last.at - window_seconds
            first = next((each for each in reversed(readings) if each.at <= begin), readings[0])
            if last.at > first.at and last.at >= now - _SILENT_SECONDS:
                total += (of(last.counts) - of(first.counts)) / (last.at - first.at)
        return total


def seconds_left(
    counts: Reading,
    *,
    segments_per_second: float,
    recordings_per_second: float,
    quota_per_second: float,
    calls_per_segment: float | None = None,
) -> float | None:
    """How long it will take from here, by the slower of calls and decoding.

    Recordings that are not cut yet are taken to have as many segments as those that are;
    calls go on as of late, and never faster than the quota.

    Args:
        counts: what was counted so far.
        segments_per_second: that were answered or failed of late.
        recordings_per_second: that were decoded of late.
        quota_per_second: calls that may be started in a second.
        calls_per_segment: of late, repeats among them; None for that of the whole run.

    Returns:
        Seconds; None while recordings are still being found, or nothing tells how fast it goes.
    """
    unread = counts.recordings_left
    if not counts.recordings_listed or (unread and not counts.recordings_read):
        return None
    segments = _segments_left(counts)
    if calls_per_segment is None:
        calls_per_segment = counts.calls / counts.segments_done if counts.segments_done else 1.0
    calls = segments * calls_per_segment
    paces = ((segments, segments_per_second), (calls, quota_per_second), (unread, recordings_per_second))
    if any(left and pace <= 0 for left, pace in paces):
        return None
    return max(left / pace if left else 0.0 for left, pace in paces)


def _segments_left(counts: Reading) -> int:
    """Segments that are to be answered; those of recordings that are not cut yet are estimated."""
    segments = counts.segments_cut - counts.segments_done - counts.segments_unanswered
    unread = counts.recordings_left
    if unread and counts.recordings_read:
        segments += round(unread * counts.segments_cut / counts.recordings_read)
    return segments


def _begin_of(reading: MeterReading) -> MeterReading:
    return MeterReading(reading.process, reading.begun_at, reading.begun_at, Reading())
