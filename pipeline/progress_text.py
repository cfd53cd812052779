"""How far a run is, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timezone

from pipeline.progress import Limit, Progress

_WHY = {
    Limit.QUOTA: "as fast as the quota allows",
    Limit.DECODING: "decoding is what takes time",
    Limit.ANSWERS: "answers are what takes time",
}
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def line_of(progress: Progress, now: datetime, *, over: bool = False) -> str:
    """All of it in one line, with the time in UTC; what is left only while it is not over."""
    at = now.astimezone(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")
    left = [] if over else [f"time left: {left_of(progress)}"]
    return f"{at} {', '.join([*_parts(progress), *left])}"


def recordings_of(progress: Progress) -> str:
    """How many recordings of this run are done; those that needed no reading stand apart."""
    return _of(progress.counts.recordings_done, progress.recordings, complete=progress.is_listed)


def segments_of(progress: Progress) -> str:
    """How many segments are done."""
    return _of(progress.counts.segments_done, progress.counts.segments_cut, complete=progress.is_cut)


def calls_of(progress: Progress) -> str:
    """How fast calls are made, and how many are in flight."""
    return (
        f"{progress.calls_per_second:.1f} of {progress.quota_per_second:g} calls/s, "
        f"{progress.counts.in_flight:,} in flight"
    )


def cost_of(progress: Progress) -> str:
    """What was spent so far, in this run."""
    digits = 4 if 0 < progress.cost < 1 else 2
    cost = f"{progress.cost:,.{digits}f}"
    return f"{progress.currency} {cost}"


def left_of(progress: Progress) -> str:
    """How long it will take from here, and what decides or ends it."""
    if progress.seconds_left is None:
        return "not known yet"
    if progress.stops_at_budget:
        return f"{rough_time(progress.seconds_left)}, then the budget is used up"
    why = "" if progress.limited_by is None else f" ({_WHY[progress.limited_by]})"
    return f"{rough_time(progress.seconds_left)}{why}"


def before_of(progress: Progress) -> str:
    """What listing passed over as finished; empty where there was nothing."""
    counts = progress.counts
    parts = (
        (counts.recordings_skipped, "done before"),
        (counts.recordings_still_failing, "failed before"),
    )
    return ", ".join(f"{count:,} {what}" for count, what in parts if count)


def codes_of(times: Mapping[str, int]) -> str:
    """Codes and how often they came, the most frequent first."""
    ordered = sorted(times.items(), key=lambda each: (-each[1], each[0]))
    return ", ".join(f"{code} {count:,}" for code, count in ordered)


def rough_time(seconds: float) -> str:
    """A time that is only estimated, no more exact than it can be."""
    if seconds < _MINUTE:
        return "less than a minute"
    if seconds < _HOUR:
        return f"about {round(seconds / _MINUTE)} min"
    if seconds < _DAY:
        hours, minutes = divmod(round(seconds / _MINUTE), 60)
        return f"about {hours} h {minutes} min"
    days, hours = divmod(round(seconds / _HOUR), 24)
    return f"about {days} d {hours} h"


def clock_time(seconds: float) -> str:
    """A time that was measured, as hours, minutes and seconds."""
    minutes, rest = divmod(int(seconds), _MINUTE)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def _parts(progress: Progress) -> Iterator[str]:
    counts = progress.counts
    before = before_of(progress)
    yield f"recordings {recordings_of(progress)}" + (f" ({before})" if before else "")
    yield f"segments {segments_of(progress)}"
    yield calls_of(progress)
    if counts.retries:
        yield f"retries {codes_of(counts.retries)}"
    if counts.failures:
        yield f"failed {codes_of(counts.failures)}"
    yield f"cost {cost_of(progress)}"


def _of(done: int, total: int, *, complete: bool) -> str:
    return f"{done:,} of {total:,}" + ("" if complete else " so far")
