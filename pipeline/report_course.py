"""Charts of a run and of all segments, from their numbers. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
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
        lengths: whole seconds and how many segments are so long.
        limit_seconds: `segmentation.max_seconds` of the run that is shown.
    """
    longest = max(max(seconds for seconds, _ in lengths) + 1, round(limit_seconds + 0.5))
    step = max(1, round(nice_step(longest, 30)))
    steps = -(-longest // step)
    counts = [0] * steps
    for seconds, segments in lengths:
        counts[seconds // step] += segments
    names = [f"{number * step} to {(number + 1) * step} s" for number in range(steps)]
    top, y_ticks = up_ticks(max(counts))
    tips = [f"{name}: {page_text.many(found, 'segment')}" for name, found in zip(names, counts, strict=True)]
    whole = steps * step
    every = round(max(1.0, nice_step(whole, _LABELS)))
    most = counts.index(max(counts))
    return Chart(
        summary=f"Segments by length. Most are {names[most]} long; the limit is {limit_seconds:g} s.",
        unit="segments",
        bars=columns([Layer("segments", counts)], tips, top),
        x_ticks=across_ticks((at / whole, f"{at} s") for at in range(0, whole + 1, every)),
        y_ticks=y_ticks,
        limits=(Limit(100 * limit_seconds / whole, f"limit {limit_seconds:g} s", upright=True),),
        heads=("Length", "Segments"),
        rows=tuple((name, page_text.count(found)) for name, found in zip(names, counts, strict=True)),
    )


def rate_chart(
    answered: Sequence[float],
    throttled: Sequence[float],
    step_seconds: float,
    seconds: float,
    started_at: datetime,
    quota: float,
) -> Chart:
    """Calls a second over time, against the quota.

    Args:
        answered: calls that were answered in each step; the last may be shorter.
        throttled: calls that were refused for frequency in each step.
        step_seconds: how long a step is.
        seconds: from the start to the last thing that is known of.
        started_at: when the first one begins.
        quota: calls a second that the run was allowed to make.
    """
    layers = [
        Layer("answered", [value / step_seconds for value in answered]),
        Layer("refused", [value / step_seconds for value in throttled], "other"),
    ]
    highest = max(quota, *(a + b for a, b in zip(layers[0].values, layers[1].values, strict=True)))
    top, y_ticks = up_ticks(highest)
    begins = [number * step_seconds for number in range(len(answered))]
    tips = [
        f"{page_text.duration(begin)} in: {page_text.count(round(fine, 2))} answers a second"
        + (f", {page_text.count(round(bad, 2))} refused" if bad else "")
        for begin, fine, bad in zip(begins, *(layer.values for layer in layers), strict=True)
    ]
    whole = len(answered) * step_seconds
    step = time_step(whole, _LABELS)
    ticks = [
        (at / whole, "start" if not at else page_text.duration(at)) for at in range(0, int(whole) + 1, step)
    ]
    average = sum(answered) / seconds
    return Chart(
        summary=(
            f"Answers a second from {started_at.astimezone(timezone.utc):%H:%M} UTC on: "
            f"{page_text.count(round(average, 2))} on average, {page_text.percent(average / quota)} of the "
            f"{quota:g} that the quota allows."
        ),
        unit="calls a second",
        bars=columns(layers, tips, top),
        x_ticks=across_ticks(ticks),
        y_ticks=y_ticks,
        limits=(Limit(100 - 100 * quota / top, f"quota {quota:g}/s"),),
        heads=("From", "Answers a second", "Refused a second"),
        rows=tuple(
            (page_text.duration(begin), page_text.count(round(fine, 2)), page_text.count(round(bad, 2)))
            for begin, fine, bad in zip(begins, *(layer.values for layer in layers), strict=True)
        ),
    )


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
    top, y_ticks = up_ticks(max(counts))
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
    return page_text.duration(milliseconds / 1000)
