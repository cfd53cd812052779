"""Geometry of charts that grow with their page: places in percent, labels in pixels. Pure.

A chart is drawn by the page's template as SVG without a scale of its own: bars and labels stand
at percent of the width, so that the letters of a chart are as large on a phone as on a desk.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

_SHORT = ((1e6, "M"), (1e3, "k"), (1, ""))
_NICE = (1.0, 2.0, 2.5, 5.0, 10.0)
_NICE_WHOLE = (1.0, 2.0, 5.0, 10.0)
_STEPS_SECONDS = (
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tick:
    """A label of an axis; ``at`` in percent from the left, or from the top. ``minor`` gives way on phones."""

    at: float
    label: str
    minor: bool = False


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar: left, top, width and height in percent of the plot.

    Attributes:
        tip: what it says when pointed at.
        kind: how it looks: ``main`` or ``other``.
    """

    left: float
    top: float
    width: float
    height: float
    tip: str
    kind: str = "main"


@dataclass(frozen=True, slots=True)
class Limit:
    """A labelled line across the plot; ``at`` in percent from the top, or from the left if ``upright``.

    Attributes:
        before: whether the label of an upright line stands to its left.
    """

    at: float
    label: str
    upright: bool = False
    before: bool = True


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart, and the same numbers as a table for those who do not see it.

    Attributes:
        summary: what it shows, in a sentence.
        unit: of the vertical axis.
        legend: names of what stands on each other, and how each looks; none where that is one thing.
        heads: of the table's columns.
        rows: of the table.
    """

    summary: str
    unit: str
    bars: tuple[Bar, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    limits: tuple[Limit, ...] = ()
    legend: tuple[tuple[str, str], ...] = ()
    heads: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Layer:
    """Values that stand on each other in a column: what they are, and how they look."""

    name: str
    values: Sequence[float]
    kind: str = "main"


def nice_step(span: float, most: int, nice_numbers: Sequence[float] = _NICE) -> float:
    """The smallest of 1, 2, 2.5, 5 times a power of ten that divides a span into at most so many steps.

    Args:
        span: more than 0.
        most: at least 1.
        nice_numbers: the multiples, 1 to 10.
    """
    raw = span / most
    power = 10.0 ** math.floor(math.log10(raw))
    return next(nice * power for nice in nice_numbers if nice * power >= raw * (1 - 1e-9))


def up_ticks(highest: float, most: int = 4, *, whole: bool = False) -> tuple[float, tuple[Tick, ...]]:
    """The top of a vertical axis from 0 on that holds ``highest``, and its labels; ``whole`` for things."""
    if highest <= 0:
        return 1.0, (Tick(100.0, "0"),)
    step = max(1.0, nice_step(highest, most, _NICE_WHOLE)) if whole else nice_step(highest, most)
    steps = math.ceil(highest / step - 1e-9)
    top = steps * step
    unit, sign = next((unit, sign) for unit, sign in _SHORT if step >= unit or unit == 1)
    digits = next(digits for digits in range(16) if math.isclose(step / unit, round(step / unit, digits)))
    return top, tuple(
        Tick(100.0 - 100.0 * number / steps, f"{number * step / unit:,.{digits}f}{sign}" if number else "0")
        for number in range(steps + 1)
    )


def time_step(seconds: float, most: int) -> int:
    """The shortest usual length of time (in seconds) that divides a span into at most so many pieces."""
    for step in _STEPS_SECONDS:
        if seconds <= step * most:
            return step
    return math.ceil(seconds / most / _STEPS_SECONDS[-1]) * _STEPS_SECONDS[-1]


def columns(layers: Sequence[Layer], tips: Sequence[str], top: float, gap: float = 0.16) -> tuple[Bar, ...]:
    """Bars side by side, those of one column on each other.

    Args:
        layers: each with a value for every column, lowest first.
        tips: what each column says.
        top: the value at the top of the plot.
        gap: the part of a column's width that stays free.
    """
    width = 100.0 / max(1, len(tips))
    bars = []
    for number, tip in enumerate(tips):
        below = 0.0
        for layer in layers:
            height = 100.0 * layer.values[number] / top
            if height > 0:
                left = (number + gap / 2) * width
                bars.append(Bar(left, 100.0 - below - height, width * (1 - gap), height, tip, layer.kind))
            below += height
    return tuple(bars)


def across_ticks(labels: Iterable[tuple[float, str]], phone: int = 4) -> tuple[Tick, ...]:
    """Labels of a horizontal axis at places from 0 to 1; on a phone about ``phone`` of them are left."""
    all_labels = list(labels)
    every = max(1, math.ceil((len(all_labels) - 1) / phone))
    return tuple(
        Tick(100.0 * at, label, minor=number % every != 0) for number, (at, label) in enumerate(all_labels)
    )


def shares(parts: Sequence[tuple[str, float]]) -> tuple[tuple[str, float, float, float], ...]:
    """Name, value, left and width in percent of the parts of a whole, laid side by side."""
    whole = sum(value for _, value in parts)
    laid = []
    left = 0.0
    for name, value in parts:
        width = 100.0 * value / whole if whole else 0.0
        laid.append((name, value, left, width))
        left += width
    return tuple(laid)
