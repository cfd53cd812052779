"""From what was read to what there is in all: summed, or estimated from a sample. Pure."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from pipeline.plan_contents import Contents, DistinctCalls, distinct_totals
from pipeline.plan_facts import Amounts
from pipeline.sampling import Figure, Stratum, estimate

Numbers = NDArray[np.float64]

_COUNTS = ("failed", "segments", "paid_before", "refused_before", "equal", "calls", "payload_bytes")


class Timings:
    """How long recordings took, 17 bytes each.

    The first one of a decode process waits for it to start: its time is taken from the others'
    speed, where there are others.
    """

    def __init__(self) -> None:
        self._seconds = array("d")
        self._audio_seconds = array("d")
        self._first = array("b")

    def add(self, seconds: float, audio_seconds: float, *, first: bool) -> None:
        """Take the next recording: ``first`` of its process."""
        self._seconds.append(seconds)
        self._audio_seconds.append(audio_seconds)
        self._first.append(first)

    def steady_seconds(self) -> Numbers:
        """The time of each recording, in a process that is at work already."""
        seconds, audio = np.array(self._seconds), np.array(self._audio_seconds)
        first = np.array(self._first, dtype=np.bool_)
        others_audio = float(audio[~first].sum())
        if others_audio <= 0:
            return seconds
        pace = float(seconds[~first].sum()) / others_audio
        return np.where(first, np.minimum(seconds, audio * pace), seconds)


@dataclass(frozen=True, slots=True)
class Machine:
    """This machine's part.

    Attributes:
        seconds: of all its processes together.
        longest_seconds: of one recording, which no second process can help with.
    """

    seconds: Figure
    longest_seconds: float


@dataclass(frozen=True, slots=True)
class Totals:
    """What is in all recordings, and what it takes of this machine."""

    amounts: Amounts[Figure]
    machine: Machine


class WholeCount:
    """Sums up recordings that are all read."""

    def __init__(self) -> None:
        self._sums = Contents()
        self._failed = 0
        self._calls = DistinctCalls()
        self._timings = Timings()

    def add(self, found: Contents, seconds: float, *, first: bool) -> None:
        """Take a recording, the seconds that it took, and whether it was the first of its process."""
        sums = self._sums
        self._failed += found.failure is not None
        self._calls.add(found.due)
        self._timings.add(seconds, found.channel_seconds, first=first)
        self._sums = Contents(
            seconds=sums.seconds + found.seconds,
            channel_seconds=sums.channel_seconds + found.channel_seconds,
            speech_seconds=sums.speech_seconds + found.speech_seconds,
            segments=sums.segments + found.segments,
            paid_before=sums.paid_before + found.paid_before,
            refused_before=sums.refused_before + found.refused_before,
        )

    def totals(self) -> Totals:
        """What is in all of them."""
        calls, payload_bytes, encode_seconds = self._calls.totals()
        steady = self._timings.steady_seconds()
        seconds = float(steady.sum()) + encode_seconds
        sums = self._sums
        amounts = Amounts(
            failed=Figure.known(self._failed),
            audio_seconds=Figure.known(sums.seconds),
            channel_seconds=Figure.known(sums.channel_seconds),
            speech_seconds=Figure.known(sums.speech_seconds),
            segments=Figure.known(sums.segments),
            paid_before=Figure.known(sums.paid_before),
            refused_before=Figure.known(sums.refused_before),
            equal=Figure.known(len(self._calls) - calls),
            calls=Figure.known(calls),
            payload_bytes=Figure.known(payload_bytes),
            machine_seconds=Figure.known(seconds),
        )
        return Totals(amounts, Machine(Figure.known(seconds), float(steady.max(initial=0.0))))


class SampleCount:
    """Estimates from the recordings of a sample.

    Args:
        strata: how it was drawn.
        recordings: of all, from which it was.
        max_seconds: the longest segment.
    """

    def __init__(self, strata: tuple[Stratum, ...], recordings: int, max_seconds: float) -> None:
        self._strata = strata
        self._recordings = recordings
        self._max_seconds = max_seconds
        self._places: list[int] = []
        self._found: list[Amounts[float]] = []
        self._encode_seconds: list[float] = []
        self._timings = Timings()

    def add(self, place: int, found: Contents, seconds: float, times: float, *, first: bool) -> None:
        """Take a recording of the sample.

        Args:
            place: in the order of the listing.
            found: what is in it.
            seconds: that it took.
            times: how often its content is in the corpus: its calls are paid once.
            first: it was the first of its process.
        """
        distinct, payload_bytes, encode_seconds = distinct_totals(found.due)
        calls = distinct / times
        self._places.append(place)
        self._encode_seconds.append(encode_seconds / times)
        self._timings.add(seconds, found.channel_seconds, first=first)
        self._found.append(
            Amounts(
                failed=float(found.failure is not None),
                audio_seconds=found.seconds,
                channel_seconds=found.channel_seconds,
                speech_seconds=found.speech_seconds,
                segments=found.segments,
                paid_before=found.paid_before,
                refused_before=found.refused_before,
                equal=len(found.due) - calls,
                calls=calls,
                payload_bytes=payload_bytes / times,
                machine_seconds=0.0,
            )
        )

    def totals(self) -> Totals:
        """What is in all recordings, by estimate."""
        steady = self._timings.steady_seconds()
        seconds = steady + np.array(self._encode_seconds)
        columns = {
            each.name: np.array([getattr(found, each.name) for found in self._found], dtype=np.float64)
            for each in fields(Amounts)
        }
        columns["machine_seconds"] = seconds
        most = self._most(columns)
        figures = {name: self._estimate(values, most[name]) for name, values in columns.items()}
        figures.update({name: _rounded(figures[name]) for name in _COUNTS})
        machine = Machine(figures["machine_seconds"], float(steady.max(initial=0.0)))
        return Totals(Amounts(**figures), machine)

    def _most(self, columns: dict[str, Numbers]) -> dict[str, Numbers]:
        """What each quantity could be at most in the recordings that were read.

        A recording without speech, or paid for, says that others may be otherwise.
        """
        calls = np.maximum(1.0, np.ceil(columns["channel_seconds"] / self._max_seconds))
        a_call = columns["payload_bytes"].sum() / max(1.0, columns["calls"].sum())
        most = dict.fromkeys(("segments", "paid_before", "refused_before", "equal", "calls"), calls)
        return {
            **columns,
            **most,
            "failed": np.ones(len(calls)),
            "speech_seconds": columns["channel_seconds"],
            "payload_bytes": calls * a_call,
        }

    def _estimate(self, values: Numbers, most: Numbers) -> Figure:
        return estimate(self._strata, self._by_place(values), self._by_place(most))

    def _by_place(self, values: Numbers) -> Numbers:
        placed = np.zeros(self._recordings)
        placed[self._places] = values
        return placed


def spread(machine: Machine, processes: int) -> Figure:
    """How long this machine needs for its part, with so many processes at work at once."""
    shared = machine.seconds.scaled(1 / processes)
    ends = (max(each, machine.longest_seconds) for each in (shared.value, shared.low, shared.high))
    return Figure(*ends)


def _rounded(figure: Figure) -> Figure:
    """Whole numbers; the interval gets no shorter."""
    return Figure(round(figure.value), math.floor(figure.low), math.ceil(figure.high))
