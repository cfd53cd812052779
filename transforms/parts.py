"""Part files: rows of one table, written a bounded number at a time.

A part is written row group by row group into a hidden file, which gets its name when the part
is closed: so parts can be large where rows are, and memory holds one row group.

A part is named ``part-<run>-<token>.parquet``; what `settle` puts in its place when
rows of it were replaced ends in ``-r1``, ``-r2`` and so on.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq

from transforms.errors import UsageError
from transforms.folders import Folder, OutputError, dataset_folder, output_folder
from transforms.schemas import SCHEMA_VERSION, Table, schema_of, version_of

__all__ = [
    "SCHEMA_PART",
    "OutputError",
    "Part",
    "PartWriter",
    "Rolling",
    "create_dataset",
    "newest_parts",
    "parquet_bytes",
    "reading",
    "writing",
]

SCHEMA_PART = "part-0-schema.parquet"
"""Has no rows. It sorts before the parts, so that readers take the table's schema from it."""

_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_PART = re.compile(
    rf"part-(?P<run_id>{_RUN_ID.pattern})-(?P<token>[0-9a-f]{{32}})(?:-r(?P<rewrites>\d+))?\.parquet"
)

# A batch takes 12 KB beside its values: kept for each row, they are most of what is buffered.
_ROWS_JOINED = 64
# Twice as many in each further one: so what writing takes, 1 MB of code, is there from the start.
_FIRST_GROUP_ROWS = 64


@dataclass(frozen=True, slots=True)
class Rolling:
    """When a part is closed: at the first of these limits.

    Attributes:
        max_rows: rows in a part.
        max_bytes: bytes of column values in a part, before compression.
        max_seconds: age of the part's oldest row when another one comes.
        group_bytes: bytes of column values that are held in memory, and make a row group.
    """

    max_rows: int = 4096
    max_bytes: int = 256 * 2**20
    max_seconds: float = 30.0
    group_bytes: int = 8 * 2**20


@dataclass(frozen=True, slots=True)
class Part:
    """What the name of a part file says.

    Attributes:
        run_id: the run that wrote its rows.
        token: tells the parts of a run apart, 32 hexadecimal digits.
        rewrites: how often it was rewritten; a higher one replaces the lower ones.
    """

    run_id: str
    token: str
    rewrites: int = 0

    @classmethod
    def of_name(cls, name: str) -> Part | None:
        """Parses the name of a file; None if it is not a part with rows of a run."""
        match = _PART.fullmatch(name)
        return match and cls(match["run_id"], match["token"], int(match["rewrites"] or 0))

    @property
    def name(self) -> str:
        """The name of its file."""
        rewrites = f"-r{self.rewrites}" if self.rewrites else ""
        return f"part-{self.run_id}-{self.token}{rewrites}.parquet"

    def rewritten(self) -> Part:
        """The part that takes its place."""
        return replace(self, rewrites=self.rewrites + 1)


def newest_parts(names: Iterable[str]) -> list[Part]:
    """The parts among the names of files, without those that were rewritten and not yet removed."""
    newest: dict[tuple[str, str], Part] = {}
    for part in sorted(filter(None, map(Part.of_name, names)), key=lambda part: part.rewrites):
        newest[part.run_id, part.token] = part
    return list(newest.values())


class PartWriter:
    """Writes rows of one table as parts that appear whole or not at all.

    Not for several threads at once.

    Args:
        folder: the table's folder.
        table: which table.
        run_id: goes into the parts' names: letters, digits, ``_``, ``.`` and ``-``.
        rolling: when a part is closed.
        clock: seconds of a clock that never goes back.

    Raises:
        ValueError: ``run_id`` cannot be part of a file's name.
    """

    def __init__(
        self,
        folder: Folder,
        table: Table,
        run_id: str,
        rolling: Rolling,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not _RUN_ID.fullmatch(run_id):
            raise ValueError(
                f"run_id {run_id!r}: only letters, digits, '_', '.' and '-' can be in a part's name"
            )
        self._folder = folder
        self._table = table
        self._schema = schema_of(table)
        self._run_id = run_id
        self._rolling = rolling
        self._clock = clock
        # Arrow, not dictionaries: the words of a minute take 60 KB as Python objects, 4 KB here.
        self._batches: list[pa.RecordBatch] = []
        self._single: list[pa.RecordBatch] = []
        self._rows = self._bytes = self._held_bytes = self._held_rows = 0
        self._group_rows = _FIRST_GROUP_ROWS
        self._files = ExitStack()  # what is open of the part
        self._open: pq.ParquetWriter | None = None
        self._oldest_at = 0.0

    def add(self, row: Mapping[str, object]) -> int:
        """Takes a row; closes the part if that makes it full or old.

        Args:
            row: a value for every column of the table, and no other.

        Returns:
            How many rows this call made visible; 0 while the part is open.

        Raises:
            TypeError: the row does not fit the schema; the message names recording and column.
            OutputError: the part could not be written. Its rows are lost.
        """
        batch = _batch_of(row, self._table, self._schema)
        if not self._rows:
            self._oldest_at = self._clock()
        self._single.append(batch)
        self._rows += 1
        self._bytes += batch.nbytes
        self._held_bytes += batch.nbytes
        self._held_rows += 1
        if len(self._single) >= _ROWS_JOINED:
            self._join()
        full = self._rows >= self._rolling.max_rows or self._bytes >= self._rolling.max_bytes
        if full or self._clock() - self._oldest_at >= self._rolling.max_seconds:
            return self.flush()
        if self._held_bytes >= self._rolling.group_bytes or self._held_rows >= self._group_rows:
            self._write_group()
        return 0

    def flush(self) -> int:
        """Closes the part, if it has any rows.

        Returns:
            How many rows that made visible.

        Raises:
            OutputError: the part could not be written. Its rows are lost.
        """
        rows = self._rows
        if rows:
            self._write_group()
            self._begin_anew()
            self._files.close()
        return rows

    def _write_group(self) -> None:
        """Writes what is held to the part's file; if that fails nothing is left of it."""
        self._join()
        table = pa.Table.from_batches(self._batches, self._schema)
        self._batches, self._held_bytes, self._held_rows = [], 0, 0
        self._group_rows *= 2
        if not table.num_rows:
            return
        try:
            with self._files.pop_all() as files:
                if self._open is None:
                    part = Part(self._run_id, uuid.uuid4().hex)
                    self._open = files.enter_context(writing(self._folder, part, self._schema))
                self._open.write_table(table)
                self._files = files.pop_all()
        except BaseException:
            self._begin_anew()
            raise

    def _begin_anew(self) -> None:
        self._open = None
        self._rows = self._bytes = 0

    def _join(self) -> None:
        self._batches += pa.Table.from_batches(self._single, self._schema).combine_chunks().to_batches()
        self._single = []


def create_dataset(output: str) -> None:
    """Makes the folders of a dataset, or finds them; proves each writable.

    Each table gets a part without rows that carries the schema, so that an empty
    dataset can be read at any moment. Hidden files of writers that were killed are
    removed; those of live writers, in other processes too, are left alone.

    Args:
        output: OUTPUT: a local path or a URI.

    Raises:
        UsageError: OUTPUT cannot be written to, or holds a dataset of another schema version.
        OutputError: the disk is full or failing.
    """
    output_folder(output).prepare()
    dataset_folder(output, "runs").prepare()
    for table in Table:
        folder = dataset_folder(output, table.value)
        folder.prepare()
        if SCHEMA_PART not in folder.names():
            folder.put(SCHEMA_PART, parquet_bytes(schema_of(table).empty_table()))
        with folder.open(SCHEMA_PART) as file:
            found = version_of(pq.read_schema(file))
        if found != SCHEMA_VERSION:
            raise UsageError(
                f"{output}: {table.value}/ has schema version {found}, this release writes {SCHEMA_VERSION}. "
                f"The two are never mixed: choose another --output."
            )


@contextmanager
def writing(folder: Folder, part: Part, schema: pa.Schema) -> Iterator[pq.ParquetWriter]:
    """A part to be written row group by row group; it appears when the context is left without an error.

    Raises:
        OutputError: it could not be written, here or inside; nothing of it is visible.
    """
    with folder.writing(part.name) as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
        yield writer


@contextmanager
def reading(folder: Folder, part: Part) -> Iterator[pq.ParquetFile]:
    """A part, open to be read.

    Raises:
        OutputError: it cannot be read, now or while inside.
    """
    with folder.open(part.name) as file:
        try:
            yield pq.ParquetFile(file)
        except (OSError, pa.ArrowException) as error:
            raise OutputError(
                f"{part.name}: cannot read this part of the dataset ({error}). If the file is damaged, move "
                f"it away and run the same command again."
            ) from error


def parquet_bytes(table: pa.Table) -> bytes:
    """A table as one Parquet file, compressed with zstd.

    Without rows it has no row group either: Hugging Face datasets stumbles over an empty one.
    """
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, table.schema, compression="zstd") as writer:
        if table.num_rows:
            writer.write_table(table)
    return bytes(sink.getvalue())


def _batch_of(row: Mapping[str, object], table: Table, schema: pa.Schema) -> pa.RecordBatch:
    where = f"{table.value} row of {row.get('audio_uri')!r}"
    if row.keys() != set(schema.names):
        raise TypeError(f"{where}: missing or unknown columns {sorted(row.keys() ^ set(schema.names))}")
    return pa.record_batch([_column_of(row[column.name], column, where) for column in schema], schema=schema)


def _column_of(value: object, column: pa.Field[Any], where: str) -> pa.Array[Any]:
    try:
        array: pa.Array[Any] = pa.array([value], type=column.type)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise TypeError(f"{where}: column {column.name} ({column.type}): {error}") from error
    if value is None and not column.nullable:
        raise TypeError(f"{where}: column {column.name} may not be null")
    if isinstance(array, pa.ListArray):
        # Not compared item by item: for 150 words that costs more than all the rest.
        if any(items.null_count for items in cast(pa.StructArray, array.values).flatten()):
            raise TypeError(f"{where}: column {column.name} ({column.type}) has items with nulls")
        return array
    # pyarrow cuts 1.5 down to 1 without a word.
    stored = array.cast(pa.int64()) if pa.types.is_timestamp(column.type) else array
    if stored.to_pylist() != [value]:
        raise TypeError(f"{where}: column {column.name} ({column.type}) cannot hold {value!r} exactly")
    return array
