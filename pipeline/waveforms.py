"""How sound looks from afar: its lowest and highest sample in each of some columns. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transforms.records import SampleRange

COLUMNS = 1000
"""Columns of a picture; a screen that is wider draws each over more than one pixel."""

HEIGHT = 200
"""Units of a picture's height; silence lies in the middle of it."""

_LEAST = 1.0  # of HEIGHT: silence stays a line


@dataclass(frozen=True, slots=True)
class Peaks:
    """The lowest and highest sample of each column, 16-bit."""

    lows: NDArray[np.int16]
    highs: NDArray[np.int16]


def peaks_of(read: Callable[[SampleRange], bytes], part: SampleRange, columns: int = COLUMNS) -> Peaks:
    """Look at a part of a channel, one column of it in memory at a time.

    Args:
        read: gives the 16-bit samples of a range, fewer where the channel ends.
        part: what is looked at, not empty.
        columns: at most; never more than there are samples.
    """
    edges = np.linspace(part.start_sample, part.end_sample, min(columns, part.samples) + 1).astype(int)
    lows, highs = [], []
    for start, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        samples = np.frombuffer(read(SampleRange(start, end)), dtype="<i2")
        lows.append(samples.min(initial=0))
        highs.append(samples.max(initial=0))
    return Peaks(np.array(lows, dtype=np.int16), np.array(highs, dtype=np.int16))


def outline(peaks: Peaks) -> str:
    """The outline of a picture as an SVG path, `COLUMNS` wide and `HEIGHT` high.

    The loudest sample reaches the edge, so that a quiet recording can be seen too.
    """
    loudest = max(1, int(np.abs(peaks.lows.astype(int)).max()), int(peaks.highs.max()))
    middle = HEIGHT / 2
    upper = np.minimum(middle - peaks.highs / loudest * middle, middle - _LEAST / 2)
    lower = np.maximum(middle - peaks.lows / loudest * middle, middle + _LEAST / 2)
    at = (np.arange(len(upper)) + 0.5) * (COLUMNS / len(upper))
    there = [f"{x:.1f} {y:.1f}" for x, y in zip(at, upper, strict=True)]
    back = [f"{x:.1f} {y:.1f}" for x, y in zip(at[::-1], lower[::-1], strict=True)]
    return f"M{'L'.join([*there, *back])}Z"
