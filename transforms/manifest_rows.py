"""The rows of a manifest in CSV, JSONL or Parquet, read one by one, whatever their number."""

from __future__ import annotations

import csv
import difflib
import io
import json
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat
from operator import itemgetter
from typing import BinaryIO, cast

import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from transforms.addresses import display_name, is_uri, locate
from transforms.errors import UsageError
from transforms.nearby import did_you_mean_path
from transforms.objects import Objects, is_object_uri

COLUMNS = ("audio", "id", "language", "channel", "crc32c", "reference")
"""The columns that are read, in the order of `Cells`."""

Cells = tuple[object, object, object, object, object, object]
"""The values of a row as they were read; None where there is none."""

_NEEDED = ("audio", "reference")
_ENDINGS = {
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_BATCH_ROWS = 4096
_BUFFER_BYTES = 2**18  # of a column of Parquet; without it a whole row group is read at once
# The csv module refuses cells over 131,072 characters; the reference text of a five-hour
# recording is longer.
_MAX_CELL_CHARACTERS = 16 << 20


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """A manifest that is open, to be read once.

    Attributes:
        name: as it can be printed.
        kind: csv, jsonl or parquet.
    """

    name: str
    kind: str
    file: BinaryIO

    def rows(self, columns: Collection[str]) -> Iterator[tuple[int, Cells]]:
        """The rows, each with its number for `where`.

        Args:
            columns: those of `COLUMNS` that are wanted; the others come as None.

        Raises:
            UsageError: a column that is needed is not there, or it cannot be read.
        """
        if self.kind == "parquet":
            return _parquet_rows(self.file, self.name, columns)
        read = _jsonl_rows if self.kind == "jsonl" else _csv_rows
        return read(self.file, self.name, columns)

    def where(self, number: int) -> str:
        """How a row is told of in a message."""
        return f"{self.name}, {'row' if self.kind == 'parquet' else 'line'} {number}"


@contextmanager
def opened_manifest(path_or_uri: str) -> Iterator[ManifestFile]:
    """Open a manifest; its form is told by the ending of the name, else by content.

    Raises:
        UsageError: it cannot be opened.
    """
    name = display_name(path_or_uri)
    with _open(path_or_uri, name) as file:
        ending = os.path.splitext(name)[1].lower()  # noqa: PTH122
        yield ManifestFile(name, _ENDINGS.get(ending) or _kind_of_content(file), file)


@contextmanager
def _open(path_or_uri: str, name: str) -> Iterator[BinaryIO]:
    try:
        if is_object_uri(path_or_uri):
            file = Objects(path_or_uri).open("")
        elif is_uri(path_or_uri) and not path_or_uri.lower().startswith("file://"):
            opened = FileSystems.open(path_or_uri, compression_type=CompressionTypes.UNCOMPRESSED)
            file = cast(BinaryIO, opened)
        else:
            file = open(locate(path_or_uri), "rb")  # noqa: PTH123, SIM115
    except FileNotFoundError as error:
        raise UsageError(f"Manifest {name} does not exist.{did_you_mean_path(path_or_uri)}") from error
    except (OSError, ValueError) as error:
        raise UsageError(f"Manifest {name} cannot be opened: {error}") from error
    with file:
        try:
            yield file
        except OSError as error:
            raise UsageError(f"Manifest {name} cannot be read to its end: {error}") from error


def _kind_of_content(file: BinaryIO) -> str:
    start = file.read(4096)
    file.seek(0)
    if start.startswith(b"PAR1"):
        return "parquet"
    return "jsonl" if start.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{") else "csv"


def _csv_rows(file: BinaryIO, name: str, columns: Collection[str]) -> Iterator[tuple[int, Cells]]:
    csv.field_size_limit(max(csv.field_size_limit(), _MAX_CELL_CHARACTERS))
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    # strict: a quotation mark that is never closed would swallow rows without a word.
    reader = csv.reader(text, strict=True)
    try:
        header = [column.strip() for column in next(reader, [])]
        _require_columns(header, columns, name)
        width = len(header)
        there = [column if column in header and column in columns else None for column in COLUMNS]
        # Behind the cells comes a None, which stands for every column that is not there.
        pick = itemgetter(*(width if column is None else header.index(column) for column in there))
        for cells in reader:
            found: list[str | None] = [*cells]
            if len(found) != width:
                if not found:
                    continue
                _fit(found, width, name, reader.line_num)
            found.append(None)
            yield reader.line_num, pick(found)
    except csv.Error as error:
        raise UsageError(
            f"Manifest {name}, line {reader.line_num}: not CSV ({error}). Is a quotation mark never closed?"
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"Manifest {name} is not UTF-8 ({error}): save it as UTF-8.") from error
    finally:
        text.detach()


def _fit(cells: list[str | None], width: int, name: str, line: int) -> None:
    """Make a row as wide as its header."""
    if any(cells[width:]):
        raise UsageError(
            f"Manifest {name}, line {line}: {len(cells)} cells under {width} columns. "
            "A cell that holds a comma must stand in quotation marks."
        )
    cells[width:] = [None] * (width - len(cells))


def _jsonl_rows(file: BinaryIO, name: str, columns: Collection[str]) -> Iterator[tuple[int, Cells]]:
    wanted = [column if column in columns else None for column in COLUMNS]
    for number, line in enumerate(file, start=1):
        content = line.removeprefix(b"\xef\xbb\xbf").strip() if number == 1 else line.strip()
        if not content:
            continue
        where = f"{name}, line {number}"
        try:
            value = json.loads(content.decode("utf-8"))
        except ValueError as error:
            raise UsageError(f"Manifest {where}: not a JSON object in UTF-8 ({error}).") from error
        if not isinstance(value, dict):
            raise UsageError(f"Manifest {where}: a JSON object is needed on each line, like {{...}}.")
        if "audio" not in value:  # any other column may be left out of an object
            _require_columns(value.keys(), ("audio",), where)
        yield number, cast(Cells, tuple(map(value.get, wanted)))


def _parquet_rows(file: BinaryIO, name: str, columns: Collection[str]) -> Iterator[tuple[int, Cells]]:
    try:
        table = pq.ParquetFile(file, buffer_size=_BUFFER_BYTES)
        names = table.schema_arrow.names
        _require_columns(names, columns, name)
        there = [column for column in columns if column in names]
        number = 0
        for batch in table.iter_batches(batch_size=_BATCH_ROWS, columns=there):
            values = (
                batch.column(column).to_pylist() if column in there else repeat(None) for column in COLUMNS
            )
            for cells in zip(*values, strict=False):
                number += 1
                yield number, cells
    except (pa.ArrowException, OSError) as error:
        raise UsageError(f"Manifest {name} cannot be read as Parquet: {error}") from error


def _require_columns(there: Collection[str], columns: Collection[str], where: str) -> None:
    """Raise unless those of the columns that are needed stand there, and none of them twice."""
    found = list(there)
    doubled = [column for column in columns if found.count(column) > 1]
    if doubled:
        raise UsageError(f"Manifest {where}: column {doubled[0]!r} stands there twice.")
    missing = [column for column in columns if column in _NEEDED and column not in found]
    if not missing:
        return
    lowered = {column.lower(): column for column in found}
    alike = difflib.get_close_matches(missing[0], lowered, n=1, cutoff=0.4)
    nearest = f" Rename {lowered[alike[0]]!r}?" if alike else ""
    named = ", ".join(repr(column) for column in found) or "none"
    raise UsageError(f"Manifest {where}: the column {missing[0]!r} is needed; found {named}.{nearest}")
