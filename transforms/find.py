"""Find: which recordings there are, as a PCollection of addresses."""

from __future__ import annotations

from collections.abc import Iterator

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.pvalue import PBegin, PCollection

from transforms.known import Skipping, Standing
from transforms.listing import Sources, list_recordings
from transforms.records import Recording


class FindRecordings(beam.PTransform):
    """List recordings and spread them over the workers: ``PBegin -> PCollection[Recording]``.

    Each address and channel comes once. Only addresses cross the shuffle. The counters
    ``recordings_found`` and ``other_files`` tell how many there were, and how many
    files of a folder were left out as no recordings; ``recordings_skipped`` and
    ``recordings_still_failing`` how many need no reading, with and without a transcript.

    Args:
        sources: what to list; `check_sources` tells beforehand whether it can be.
        skipping: recordings that need no reading; None reads all.
    """

    def __init__(self, sources: Sources, skipping: Skipping | None = None) -> None:
        super().__init__()
        self._sources = sources
        self._skipping = skipping

    def expand(self, pbegin: PBegin) -> PCollection[Recording]:
        """Wire the steps."""
        return (
            pbegin
            | "Sources" >> beam.Impulse()
            | "List recordings"
            >> beam.ParDo(_ListRecordings(self._sources, self._skipping)).with_output_types(Recording)
            | "Spread over workers" >> beam.Reshuffle().with_output_types(Recording)
        )


class _ListRecordings(beam.DoFn):
    """Lists the sources it carries.

    They travel inside the function and not as an element: names on a command line may
    hold bytes that are not UTF-8, which Beam's coders for text refuse.
    """

    def __init__(self, sources: Sources, skipping: Skipping | None) -> None:
        self._sources = sources
        self._skipping = skipping
        self._skipped = Metrics.counter("beamscribe", "recordings_skipped")
        self._still_failing = Metrics.counter("beamscribe", "recordings_still_failing")
        self._found = Metrics.counter("beamscribe", "recordings_found")
        self._others = Metrics.counter("beamscribe", "other_files")

    def process(self, _: bytes) -> Iterator[Recording]:
        """List them all.

        Raises:
            UsageError: a mistake in a manifest, for which `check_sources` looks beforehand.
        """
        known = None if self._skipping is None else self._skipping.open()
        for recording in list_recordings(self._sources, on_other=self._others.inc):
            self._found.inc()
            standing = Standing.NEW if known is None else known(recording)
            if standing is Standing.NEW:
                yield recording
            elif standing is Standing.DONE:
                self._skipped.inc()
            else:
                self._still_failing.inc()
