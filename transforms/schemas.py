"""The columns of the dataset, documented in the Parquet files themselves."""

from __future__ import annotations

import json
from enum import Enum
from typing import Any

import pyarrow as pa

_Metadata = dict[bytes | str, bytes | str]

SCHEMA_VERSION = "2"
"""Changes when a column comes, goes, or changes its name, type or meaning."""

READABLE_VERSIONS = ("1", SCHEMA_VERSION)
"""Those whose columns this release knows; a run brings the older ones up to date (`upgrade`)."""

VERSION_KEY = b"beamscribe.schema_version"
TABLE_KEY = b"beamscribe.table"


class Table(str, Enum):
    """The tables of the dataset; each is a folder of Parquet files."""

    SEGMENTS = "segments"
    TRANSCRIPTS = "transcripts"
    FAILURES = "failures"


KEY_COLUMNS: dict[Table, tuple[str, ...]] = {
    Table.SEGMENTS: ("audio_uri", "channel", "segment_index"),
    Table.TRANSCRIPTS: ("audio_uri", "channel"),
    Table.FAILURES: ("audio_uri", "channel", "segment_index"),
}
"""What tells the rows of a table apart once a run has ended."""

_WORDS = pa.list_(
    pa.struct(
        [
            pa.field("word", pa.string(), nullable=False),
            pa.field("start_ms", pa.int64(), nullable=False),
            pa.field("end_ms", pa.int64(), nullable=False),
        ]
    )
)
_AUDIO = pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())])
# By this Hugging Face `datasets` knows a struct for its Audio feature; it needs these very types.
_FEATURES: _Metadata = {"huggingface": json.dumps({"info": {"features": {"audio": {"_type": "Audio"}}}})}
_NESTED = {_WORDS: "list of word, start_ms, end_ms", _AUDIO: "struct of bytes, path"}
_AUDIO_URI = "the recording: absolute local path (bytes that are not UTF-8 as \\xNN) or URI"
_CRC32C = "CRC-32C of the recording's bytes, 8 hexadecimal digits; null if they were not read"
_CHANNEL = "channel of the recording, counted from 0; 0 when its channels were mixed"
_ENGINE = "engine model of the service (EngSerViceType)"
_SIZE = "size of the recording when it was found; null if its store did not tell"
_MODIFIED = "modification mark of the recording when it was found: nanoseconds or entity tag; null as size"
_SETTINGS = "digest of the options that shape the rows; a later run compares it"
_SPEECH = "how much of it was taken for speech, milliseconds"
_SEGMENT_SPEECH = f"{_SPEECH}; null if not measured"
_LEVEL = "level of its sound, decibels of full scale; -100 for silence, null if not measured"
_CLIPPED = "share of its samples that are at either end of the 16-bit range; null if not measured"
_SOUND = "its sound as a FLAC file, and a name for the file; null without output.include_audio"
_RUN_ID = "the run that wrote the row; its figures are in runs/"


def _field(name: str, kind: pa.DataType, description: str, *, null: bool = False) -> pa.Field[Any]:
    return pa.field(name, kind, nullable=null, metadata={"description": description})


def _schema(table: Table, fields: list[pa.Field[Any]], further: _Metadata | None = None) -> pa.Schema:
    own: _Metadata = {VERSION_KEY: SCHEMA_VERSION, TABLE_KEY: table.value}
    return pa.schema(fields, metadata=own | (further or {}))


_IDENTITY = [
    _field("size_bytes", pa.int64(), _SIZE, null=True),
    _field("modified", pa.string(), _MODIFIED, null=True),
    _field("settings", pa.string(), _SETTINGS),
]

_SEGMENTS = _schema(
    Table.SEGMENTS,
    [
        _field("audio_uri", pa.string(), _AUDIO_URI),
        _field("audio_crc32c", pa.string(), _CRC32C, null=True),
        _field("channel", pa.int64(), _CHANNEL),
        _field("segment_index", pa.int64(), "position among the segments of the channel, from 0"),
        _field("start_ms", pa.int64(), "start of the segment, milliseconds from the recording's start"),
        _field(
            "end_ms", pa.int64(), "end of the segment (exclusive), milliseconds from the recording's start"
        ),
        _field("text", pa.string(), "what was said; empty where nothing was"),
        _field("words", _WORDS, "words with start_ms and end_ms, milliseconds from the recording's start"),
        _field("engine", pa.string(), _ENGINE),
        _field("request_id", pa.string(), "the service's id of the call that was answered"),
        _field("attempts", pa.int64(), "calls made for the segment, refused ones included"),
        _field("run_id", pa.string(), _RUN_ID),
        _field(
            "recognized_at", pa.timestamp("us", tz="UTC"), "when the answer came, UTC, to the microsecond"
        ),
        _field("speech_ms", pa.int64(), _SEGMENT_SPEECH, null=True),
        _field("level_dbfs", pa.float64(), _LEVEL, null=True),
        _field("clipped_share", pa.float64(), _CLIPPED, null=True),
        _field("audio", _AUDIO, _SOUND, null=True),
    ],
    _FEATURES,
)

_TRANSCRIPTS = _schema(
    Table.TRANSCRIPTS,
    [
        _field("audio_uri", pa.string(), _AUDIO_URI),
        _field("audio_crc32c", pa.string(), _CRC32C, null=True),
        _field("channel", pa.int64(), _CHANNEL),
        _field("id", pa.string(), "the manifest's own name for the recording", null=True),
        _field("engine", pa.string(), _ENGINE),
        _field("duration_ms", pa.int64(), "length of the recording, milliseconds"),
        _field("speech_ms", pa.int64(), _SPEECH),
        _field("text", pa.string(), "the texts of its segments, joined in order"),
        _field("segments", pa.int64(), "number of segments that the channel was cut into"),
        _field("failed_segments", pa.int64(), "number of them that have no answer"),
        _field(
            "status", pa.string(), "complete, partial (some segment has no answer) or empty (nothing said)"
        ),
        *_IDENTITY,
        _field("run_id", pa.string(), _RUN_ID),
    ],
)

_FAILURES = _schema(
    Table.FAILURES,
    [
        _field("audio_uri", pa.string(), _AUDIO_URI),
        _field("audio_crc32c", pa.string(), _CRC32C, null=True),
        _field("channel", pa.int64(), f"{_CHANNEL}; null for the whole recording", null=True),
        _field(
            "segment_index", pa.int64(), "the segment that failed; null for the whole recording", null=True
        ),
        _field("start_ms", pa.int64(), "start of that segment, milliseconds; null as above", null=True),
        _field(
            "end_ms", pa.int64(), "end of that segment (exclusive), milliseconds; null as above", null=True
        ),
        _field("stage", pa.string(), "where it failed: read, decode, recognize or write"),
        _field("code", pa.string(), "the service's error code, or a CamelCase word of Beamscribe's own"),
        _field("message", pa.string(), "what happened, the likely cause and what to do"),
        _field("retryable", pa.bool_(), "whether the same command may succeed later"),
        _field("attempts", pa.int64(), "calls made, refused ones included"),
        _field(
            "request_id", pa.string(), "the service's id of the last call; null if none answered", null=True
        ),
        *_IDENTITY,
        _field("run_id", pa.string(), _RUN_ID),
    ],
)

_SCHEMAS = {Table.SEGMENTS: _SEGMENTS, Table.TRANSCRIPTS: _TRANSCRIPTS, Table.FAILURES: _FAILURES}


def schema_of(table: Table) -> pa.Schema:
    """The explicit schema of a table, with a description of each column in its metadata."""
    return _SCHEMAS[table]


def version_of(schema: pa.Schema) -> str | None:
    """The version that a stored schema was written with; None if it is not one of ours."""
    version: bytes | None = (schema.metadata or {}).get(VERSION_KEY)
    return None if version is None else version.decode()


def columns_markdown(schema: pa.Schema) -> str:
    """Renders the columns of a schema as a Markdown table, for the documentation.

    Args:
        schema: one of `schema_of`.

    Returns:
        A header, a rule and one line a column: name, type (with "or null" where
        nulls occur) and description; each line ends with a newline.
    """
    lines = ["| column | type | meaning |", "|---|---|---|"]
    for column in schema:
        kind = _NESTED.get(column.type, str(column.type))
        kind += " or null" if column.nullable else ""
        description = (column.metadata or {})[b"description"].decode().replace("|", "\\|")
        lines.append(f"| `{column.name}` | {kind} | {description} |")
    return "\n".join(lines) + "\n"
