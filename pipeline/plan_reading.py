"""Reads recordings for a plan, as a run would: same processes, same cuts, nobody called."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from threading import get_ident

import numpy as np
from numpy.typing import NDArray

from pipeline.copies import alike_in_size, times_there
from pipeline.sampling import Stratum
from transforms.addresses import is_uri
from transforms.crew import Crew
from transforms.cut_recording import CutRecording
from transforms.cutter import RecordingCutter
from transforms.folders import OutputError
from transforms.known import Standing
from transforms.listing import Sources, list_recordings
from transforms.pass_on import PassedOn
from transforms.records import Failure, Recording
from transforms.stopping import StopReason, StopSignal

_ENDING_CHARACTERS = 8


@dataclass(frozen=True, slots=True)
class Unit:
    """A recording to be read.

    Attributes:
        place: in the order of the listing; 0 where nobody asks.
        times: how often its content is in the corpus, as far as was looked.
    """

    recording: Recording
    place: int = 0
    times: float = 1.0


@dataclass(frozen=True, slots=True)
class UnitRead:
    """What came of it.

    Attributes:
        result: what a run would make of it.
        seconds: that reading and cutting took.
        first: whether its process had to be started.
    """

    unit: Unit
    result: CutRecording | PassedOn | Failure
    seconds: float
    first: bool


class Reader:
    """Reads recordings on several threads, each with a decode process; a context.

    Args:
        cutter: reads one.
        stop: what the cutter looks at; it is told when the reader ends.
        threads: how many are read at once.
        clock: monotonic seconds.
    """

    def __init__(
        self, cutter: RecordingCutter, stop: StopSignal, threads: int, clock: Callable[[], float]
    ) -> None:
        self._cutter = cutter
        self._stop = stop
        self._threads = threads
        self._clock = clock
        self._crew: Crew[Unit, UnitRead | None] = Crew(threads, type(self).__name__)
        self._at_work: set[int] = set()

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        # What is still being read, after an error or Ctrl-C, is not waited for.
        self._stop.stop(StopReason("PlanEnded", "the plan has ended"))
        self._crew.close()
        self._cutter.close()
        self._stop.close()

    def read(self, units: Iterable[Unit]) -> Iterator[UnitRead]:
        """Read them, in any order.

        Raises:
            OutputError: the machine lacks something that the next recording would lack too.
        """
        for unit in units:
            yield from self._finished(2 * self._threads - 1)
            self._crew.start(unit, partial(self._read, unit))
        yield from self._finished(0)

    def _finished(self, leaving: int) -> Iterator[UnitRead]:
        for _, found in self._crew.finished(leaving=leaving):
            if found is None:
                reason = self._stop.reason()
                raise OutputError("the plan was stopped" if reason is None else reason.message)
            yield found

    def _read(self, unit: Unit) -> UnitRead | None:
        began = self._clock()
        result = self._cutter.cut(unit.recording)
        seconds = self._clock() - began
        first = get_ident() not in self._at_work
        self._at_work.add(get_ident())
        if result is None:
            return None
        return UnitRead(unit, result, seconds, first)


class Listing:
    """Lists the recordings that a run would read, and counts the others.

    Args:
        sources: what to list.
        standing: tells how a recording stands in the dataset; None where there is none.
    """

    def __init__(self, sources: Sources, standing: Callable[[Recording], Standing] | None) -> None:
        self._sources = sources
        self._standing = standing
        self.found = 0
        self.other_files = 0
        self._known = {Standing.DONE: 0, Standing.FAILING: 0}

    @property
    def transcribed_before(self) -> int:
        """Recordings that need no reading."""
        return self._known[Standing.DONE]

    @property
    def failed_before(self) -> int:
        """Recordings that failed for good and are not tried again."""
        return self._known[Standing.FAILING]

    def new_recordings(self) -> Iterator[Recording]:
        """Those to be read, in the order of the listing.

        Raises:
            UsageError: a mistake in a manifest.
        """
        for recording in list_recordings(self._sources, on_other=self._count_others):
            self.found += 1
            standing = Standing.NEW if self._standing is None else self._standing(recording)
            if standing is Standing.NEW:
                yield recording
            else:
                self._known[standing] += 1

    def _count_others(self, count: int) -> None:
        self.other_files += count


class Corpus:
    """All recordings of a listing, 18 bytes each.

    Their kind is the ending of the name, with the channel and language that a manifest asks for.
    """

    def __init__(self, recordings: Iterable[Recording]) -> None:
        sizes, kinds, names = array("d"), array("H"), array("Q")
        numbers: dict[tuple[object, ...], int] = {}
        for recording in recordings:
            sizes.append(float("nan") if recording.mark is None else recording.mark.size_bytes)
            kind = (_ending(recording.location), recording.channel, recording.language)
            kinds.append(numbers.setdefault(kind, len(numbers)) & 0xFFFF)
            names.append(_name_of(recording))
        self.sizes: NDArray[np.float64] = np.array(sizes)
        self.kinds: NDArray[np.int64] = np.array(kinds, dtype=np.int64)
        self._names = np.array(names, dtype=np.uint64)

    def __len__(self) -> int:
        return len(self._names)

    @property
    def without_size(self) -> int:
        """Recordings whose size the listing does not tell."""
        return int(np.isnan(self.sizes).sum())

    def units(
        self, strata: tuple[Stratum, ...], listed_again: Iterable[Recording], random: np.random.Generator
    ) -> Iterator[Unit]:
        """The recordings of a sample, and how often each is there.

        One that has vanished since the corpus was listed is left out.
        """
        places = [int(place) for stratum in strata for place in stratum.read]
        alike = alike_in_size(self.sizes, self.kinds, places, random)
        wanted = set(places).union(*(each.compared for each in alike))
        names = {int(self._names[place]): place for place in wanted}
        recordings: dict[int, Recording] = {}
        for recording in listed_again:
            place = names.get(_name_of(recording))
            if place is not None:
                recordings[place] = recording
                if len(recordings) == len(names):
                    break
        times = times_there(alike, recordings)
        for place in places:
            if place in recordings:
                yield Unit(recordings[place], place, times.get(place, 1.0))


def _name_of(recording: Recording) -> int:
    """8 bytes that tell an address and channel from all others."""
    name = repr((recording.location, recording.channel)).encode()
    return int.from_bytes(blake2b(name, digest_size=8).digest(), "big")


def _ending(location: bytes) -> bytes:
    name = location.partition(b"?")[0] if is_uri(location) else location
    _, dot, ending = name.rpartition(b"/")[2].rpartition(b".")
    return ending.lower()[:_ENDING_CHARACTERS] if dot else b""
