"""Writes records into a table of the dataset, from any number of workers at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics

from transforms.folders import OutputError, dataset_folder
from transforms.parts import PartWriter, Rolling
from transforms.records import Failure, Transcript, Utterance
from transforms.rows import failure_row, segment_row, transcript_row
from transforms.schemas import Table
from transforms.shared_place import Coordination
from transforms.stopping import OUTPUT_FAILED, StopReason, StopSignal
from transforms.typed import TypedTransform

Writable = Utterance | Transcript | Failure | Mapping[str, object]

_RECORDS = {Table.SEGMENTS: Utterance, Table.TRANSCRIPTS: Transcript, Table.FAILURES: Failure}


class WriteRows(TypedTransform):
    """Write each record as a row; part files appear as the records come.

    ``PCollection[Utterance | Transcript | Failure]``, each into the table of its kind, or of
    mappings: rows with a value for every column of the table. The dataset must have been
    made by `parts.create_dataset`. A part that cannot be written stops the run, so that
    nothing more is paid for, and raises `OutputError`, which ends the job.

    ``heard.utterances | WriteRows(Table.SEGMENTS, "out", "monday", run.coordination)``

    Args:
        table: the table that the records belong to.
        output: OUTPUT: a local path or a URI.
        run_id: the run, as rows and part names tell it.
        coordination: what the processes of the run share; None where nobody is
            called.
        rolling: how much is buffered at most, for each writer.
    """

    advice = "WriteRows takes the records of its table: Utterance, Transcript or Failure."

    def __init__(
        self,
        table: Table,
        output: str,
        run_id: str,
        coordination: Coordination | None = None,
        rolling: Rolling | None = None,
    ) -> None:
        super().__init__()
        self.with_input_types(_RECORDS[table] | dict[str, Any])
        self._write = _WriteParts(table, output, run_id, coordination, rolling or Rolling())

    def expand(self, records: beam.PCollection[Writable]) -> beam.PCollection[None]:
        """Returns an empty PCollection, done when every row is on disk."""
        return records | "Write parts" >> beam.ParDo(self._write)


class _WriteParts(beam.DoFn):
    def __init__(
        self, table: Table, output: str, run_id: str, coordination: Coordination | None, rolling: Rolling
    ) -> None:
        self._table = table
        self._output = output
        self._run_id = run_id
        self._coordination = coordination
        self._rolling = rolling
        self._rows_written = Metrics.counter("beamscribe", "rows_written")
        self._parts_written = Metrics.counter("beamscribe", "parts_written")

    def start_bundle(self) -> None:
        self._writer = PartWriter(
            dataset_folder(self._output, self._table.value), self._table, self._run_id, self._rolling
        )

    def process(self, record: Writable) -> None:
        row = _row_of(record, self._table, self._run_id)
        self._count(lambda: self._writer.add(row))

    def finish_bundle(self) -> None:
        self._count(self._writer.flush)

    def _count(self, write: Callable[[], int]) -> None:
        try:
            rows = write()
        except OutputError as error:
            if self._coordination is not None:
                StopSignal(self._coordination).stop(StopReason(OUTPUT_FAILED, str(error)))
            raise
        if rows:
            self._rows_written.inc(rows)
            self._parts_written.inc()


def _row_of(record: Writable, table: Table, run_id: str) -> Mapping[str, object]:
    match table, record:  # Beam does not know every type beforehand
        case _, Mapping():
            return record
        case Table.SEGMENTS, Utterance():
            return segment_row(record, run_id)
        case Table.TRANSCRIPTS, Transcript():
            return transcript_row(record, run_id)
        case Table.FAILURES, Failure():
            return failure_row(record, run_id)
    raise TypeError(f"{type(record).__name__} records do not belong in the table {table.value}")
