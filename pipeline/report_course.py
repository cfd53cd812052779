"""Charts of a run and of all segments, from their numbers. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from pipeline import page_text
from pipeline.charts import (
    Chart,
    Layer,
    Limit,
    across_ticks,
    columns,
    nice_step,
    shares,
    time_step,
    up_ticks,
)
from pipeline.report_facts import Share
from transforms.latency import STEPS_PER_OCTAVE, from_ms, percentile_ms

MOST_COLUMNS = 60
"""Columns of a chart over time: on a phone each is as wide as a thin line."""

_LABELS = 6
_LABEL_ROOM = 20.0  # of a chart on a phone, in percent


def lengths_chart(lengths: Sequence[tuple[int, int]], limit_seconds: float) -> Chart:
    """How many segments are how long, against the limit.

    Args:
        lengths: whole seconds, and how many segments are longer than that by up to a second.
        limit_seconds: `segmentation.max_seconds` of the run that is shown.
    """
    longest = max(max(seconds for seconds, _ in lengths) + 1, math.ceil(limit_seconds))
    step = max(1, round(nice_step(longest, 30)))
    steps = -(-longest // step)
    counts = [0] * steps
    for seconds, segments in lengths:
        counts[seconds // step] += segments
    names = [f"{number * step} to {(number + 1) * step} s" for number in range(steps)]
    top, y_ticks = up_ticks(max(counts), whole=True)
    tips = [f"{name}: {page_text.many(found, 'segment')}" for name, found in zip(names, counts, strict=True)]
    whole = steps * step
    every = round(max(1.0, nice_step(whole, _LABELS)))
    most = counts.index(max(counts))
    return Chart(
        summary=(
            f"Segments by length. More are {names[most]} long than any other length; "
            f"the limit is {limit_seconds:g} s."
        ),
        unit="segments",
        bars=columns([Layer("segments", counts)], tips, top),
        x_ticks=across_ticks((at / whole, f"{at} s") for at in range(0, whole + 1, every)),
        y_ticks=y_ticks,
        limits=(Limit(100 * limit_seconds / whole, f"limit {limit_seconds:g} s", upright=True),),
        heads=("Length", "Segments"),
        rows=tuple((name, page_text.count(found)) for name, found in zip(names, counts, strict=True)),
    )


@dataclass(frozen=True, slots=True)
class Pace:
    """What came in steps of time.

    Attributes:
        what: is counted, such as ``Calls``.
        fine: of it, in each step.
        refused: calls that were refused for frequency, likewise.
        step_seconds: how long a step is; the last may be shorter.
        seconds: from the start to the last thing that is known of.
        started_at: when the first step begins.
    """

    what: str
    fine: Sequence[float]
    refused: Sequence[float]
    step_seconds: float
    seconds: float
    started_at: datetime


def rate_chart(pace: Pace, quota: float) -> Chart:
    """How much came a second over time, against the quota of calls a second."""
    layers = [
        Layer("answered", [value / pace.step_seconds for value in pace.fine]),
        Layer("refused for frequency", [value / pace.step_seconds for value in pace.refused], "other"),
    ]
    rates = list(zip(layers[0].values, layers[1].values, strict=True))
    top, y_ticks = up_ticks(max(quota, *map(sum, rates)))
    begins = [page_text.duration(number * pace.step_seconds) for number in range(len(rates))]
    rows = [
        (begin, page_text.count(round(fine, 2)), page_text.count(round(refused, 2)))
        for begin, (fine, refused) in zip(begins, rates, strict=True)
    ]
    whole = len(rates) * pace.step_seconds
    places = range(0, int(whole) + 1, time_step(whole, _LABELS))
    average = (sum(pace.fine) + sum(pace.refused)) / pace.seconds
    return Chart(
        summary=(
            f"{pace.what} a second from {pace.started_at.astimezone(timezone.utc):%H:%M} UTC on: "
            f"{page_text.count(round(average, 2))} on average, {page_text.percent(average / quota)} of the "
            f"{quota:g} that the quota allows."
        ),
        unit=f"{pace.what.lower()} a second",
        bars=columns(layers, [_tip(*row) for row in rows], top),
        x_ticks=across_ticks((at / whole, page_text.duration(at) if at else "start") for at in places),
        y_ticks=y_ticks,
        limits=(Limit(100 - 100 * quota / top, f"quota {quota:g}/s"),),
        legend=tuple((layer.name, layer.kind) for layer in layers) if any(pace.refused) else (),
        heads=("From", f"{pace.what} a second", "Refused a second"),
        rows=tuple(rows),
    )


def _tip(begin: str, fine: str, refused: str) -> str:
    return f"{begin} in: {fine} a second" + (f", {refused} refused" if refused != "0" else "")


def laid_out(parts: Sequence[tuple[str, float, str]]) -> tuple[Share, ...]:
    """Parts of a whole side by side, without those that are 0: name, value, and the value in words."""
    texts = {name: text for name, _, text in parts}
    looks = {name: number for number, (name, _, _) in enumerate(parts)}
    there = [(name, value) for name, value, _ in parts if value > 0]
    whole = sum(value for _, value in there) or 1.0
    return tuple(
        Share(name, texts[name], left, width, looks[name], page_text.percent(value / whole))
        for name, value, left, width in shares(there)
    )


def latency_chart(calls: Mapping[int, int]) -> Chart:
    """How long answered calls took, in the steps of `transforms.latency`.

    Args:
        calls: how many there are by step; some.
    """
    first, last = min(calls), max(calls)
    steps = range(first, last + 1)
    counts = [calls.get(step, 0) for step in steps]
    names = [f"{_ms(from_ms(step))} to {_ms(from_ms(step + 1))}" for step in steps]
    top, y_ticks = up_ticks(max(counts), whole=True)
    tips = [f"{name}: {page_text.many(found, 'call')}" for name, found in zip(names, counts, strict=True)]
    every = max(1, -(-len(steps) // _LABELS))
    percentiles = {percent: percentile_ms(calls, percent) or 0.0 for percent in (50, 95, 99)}
    told = ", ".join(f"{percent} % within {_ms(ms)}" for percent, ms in percentiles.items())

    def across(ms: float) -> float:
        return 100 * (STEPS_PER_OCTAVE * math.log2(max(1.0, ms)) - first) / len(steps)

    median, slow = across(percentiles[50]), across(percentiles[95])
    return Chart(
        summary=f"Of {page_text.many(sum(counts), 'answered call')} {told}.",
        unit="calls",
        bars=columns([Layer("calls", counts)], tips, top),
        x_ticks=across_ticks(
            (number / len(steps), _ms(from_ms(first + number))) for number in range(0, len(steps) + 1, every)
        ),
        y_ticks=y_ticks,
        limits=(
            Limit(median, "50 %", upright=True, before=median > _LABEL_ROOM),
            Limit(slow, "95 %", upright=True, before=slow > 100 - _LABEL_ROOM),
        ),
        heads=("Time", "Calls"),
        rows=tuple((name, page_text.count(found)) for name, found in zip(names, counts, strict=True)),
    )


def _ms(milliseconds: float) -> str:
    # The steps of short times are narrower than a millisecond.
    return f"{milliseconds:.1f} ms" if milliseconds < 9.95 else page_text.duration(milliseconds / 1000)
