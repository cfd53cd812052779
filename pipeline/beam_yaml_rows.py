"""Rows of Beam, which its YAML speaks of by their fields: made from records, and read again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, TypedDict, get_args, get_origin, get_type_hints, is_typeddict

import apache_beam as beam
import pyarrow as pa
from apache_beam.typehints import typehints
from apache_beam.typehints.native_type_compatibility import convert_to_beam_type
from apache_beam.typehints.row_type import RowTypeConstraint

from transforms.addresses import audio_uri_of, format_crc32c
from transforms.errors import UsageError
from transforms.manifest import recording_of
from transforms.records import Mark, Recording
from transforms.schemas import Table, schema_of
from transforms.slips import did_you_mean


class RecordingRow(TypedDict):
    """A recording: the columns of a manifest, and what tells it apart when it was listed.

    ``location`` is what is opened, where the name is no text; ``size_bytes`` and
    ``modified`` are what its store says of it.
    """

    audio: str
    location: bytes
    id: str | None
    language: str | None
    channel: int | None
    crc32c: str | None
    size_bytes: int | None
    modified: str | None


def row_of(values: Mapping[str, Any], without: str | None = None) -> beam.Row:
    """A row with the values of one of the project's typed dictionaries, but for one key."""
    return beam.Row(**{name: _field_of(value) for name, value in values.items() if name != without})


def row_type_of(kind: type, without: str | None = None) -> RowTypeConstraint:
    """The type of the rows that `row_of` makes of a typed dictionary."""
    hints = get_type_hints(kind).items()
    return RowTypeConstraint.from_fields([(name, _hint_of(hint)) for name, hint in hints if name != without])


def recording_row(recording: Recording) -> RecordingRow:
    """The row of a recording that was found."""
    crc32c, mark = recording.expected_crc32c, recording.mark
    return RecordingRow(
        audio=recording.audio_uri,
        location=recording.location,
        id=recording.recording_id,
        language=recording.language,
        channel=recording.channel,
        crc32c=None if crc32c is None else format_crc32c(crc32c),
        size_bytes=None if mark is None else mark.size_bytes,
        modified=None if mark is None else mark.modified,
    )


def recording_of_row(row: Any, base: bytes, mark_of: Callable[[bytes], Mark | None]) -> Recording:
    """The recording that a row names, one of `recording_row` or of anybody's with a field ``audio``.

    Args:
        row: a row with fields as the columns of a manifest; others are ignored.
        base: the folder that a relative address starts from.
        mark_of: what a store says of a location, for rows that do not tell it.

    Raises:
        ValueError: a field holds what it may not; the message has no full stop.
    """
    fields: dict[str, Any] = row._asdict()
    location = fields.get("location")
    if isinstance(location, bytes):
        named = recording_of({**fields, "audio": "/"}, base)
        named = replace(named, audio_uri=audio_uri_of(location), location=location)
    else:
        named = recording_of(fields, base)
    size_bytes, modified = fields.get("size_bytes"), fields.get("modified")
    if isinstance(size_bytes, int) and isinstance(modified, str):
        return replace(named, mark=Mark(size_bytes, modified))
    return replace(named, mark=mark_of(named.location))


def table_row_of(row: Any, table: Table, run_id: str) -> dict[str, Any]:
    """A row of a table of the dataset from a row of Beam; what it lacks is null, but the run."""
    fields = {"run_id": run_id, **_plain(row)}
    return {name: fields.get(name) for name in schema_of(table).names}


def check_fields(fields: Iterable[str], table: Table) -> None:
    """See to it that rows of such fields fit into a table.

    Raises:
        UsageError: a column without nulls is missing, or a field is no column.
    """
    given = set(fields)
    schema = schema_of(table)
    unknown = sorted(given - set(schema.names))
    missing = sorted(_needed(schema) - given)
    if unknown:
        raise UsageError(
            f"WriteDataset: {table.value} has no column {unknown[0]!r}."
            f"{did_you_mean(unknown[0], schema.names)}"
        )
    if missing:
        raise UsageError(
            f"WriteDataset: rows of {table.value} need {', '.join(missing)}. Recognize and Transcribe make "
            "such rows; docs/dataset.md tells the columns."
        )


def _needed(schema: pa.Schema) -> set[str]:
    return {column.name for column in schema if not column.nullable and column.name != "run_id"}


def _field_of(value: object) -> object:
    if isinstance(value, Mapping):
        return row_of(value)
    return [_field_of(each) for each in value] if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    """Rows as dictionaries, also those inside."""
    if hasattr(value, "_asdict"):
        return {name: _plain(each) for name, each in value._asdict().items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def _hint_of(hint: Any) -> Any:
    if is_typeddict(hint):
        return row_type_of(hint)
    if get_origin(hint) is list:
        return typehints.Sequence[_hint_of(get_args(hint)[0])]
    return convert_to_beam_type(hint)
