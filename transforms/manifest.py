"""Manifests: lists of recordings in CSV, JSONL or Parquet, read row by row.

Column ``audio`` is required: a path, relative to the manifest, or a URI. Columns
``id``, ``language``, ``channel`` (counted from 0) and ``crc32c`` are optional and may
be empty in a row, as may ``reference``, which only `read_references` reads; any other column
is ignored.
A manifest is never held in memory, whatever its length.
"""

from __future__ import annotations

import csv
import difflib
import io
import json
import os
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, cast

import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from transforms.addresses import audio_uri_of, display_name, folder_of, is_uri, locate, parse_crc32c
from transforms.errors import UsageError
from transforms.nearby import did_you_mean_path
from transforms.objects import Objects, is_object_uri
from transforms.records import Recording

_COLUMNS = ("audio", "id", "language", "channel", "crc32c")
_WITH_REFERENCE = (*_COLUMNS, "reference")
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
# The csv module refuses cells over 131,072 characters; the reference text of a five-hour
# recording is longer.
_MAX_CELL_CHARACTERS = 16 << 20
# Tools that know no empty integer write a column of integers as 1.0.
_CHANNEL = re.compile(r"(\d{1,4})(\.0*)?")


@dataclass(frozen=True, slots=True)
class _Row:
    """The cells of a row as they were read; None where there is none."""

    where: str
    audio: object = None
    id: object = None
    language: object = None
    channel: object = None
    crc32c: object = None
    reference: object = None


def read_manifest(path_or_uri: str) -> Iterator[Recording]:
    """Read the recordings that a manifest names, in its order.

    Args:
        path_or_uri: CSV (RFC 4180 with a header, UTF-8), JSONL or Parquet, told apart
            by the ending of the name, else by content.

    Raises:
        UsageError: it cannot be read, has no column ``audio`` or no row, or a row
            holds a value that cannot be meant; the message names the line.
    """
    return (recording for recording, _ in _read(path_or_uri, _COLUMNS))


def read_references(path_or_uri: str) -> Iterator[tuple[Recording, str]]:
    """Read the recordings that a manifest names, each with what was said in it.

    Args:
        path_or_uri: as for `read_manifest`; the column ``reference`` is required.

    Yields:
        A recording and its reference, empty where the cell is.

    Raises:
        UsageError: as `read_manifest`, or there is no column ``reference``.
    """
    for recording, row in _read(path_or_uri, _WITH_REFERENCE):
        try:
            yield recording, _reference(row.reference)
        except ValueError as error:
            raise UsageError(f"Manifest {row.where}: {error}.") from error


def _read(path_or_uri: str, columns: tuple[str, ...]) -> Iterator[tuple[Recording, _Row]]:
    name = display_name(path_or_uri)
    try:
        base = folder_of(locate(path_or_uri))
    except ValueError as error:
        raise UsageError(f"Manifest {name}: {error}.") from error
    found = False
    with _open(path_or_uri, name) as file:
        for row in _rows(file, name, columns):
            found = True
            yield _recording(row, base), row
    if not found:
        raise UsageError(f"Manifest {name} names no recording: it has no row under its header.")


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


def _rows(file: BinaryIO, name: str, columns: tuple[str, ...]) -> Iterator[_Row]:
    kind = _ENDINGS.get(os.path.splitext(name)[1].lower()) or _kind_of_content(file)  # noqa: PTH122
    if kind == "parquet":
        return _parquet_rows(file, name, columns)
    return _jsonl_rows(file, name, columns) if kind == "jsonl" else _csv_rows(file, name, columns)


def _kind_of_content(file: BinaryIO) -> str:
    start = file.read(4096)
    file.seek(0)
    if start.startswith(b"PAR1"):
        return "parquet"
    return "jsonl" if start.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{") else "csv"


def _csv_rows(file: BinaryIO, name: str, columns: tuple[str, ...]) -> Iterator[_Row]:
    csv.field_size_limit(max(csv.field_size_limit(), _MAX_CELL_CHARACTERS))
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    # strict: a quotation mark that is never closed would swallow rows without a word.
    reader = csv.reader(text, strict=True)
    try:
        header = [column.strip() for column in next(reader, [])]
        _require_columns(header, columns, name)
        for cells in reader:
            if cells:
                yield _csv_row(header, cells, columns, f"{name}, line {reader.line_num}")
    except csv.Error as error:
        raise UsageError(
            f"Manifest {name}, line {reader.line_num}: not CSV ({error}). Is a quotation mark never closed?"
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"Manifest {name} is not UTF-8 ({error}): save it as UTF-8.") from error
    finally:
        text.detach()


def _csv_row(header: list[str], cells: list[str], columns: tuple[str, ...], where: str) -> _Row:
    if any(cells[len(header) :]):
        raise UsageError(
            f"Manifest {where}: {len(cells)} cells under {len(header)} columns. "
            "A cell that holds a comma must stand in quotation marks."
        )
    values = {column: cell for column, cell in zip(header, cells, strict=False) if column in columns}
    return _Row(where, **values)


def _jsonl_rows(file: BinaryIO, name: str, columns: tuple[str, ...]) -> Iterator[_Row]:
    for number, line in enumerate(file, start=1):
        where = f"{name}, line {number}"
        content = line.removeprefix(b"\xef\xbb\xbf").strip() if number == 1 else line.strip()
        if not content:
            continue
        try:
            value = json.loads(content.decode("utf-8"))
        except ValueError as error:
            raise UsageError(f"Manifest {where}: not a JSON object in UTF-8 ({error}).") from error
        if not isinstance(value, dict):
            raise UsageError(f"Manifest {where}: a JSON object is needed on each line, like {{...}}.")
        # Any other column may be left out of an object.
        _require_columns(value.keys(), _COLUMNS, where)
        yield _Row(where, **{column: value[column] for column in columns if column in value})


def _parquet_rows(file: BinaryIO, name: str, columns: tuple[str, ...]) -> Iterator[_Row]:
    try:
        table = pq.ParquetFile(file)
        _require_columns(table.schema_arrow.names, columns, name)
        there = [column for column in columns if column in table.schema_arrow.names]
        number = 0
        for batch in table.iter_batches(batch_size=_BATCH_ROWS, columns=there):
            for values in batch.to_pylist():
                number += 1
                yield _Row(f"{name}, row {number}", **values)
    except (pa.ArrowException, OSError) as error:
        raise UsageError(f"Manifest {name} cannot be read as Parquet: {error}") from error


def _require_columns(there: Collection[str], columns: tuple[str, ...], where: str) -> None:
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


def recording_of(cells: Mapping[str, object], base: bytes) -> Recording:
    """The recording that a row names, wherever the row came from.

    Args:
        cells: values by the columns of a manifest; other columns are ignored.
        base: the folder that a relative address starts from.

    Raises:
        ValueError: a value is none that its column may hold; the message has no full stop.
    """
    return _checked(_Row("", **{column: cells[column] for column in _COLUMNS if column in cells}), base)


def _recording(row: _Row, base: bytes) -> Recording:
    try:
        return _checked(row, base)
    except ValueError as error:
        raise UsageError(f"Manifest {row.where}: {error}.") from error


def _checked(row: _Row, base: bytes) -> Recording:
    location = _location(row.audio, base)
    return Recording(
        audio_uri=audio_uri_of(location),
        location=location,
        language=_text(row.language, "language"),
        channel=_channel(row.channel),
        expected_crc32c=_crc32c(row.crc32c),
        recording_id=_identifier(row.id),
    )


def _location(value: object, base: bytes) -> bytes:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"'audio' is {value!r}; a path or URI is needed")
    if "\0" in value:
        raise ValueError(f"'audio' is {value!r}; no path holds a zero byte")
    return locate(value, base)


def _text(value: object, column: str) -> str | None:
    if _is_missing(value):
        return None
    if not isinstance(value, str):
        raise ValueError(f"{column!r} is {value!r}; text is needed")
    value.encode("utf-8")  # half a surrogate pair from JSON cannot be written down
    return value.strip()


def _reference(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return _text(value, "reference") or ""


def _identifier(value: object) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return _text(value, "id")


def _channel(value: object) -> int | None:
    if _is_missing(value):
        return None
    matched = None if isinstance(value, bool) else _CHANNEL.fullmatch(str(value).strip())
    if matched is None:
        raise ValueError(f"'channel' is {value!r}; a whole number is needed, 0 for the first")
    return int(matched[1])


def _crc32c(value: object) -> int | None:
    text = _text(value, "crc32c")
    return None if text is None else parse_crc32c(text)


def _is_missing(value: object) -> bool:
    """Tell whether a cell is empty: also NaN, which pandas writes for no value."""
    return value is None or value != value or (isinstance(value, str) and not value.strip())
