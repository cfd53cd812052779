"""The recordings of a dataset in the order of their addresses, each with all of its rows.

Rows lie in the parts as they came. They are put in order by a private temporary database,
which keeps on disk what exceeds a few megabytes and is gone when its file is closed, also
after a kill. So memory holds a batch of rows and then one recording, whatever the dataset's size.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from pipeline.dataset_check import check_dataset
from pipeline.export_choice import (
    FailureFound,
    RecordingExport,
    SegmentFound,
    TranscriptFound,
    recording_export,
)
from pipeline.subtitle_pieces import SpokenSegment, TimedWord
from pipeline.temporary_database import temporary_database
from transforms.addresses import display_name
from transforms.folders import OutputError, dataset_folder
from transforms.part_rows import rows
from transforms.parts import Part, newest_parts
from transforms.schemas import Table, schema_of

TRANSCRIPT_COLUMNS: tuple[str, ...] = tuple(schema_of(Table.TRANSCRIPTS).names)
"""What is exported of each transcript, in order."""

_SEGMENT_COLUMNS = (
    "audio_uri",
    "channel",
    "segment_index",
    "start_ms",
    "end_ms",
    "text",
    "words",
    "audio_crc32c",
    "engine",
    "request_id",
    "attempts",
    "recognized_at",
    "run_id",
    "speech_ms",
    "level_dbfs",
    "clipped_share",
)
COLUMNS: Mapping[Table, tuple[str, ...]] = {
    # Transcripts first: what is written meanwhile has its segments on disk before its transcript.
    Table.TRANSCRIPTS: TRANSCRIPT_COLUMNS,
    Table.SEGMENTS: _SEGMENT_COLUMNS,
    Table.FAILURES: ("audio_uri", "segment_index", "code", "run_id"),
}
"""What `recording_of_rows` takes of each row: never its sound."""

_ATTEMPTS = 5  # at reading a dataset whose parts are being replaced
_BATCH_ROWS = 256  # the words of a minute take 60 KB as Python objects
_CACHE_KIB = 4 * 1024
_FOUND = "CREATE TABLE found (audio_uri TEXT, kind TEXT, columns TEXT);"
_SHOWN_PARTS = 20


def recordings_of(output: str) -> Iterator[RecordingExport]:
    """The recordings that have rows, in the order of their addresses.

    All is read before the first one is handed out, so what raises does so before anything is written.

    Args:
        output: OUTPUT: a local path or a URI.

    Raises:
        UsageError: there is no dataset, or one of another schema version.
        OutputError: parts are damaged (all of them are named), or the store or the temporary
            folder fails.
    """
    check_dataset(output)
    for _ in range(_ATTEMPTS):
        with temporary_database(_FOUND, cache_kib=_CACHE_KIB) as database:
            if _filled(database, output):
                yield from _in_order(database)
                return
    raise OutputError(
        f"{display_name(output)}: parts were replaced while they were read, {_ATTEMPTS} times: a run that "
        "has ended is putting its rows in place of older ones. Run the same command again in a minute."
    )


def _filled(database: sqlite3.Connection, output: str) -> bool:
    """Takes all rows in; False if parts were replaced meanwhile, so that some may be missing."""
    listed: dict[Table, list[Part]] = {}
    damaged: list[str] = []
    for table, columns in COLUMNS.items():
        folder = dataset_folder(output, table.value)
        listed[table] = newest_parts(folder.names())
        for part in listed[table]:
            found = rows(folder, part, columns, batch_rows=_BATCH_ROWS)
            try:
                database.executemany(
                    "INSERT INTO found VALUES (?, ?, ?)",
                    ((row[0], table.value, _encoded(row)) for row in found),
                )
            except OutputError as error:
                damaged.append(f"{table.value}/{error}")
    if any(
        not {part.name for part in parts} <= set(dataset_folder(output, table.value).names())
        for table, parts in listed.items()
    ):
        return False
    if damaged:
        more = len(damaged) - _SHOWN_PARTS
        raise OutputError(
            "\n".join([*damaged[:_SHOWN_PARTS], *([f"and {more} parts more"] if more > 0 else [])])
        )
    return True


def _encoded(row: Sequence[Any]) -> str:
    return json.dumps(row, ensure_ascii=False, default=_iso)


def _iso(instant: datetime | str) -> str:
    return instant if isinstance(instant, str) else instant.isoformat(timespec="microseconds")


def _in_order(database: sqlite3.Connection) -> Iterator[RecordingExport]:
    found = database.execute("SELECT audio_uri, kind, columns FROM found ORDER BY audio_uri")
    for audio_uri, own in groupby(found, key=lambda row: str(row[0])):
        by_table: defaultdict[Table, list[Mapping[str, Any]]] = defaultdict(list)
        for _, kind, encoded in own:
            table = Table(kind)
            by_table[table].append(dict(zip(COLUMNS[table], json.loads(encoded), strict=True)))
        yield recording_of_rows(audio_uri, by_table)


def recording_of_rows(audio_uri: str, rows: Mapping[Table, Sequence[Mapping[str, Any]]]) -> RecordingExport:
    """A recording from all rows that it has in any table, of any runs.

    Args:
        audio_uri: its address.
        rows: with `COLUMNS`; instants as ISO 8601 or datetime.
    """
    return recording_export(
        audio_uri,
        TRANSCRIPT_COLUMNS,
        [_transcript(row) for row in rows[Table.TRANSCRIPTS]],
        [_segment(row) for row in rows[Table.SEGMENTS]],
        [FailureFound(row["segment_index"], row["code"], row["run_id"]) for row in rows[Table.FAILURES]],
    )


def _transcript(row: Mapping[str, Any]) -> TranscriptFound:
    return TranscriptFound(
        row["channel"], row["segments"], row["failed_segments"], row["status"], row["run_id"], row
    )


def _segment(row: Mapping[str, Any]) -> SegmentFound:
    words = tuple(TimedWord(each["word"], each["start_ms"], each["end_ms"]) for each in row["words"] or ())
    return SegmentFound(
        channel=row["channel"],
        spoken=SpokenSegment(row["segment_index"], row["start_ms"], row["end_ms"], row["text"], words),
        audio_crc32c=row["audio_crc32c"],
        engine=row["engine"],
        request_id=row["request_id"],
        attempts=row["attempts"],
        recognized_at=_iso(row["recognized_at"]),
        run_id=row["run_id"],
        speech_ms=row["speech_ms"],
        level_dbfs=row["level_dbfs"],
        clipped_share=row["clipped_share"],
    )
