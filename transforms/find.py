"""Find: which recordings there are, as a PCollection of addresses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import apache_beam as beam
from apache_beam.pvalue import PBegin, PCollection
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue

from transforms.beam_counts import count
from transforms.coders import RecordingCoder
from transforms.known import Skipping, Standing
from transforms.listing import Sources, list_recordings
from transforms.meter_files import borrowed_meter, give_back_meter
from transforms.reading import Reading
from transforms.records import Recording
from transforms.shared_place import Coordination
from transforms.sheets import Packer, packed, unpacked
from transforms.stopping import StopReason, StopSignal

LISTING_FAILED = "ListingFailed"
"""The code of the reason to stop when a store breaks off while it is listed."""

_AT_ONCE = 500
"""Recordings that are counted at once: one by one would take longer than finding them."""


@beam.typehints.with_output_types(Recording)
class FindRecordings(beam.PTransform):
    """List recordings and spread them over the workers: ``PBegin -> PCollection[Recording]``.

    Each address and channel comes once. Only addresses cross the shuffle. The counters
    ``recordings_found`` and ``other_files`` tell how many there were, and how many
    files of a folder were left out as no recordings; ``recordings_skipped`` and
    ``recordings_still_failing`` how many need no reading, with and without a transcript.

    ``pipeline | FindRecordings(Sources(("recordings", "gs://bucket/**/*.mp3")))``

    Args:
        sources: what to list; `check_sources` tells beforehand whether it can be.
        skipping: recordings that need no reading; None reads all.
        coordination: what the processes of the run share; None where nobody
            watches.
    """

    def __init__(
        self, sources: Sources, skipping: Skipping | None = None, coordination: Coordination | None = None
    ) -> None:
        super().__init__()
        self._list = _ListRecordings(sources, skipping, coordination)

    def expand(self, pbegin: PBegin) -> PCollection[Recording]:
        """Wire the steps."""
        sheets = _sheets_of(pbegin, self._list)
        return _read(sheets | "Spread over workers" >> beam.Reshuffle().with_output_types(bytes))


@beam.typehints.with_output_types(Recording)
class ListRecordings(beam.PTransform):
    """`FindRecordings`, all still on one worker; takes the same arguments."""

    def __init__(
        self, sources: Sources, skipping: Skipping | None = None, coordination: Coordination | None = None
    ) -> None:
        super().__init__()
        self._list = _ListRecordings(sources, skipping, coordination)

    def expand(self, pbegin: PBegin) -> PCollection[Recording]:
        """Wire the steps."""
        return _read(_sheets_of(pbegin, self._list))


@beam.typehints.with_input_types(Recording)
@beam.typehints.with_output_types(Recording)
class SpreadRecordings(beam.PTransform):
    """Spread recordings over the workers, as `FindRecordings` does: ``PCollection[Recording]`` in and out.

    They cross the shuffle by the sheet (`sheets`).
    """

    def expand(self, recordings: PCollection[Recording]) -> PCollection[Recording]:
        """Wire the steps."""
        sheets = recordings | "Pack" >> beam.ParDo(_Pack()).with_output_types(bytes)
        return _read(sheets | "Shuffle" >> beam.Reshuffle().with_output_types(bytes))


class _Pack(beam.DoFn):
    """Packs the recordings of a bundle."""

    def start_bundle(self) -> None:
        self._packer = Packer(RecordingCoder().encode)

    def process(self, element: Recording) -> Iterator[bytes]:
        return self._packer.add(element)

    def finish_bundle(self) -> Iterator[WindowedValue]:
        for sheet in self._packer.rest():
            yield WindowedValue(sheet, GlobalWindow().max_timestamp(), (GlobalWindow(),))


def _sheets_of(pbegin: PBegin, function: beam.DoFn) -> PCollection[bytes]:
    sources = pbegin | "Sources" >> beam.Impulse()
    return sources | "List recordings" >> beam.ParDo(function).with_output_types(bytes)


def _read(sheets: PCollection[bytes]) -> PCollection[Recording]:
    return sheets | "Read the list" >> beam.FlatMap(_recordings_of).with_output_types(Recording)


def _recordings_of(sheet: bytes) -> Iterator[Recording]:
    return unpacked(sheet, RecordingCoder().decode)


class _ListRecordings(beam.DoFn):
    """Lists the sources it carries.

    They travel inside the function and not as an element: names on a command line may
    hold bytes that are not UTF-8, which Beam's coders for text refuse.
    """

    def __init__(
        self, sources: Sources, skipping: Skipping | None, coordination: Coordination | None
    ) -> None:
        self._sources = sources
        self._skipping = skipping
        self._coordination = coordination

    def setup(self) -> None:
        self._meter = borrowed_meter(self._coordination)

    def process(self, _: bytes) -> Iterator[bytes]:
        """List them all, in sheets. A store that breaks off stops the run; what was found is worked on.

        Raises:
            UsageError: a mistake in a manifest, for which `check_sources` looks beforehand.
            OSError: a store broke off, and there is no run to be stopped.
        """
        return packed(self._listed(), RecordingCoder().encode)

    def teardown(self) -> None:
        give_back_meter(self._meter)

    def _listed(self) -> Iterator[Recording]:
        known = None if self._skipping is None else self._skipping.open()
        met: Counter[Standing | None] = Counter()  # None is a file that is no recording

        def other(files: int) -> None:
            met[None] += files

        try:
            for recording in list_recordings(self._sources, on_other=other):
                standing = Standing.NEW if known is None else known(recording)
                met[standing] += 1
                if met.total() >= _AT_ONCE:
                    self._count(met)
                if standing is Standing.NEW:
                    yield recording
        except OSError as error:
            self._stop(error)
        self._count(met)
        self._meter.meter.add(Reading(recordings_listed=1))
        self._meter.write()

    def _stop(self, error: OSError) -> None:
        if self._coordination is None:
            raise error
        message = f"The recordings could not be listed to the end: {error.strerror or error}. Run it again."
        StopSignal(self._coordination).stop(StopReason(LISTING_FAILED, message))

    def _count(self, met: Counter[Standing | None]) -> None:
        """Count what was met, here and in Beam's counters, and forget it."""
        counts = Reading(
            recordings_found=met.total() - met[None],
            recordings_skipped=met[Standing.DONE],
            recordings_still_failing=met[Standing.FAILING],
            other_files=met[None],
        )
        self._meter.meter.add(counts)
        count(counts)
        met.clear()
