"""Reads the rows of a dataset as `pipeline.standing` wants them: a few columns, part by part.

Texts and words are never read. Only the failures that are shown have their messages
read, in a second pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.failure_examples import ExamplePicker
from pipeline.plain import name_of
from pipeline.standing_columns import (
    NONE,
    STATUSES,
    FailureColumns,
    Flags,
    Hashes,
    Numbers,
    SegmentColumns,
    TranscriptColumns,
    paired,
)
from pipeline.standing_facts import Damage, Example
from transforms.codes import FOLLOW_FROM_BYTES
from transforms.folders import Folder, OutputError
from transforms.parts import Part, reading
from transforms.schemas import Table

BATCH_ROWS = 65_536
_SHOWN_ROWS = 256  # with their messages, as Python objects

_IDENTITY = ("audio_uri", "size_bytes", "modified", "settings")
_TRANSCRIPT = (
    *_IDENTITY, "channel", "segments", "failed_segments", "duration_ms", "speech_ms", "status",
)  # fmt: skip
_FAILURE = (*_IDENTITY, "channel", "segment_index", "code", "retryable")
_SHOWN = ("audio_uri", "channel", "segment_index", "start_ms", "stage", "code", "message", "retryable")
_SEGMENT = ("audio_uri", "channel", "segment_index")
_SPAN = ("start_ms", "end_ms")
COLUMNS = {Table.TRANSCRIPTS: _TRANSCRIPT, Table.FAILURES: (*_FAILURE, *_SHOWN), Table.SEGMENTS: _SEGMENT}

_PLACES = {status.value: place for place, status in enumerate(STATUSES)}


class PartVanishedError(Exception):
    """A part was replaced between listing and reading it, by a run that ends: look again."""


@dataclass(slots=True)
class TableReader:
    """Reads the parts of one table, and notes what is damaged.

    Attributes:
        folder: the table's.
        name: what the damaged are called by.
        parts: those that count, as they were listed.
        damaged: grows as they are read.
    """

    folder: Folder
    name: str
    parts: Sequence[Part]
    damaged: dict[str, Damage] = field(default_factory=dict)

    def batches(self, part: Part, columns: Sequence[str]) -> list[pa.RecordBatch]:
        """Those of some columns that a part has; nothing if it is damaged.

        Raises:
            PartVanishedError: it is no longer there.
        """
        try:
            with reading(self.folder, part) as file:
                # Threads would each keep memory of their own, and a few columns are quickly read.
                batches = file.iter_batches(batch_size=BATCH_ROWS, columns=list(columns), use_threads=False)
                return list(batches)
        except OutputError as error:
            self._note(part, error)
            return []

    def rows(self, part: Part) -> int:
        """How many rows a part says that it has; 0 if it is damaged."""
        try:
            with reading(self.folder, part) as file:
                return int(file.metadata.num_rows)
        except OutputError as error:
            self._note(part, error)
            return 0

    def rows_of(self, run_id: str) -> int:
        """How many rows a run has here."""
        return sum(self.rows(part) for part in self.parts if part.run_id == run_id)

    def _note(self, part: Part, error: OutputError) -> None:
        if part.name not in self.folder.names():
            raise PartVanishedError(part.name) from error
        self.damaged[part.name] = Damage(f"{self.name}/{part.name}", str(error))


def transcript_columns(table: TableReader, place_of: Callable[[str], int]) -> Iterator[TranscriptColumns]:
    """All rows of ``transcripts``, a part at a time; ``place_of`` tells the place of a run."""
    for part in table.parts:
        for batch in table.batches(part, _TRANSCRIPT):
            yield TranscriptColumns(
                *_identity(batch, place_of(part.run_id)),
                channel=_numbers(batch, "channel"),
                segments=_numbers(batch, "segments"),
                failed_segments=_numbers(batch, "failed_segments"),
                duration_ms=_numbers(batch, "duration_ms"),
                speech_ms=_numbers(batch, "speech_ms"),
                status=_mapped(batch, "status", _PLACES.__getitem__),
            )


def failure_columns(
    table: TableReader, place_of: Callable[[str], int], codes: dict[str, int]
) -> Iterator[FailureColumns]:
    """All rows of ``failures``, a part at a time; their codes are added to ``codes``, each with its place."""
    first = 0
    for part in table.parts:
        for batch in table.batches(part, _FAILURE):
            yield FailureColumns(
                *_identity(batch, place_of(part.run_id)),
                channel=_numbers(batch, "channel"),
                segment=_numbers(batch, "segment_index"),
                code=_mapped(batch, "code", lambda code: codes.setdefault(code, len(codes))),
                retryable=_flags(batch, "retryable"),
                stays=_mapped(batch, "code", lambda code: int(code in FOLLOW_FROM_BYTES)).astype(np.bool_),
                number=np.arange(first, first + batch.num_rows),
            )
            first += batch.num_rows


def segment_columns(table: TableReader, place_of: Callable[[str], int | None]) -> Iterator[SegmentColumns]:
    """All rows of ``segments``, a part at a time.

    Args:
        table: ``segments``.
        place_of: the place of a run that has not ended; None of those that have.
    """
    for part in table.parts:
        place = place_of(part.run_id)
        for batch in table.batches(part, _SEGMENT if place is None else (*_SEGMENT, *_SPAN)):
            recording = _repeated_hashes(batch)
            nothing = np.zeros(batch.num_rows, dtype=np.int64)
            yield SegmentColumns(
                recording=recording,
                run=nothing + (NONE if place is None else place),
                key=paired(paired(recording, _numbers(batch, "channel")), _numbers(batch, "segment_index")),
                length_ms=nothing
                if place is None
                else _numbers(batch, "end_ms") - _numbers(batch, "start_ms"),
            )


def pick_examples(table: TableReader, current: Flags) -> ExamplePicker:
    """Look at the messages of those rows of ``failures`` that count, in the order of `failure_columns`."""
    picker = ExamplePicker()
    first = 0
    for part in table.parts:
        for batch in table.batches(part, _SHOWN):
            mask = current[first : first + batch.num_rows]
            first += batch.num_rows
            counting = batch.filter(pa.array(mask))
            for place in range(0, counting.num_rows, _SHOWN_ROWS):
                _look_at(picker, counting.slice(place, _SHOWN_ROWS))
    return picker


def _look_at(picker: ExamplePicker, batch: pa.RecordBatch) -> None:
    for values in zip(*(batch.column(name).to_pylist() for name in _SHOWN), strict=True):
        uri, channel, segment, start_ms, stage, code, message, retryable = values
        name = name_of(uri)
        picker.add(code, Example(name, uri, channel, segment, start_ms, stage, message, retryable))


def _identity(batch: pa.RecordBatch, place: int) -> tuple[Hashes, Numbers, Hashes, Flags]:
    """The first four columns of transcripts and failures: recording, run, identity, known."""
    columns = [batch.column(name).to_pylist() for name in _IDENTITY]
    return (
        _hashes(columns[0]),
        np.full(batch.num_rows, place, dtype=np.int64),
        _hashes(list(zip(*columns, strict=True))),
        np.array([size is not None for size in columns[1]], dtype=np.bool_),
    )


def _hashes(values: Sequence[object]) -> Hashes:
    return np.fromiter(map(hash, values), dtype=np.int64, count=len(values)).view(np.uint64)


def _repeated_hashes(batch: pa.RecordBatch) -> Hashes:
    """Hashes of addresses that stand in many rows."""
    addresses = _few(batch, "audio_uri")
    hashes = _hashes(addresses.dictionary.to_pylist())
    repeated: Hashes = hashes[addresses.indices.to_numpy()]
    return repeated


def _numbers(batch: pa.RecordBatch, name: str) -> Numbers:
    numbers: Numbers = batch.column(name).fill_null(NONE).to_numpy()
    return numbers


def _flags(batch: pa.RecordBatch, name: str) -> Flags:
    flags: Flags = batch.column(name).to_numpy(zero_copy_only=False)
    return flags


def _mapped(batch: pa.RecordBatch, name: str, number_of: Callable[[str], int]) -> Numbers:
    """A number for each text of a column that has few different ones."""
    texts = _few(batch, name)
    numbers = np.array([number_of(str(text)) for text in texts.dictionary.to_pylist()], dtype=np.int64)
    mapped: Numbers = numbers[texts.indices.to_numpy()]
    return mapped


def _few(batch: pa.RecordBatch, name: str) -> pa.DictionaryArray[Any, Any]:
    """A column, each different value of it once."""
    return cast("pa.DictionaryArray[Any, Any]", pc.dictionary_encode(batch.column(name)))
