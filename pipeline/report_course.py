"""Charts of a run and of all segments, from their numbers. Pure."""

from __future__ import annotations

from collections.abc import Sequence
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

MOST_COLUMNS = 60
"""Columns of a chart over time: on a phone each is as wide as a thin line."""

_LABELS = 6


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
    started_at: datetime,
    quota: float,
) -> Chart:
    """Calls a second over time, against the quota.

    Args:
        answered: calls that were answered in each step; the last may be shorter.
        throttled: calls that were refused for frequency in each step.
        step_seconds: how long a step is.
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
    average = sum(answered) / whole
    return Chart(
        summary=(
            f"Answers a second from {started_at.astimezone(timezone.utc):%H:%M} UTC on: "
            f"{page_text.count(round(average, 2))} on average, of {quota:g} allowed."
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
