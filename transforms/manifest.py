"""Manifests: lists of recordings in CSV, JSONL or Parquet, read row by row.

Column ``audio`` is required: a path, relative to the manifest, or a URI. Columns
``id``, ``language``, ``channel`` (counted from 0) and ``crc32c`` are optional and may
be empty in a row, as may ``reference``, which only `read_references` reads; any other column
is ignored.
A manifest is never held in memory, whatever its length.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping

from transforms.addresses import audio_uri_of, display_name, folder_of, locate, parse_crc32c
from transforms.errors import UsageError
from transforms.manifest_rows import COLUMNS, Cells, opened_manifest
from transforms.records import Mark, Recording

MarkOf = Callable[[bytes], Mark | None]

_WITHOUT_REFERENCE = COLUMNS[:-1]
# Tools that know no empty integer write a column of integers as 1.0.
_CHANNEL = re.compile(r"(\d{1,4})(\.0*)?")


def no_mark(_: bytes) -> Mark | None:
    """Of recordings of which nobody wants to know."""
    return None


def read_manifest(path_or_uri: str, mark_of: MarkOf = no_mark) -> Iterator[Recording]:
    """Read the recordings that a manifest names, in its order.

    Args:
        path_or_uri: CSV (RFC 4180 with a header, UTF-8), JSONL or Parquet, told apart
            by the ending of the name, else by content.
        mark_of: what the store of a location says of it; None where it does not tell.

    Raises:
        UsageError: it cannot be read, has no column ``audio`` or no row, or a row
            holds a value that cannot be meant; the message names the line.
    """
    return (recording for recording, _ in _read(path_or_uri, _WITHOUT_REFERENCE, mark_of))


def read_references(path_or_uri: str) -> Iterator[tuple[Recording, str]]:
    """Read the recordings that a manifest names, each with what was said in it.

    Args:
        path_or_uri: as for `read_manifest`; the column ``reference`` is required.

    Yields:
        A recording and its reference, empty where the cell is.

    Raises:
        UsageError: as `read_manifest`, or there is no column ``reference``.
    """
    return _read(path_or_uri, COLUMNS, no_mark)


def _read(path_or_uri: str, columns: Collection[str], mark_of: MarkOf) -> Iterator[tuple[Recording, str]]:
    """Recordings and references; none of these where their column is not asked for."""
    name = display_name(path_or_uri)
    try:
        base = folder_of(locate(path_or_uri))
    except ValueError as error:
        raise UsageError(f"Manifest {name}: {error}.") from error
    found = False
    with opened_manifest(path_or_uri) as manifest:
        for number, cells in manifest.rows(columns):
            found = True
            try:
                row = _checked(cells, base, mark_of), _reference(cells[-1])
            except ValueError as error:
                raise UsageError(f"Manifest {manifest.where(number)}: {error}.") from error
            yield row
    if not found:
        raise UsageError(f"Manifest {name} names no recording: it has no row under its header.")


def recording_of(cells: Mapping[str, object], base: bytes) -> Recording:
    """The recording that a row names, wherever the row came from.

    Args:
        cells: values by the columns of a manifest; other columns are ignored.
        base: the folder that a relative address starts from.

    Raises:
        ValueError: a value is none that its column may hold; the message has no full stop.
    """
    audio, identifier, language, channel, crc32c = map(cells.get, _WITHOUT_REFERENCE)
    return _checked((audio, identifier, language, channel, crc32c, None), base, no_mark)


def _checked(cells: Cells, base: bytes, mark_of: MarkOf) -> Recording:
    audio, identifier, language, channel, crc32c, _ = cells
    location = _location(audio, base)
    return Recording(
        audio_uri=audio_uri_of(location),
        location=location,
        language=_text(language, "language"),
        channel=_channel(channel),
        expected_crc32c=_crc32c(crc32c),
        recording_id=_identifier(identifier),
        mark=mark_of(location),
    )


def _location(value: object, base: bytes) -> bytes:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"'audio' is {value!r}; a path or URI is needed")
    if "\0" in value:
        raise ValueError(f"'audio' is {value!r}; no path holds a zero byte")
    return locate(value, base)


def _text(value: object, column: str) -> str | None:
    if isinstance(value, str):
        if not value.isascii():
            value.encode("utf-8")  # half a surrogate pair from JSON cannot be written down
        return value.strip() or None
    if _is_missing(value):
        return None
    raise ValueError(f"{column!r} is {value!r}; text is needed")


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
    return value is None or value == "" or value != value or (isinstance(value, str) and not value.strip())
