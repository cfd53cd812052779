"""How others cut: by the clock, by pydub's silence, by auditok."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydub.silence import detect_nonsilent

from benchmarks.corpus import SAMPLE_RATE
from transforms.records import PlannedSegment, SampleRange
from transforms.sound import sound_of

Pcm = NDArray[np.int16]
Cut = Callable[[Pcm], list[PlannedSegment]]
"""Cuts 16-bit mono at `SAMPLE_RATE`."""

# pydub's own default of -16 dBFS takes most speech for silence.
_PYDUB_DBFS = -40
_PYDUB_MIN_SILENCE_MS = 300
_PYDUB_KEEP_MS = 100  # its default
_PYDUB_STEP_MS = 10  # its default of 1 ms takes twenty times as long


def rivals(max_samples: int) -> dict[str, Cut]:
    """By what the table calls them; auditok only where it is installed."""
    found: dict[str, Cut] = {
        "fixed length": lambda pcm: plain(fit([SampleRange(0, len(pcm))], max_samples)),
        "pydub.split_on_silence, joined": lambda pcm: plain(join_up(_pydub(pcm), max_samples)),
    }
    if importlib.util.find_spec("auditok"):
        found["auditok"] = lambda pcm: plain(fit(_auditok(pcm, max_samples), max_samples))
        found["auditok, joined"] = lambda pcm: plain(join_up(_auditok(pcm, max_samples), max_samples))
    return found


def plain(ranges: Sequence[SampleRange]) -> list[PlannedSegment]:
    """Segments that send what they stand for."""
    return [PlannedSegment(own, (own,)) for own in ranges]


def fit(ranges: Sequence[SampleRange], max_samples: int) -> list[SampleRange]:
    """Cut what is too long wherever the limit falls."""
    return [
        SampleRange(start, min(start + max_samples, each.end_sample))
        for each in ranges
        for start in range(each.start_sample, each.end_sample, max_samples)
    ]


def join_up(ranges: Sequence[SampleRange], max_samples: int) -> list[SampleRange]:
    """Join neighbours with what lies between them, as many as the limit allows, from the first on."""
    joined: list[SampleRange] = []
    for each in fit(ranges, max_samples):
        if joined and each.end_sample - joined[-1].start_sample <= max_samples:
            joined[-1] = SampleRange(joined[-1].start_sample, each.end_sample)
        else:
            joined.append(each)
    return joined


def _pydub(pcm: Pcm) -> list[SampleRange]:
    """The places of what `pydub.silence.split_on_silence` returns, which tells no places."""
    audio = sound_of(pcm.tobytes(), SAMPLE_RATE)
    found = detect_nonsilent(audio, _PYDUB_MIN_SILENCE_MS, _PYDUB_DBFS, _PYDUB_STEP_MS)
    kept = [[start - _PYDUB_KEEP_MS, end + _PYDUB_KEEP_MS] for start, end in found]
    for before, behind in pairwise(kept):
        if behind[0] < before[1]:
            before[1] = behind[0] = (before[1] + behind[0]) // 2
    per_ms = SAMPLE_RATE // 1000
    return [SampleRange(max(start, 0) * per_ms, min(end * per_ms, len(pcm))) for start, end in kept]


def _auditok(pcm: Pcm, max_samples: int) -> list[SampleRange]:
    """As it is, but for the limit."""
    import auditok

    regions: Iterator[Any] = auditok.split(
        pcm.tobytes(),
        sampling_rate=SAMPLE_RATE,
        sample_width=2,
        channels=1,
        max_dur=max_samples / SAMPLE_RATE,
    )
    return [
        SampleRange(round(region.start * SAMPLE_RATE), min(round(region.end * SAMPLE_RATE), len(pcm)))
        for region in regions
    ]
