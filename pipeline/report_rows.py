"""The rows of a dataset as the report counts them: of each key the newest, in a temporary database.

Texts and words stay in the parts, but for those of the few recordings that are shown.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.export_rows import COLUMNS
from pipeline.standing_rows import TableReader
from pipeline.temporary_database import temporary_database
from transforms.folders import dataset_folder
from transforms.parts import newest_parts
from transforms.schemas import Table

_CACHE_KIB = 4 * 1024
_TABLES = """
    CREATE TABLE segments (
        audio_uri TEXT, channel INT, segment_index INT, run_id TEXT, start_ms INT, end_ms INT, attempts INT,
        at_us INT);
    CREATE TABLE transcripts (
        audio_uri TEXT, channel INT, run_id TEXT, id TEXT, status TEXT, duration_ms INT, failed_segments INT);
    CREATE TABLE failures (audio_uri TEXT);
"""
_TAKEN: Mapping[Table, tuple[str, ...]] = {
    Table.SEGMENTS: (
        "audio_uri", "channel", "segment_index", "run_id", "start_ms", "end_ms", "attempts", "recognized_at",
    ),
    Table.TRANSCRIPTS: (
        "audio_uri", "channel", "run_id", "id", "status", "duration_ms", "failed_segments",
    ),
    Table.FAILURES: ("audio_uri",),
}  # fmt: skip
# With max() SQLite takes the other columns from the row that has it.
_NEWEST = """
    CREATE TABLE answers AS
        SELECT audio_uri, max(run_id) AS run_id, start_ms, end_ms, attempts, at_us
        FROM segments GROUP BY audio_uri, channel, segment_index;
    DROP TABLE segments;
    CREATE TABLE answered AS
        SELECT audio_uri, count(*) AS segments, sum(attempts) AS calls, max(end_ms) AS end_ms,
            max(at_us) - min(at_us) AS span_us
        FROM answers GROUP BY audio_uri;
    CREATE TABLE channels AS
        SELECT audio_uri, max(run_id) AS run_id, id, status, duration_ms, failed_segments
        FROM transcripts GROUP BY audio_uri, channel;
    CREATE TABLE recordings AS
        SELECT audio_uri, max(id) AS id, max(duration_ms) AS duration_ms, sum(failed_segments) AS failed,
            CASE WHEN max(status) = 'partial' THEN 'partial' ELSE min(status) END AS status
        FROM channels GROUP BY audio_uri
        UNION ALL
        SELECT audio_uri, NULL, end_ms, 0, 'unfinished' FROM answered
        WHERE audio_uri NOT IN (SELECT audio_uri FROM channels)
        UNION ALL
        SELECT DISTINCT audio_uri, NULL, 0, 0, 'failed' FROM failures
        WHERE audio_uri NOT IN (SELECT audio_uri FROM channels)
        AND audio_uri NOT IN (SELECT audio_uri FROM answered);
"""


@dataclass(frozen=True, slots=True)
class RecordingFigures:
    """A recording in a list of some.

    Attributes:
        status: complete, partial, empty, unfinished or failed.
        duration_ms: its length; where no transcript tells it, how far its segments reach.
        segments: that are answered.
        failed: segments without an answer.
        calls: made for its answered segments, refused ones included.
        span_seconds: from its first answer to its last.
    """

    audio_uri: str
    recording_id: str | None
    status: str
    duration_ms: int
    segments: int
    failed: int
    calls: int
    span_seconds: float


class ReportRows:
    """What the rows add up to, and the rows of some recordings; from `report_rows`."""

    def __init__(self, database: sqlite3.Connection, tables: Mapping[Table, TableReader]) -> None:
        self._database = database
        self._tables = tables

    def segment_lengths(self) -> list[tuple[int, int]]:
        """How many segments are longer than so many whole seconds by up to one, in order; nothing for none.

        What is exactly as long as the limit is then within it.
        """
        return self._pairs(
            "SELECT (max(end_ms - start_ms, 1) - 1) / 1000, count(*) FROM answers GROUP BY 1 ORDER BY 1"
        )

    def segment_ms(self) -> int:
        """The length of all segments together."""
        [(total,)] = self._database.execute("SELECT coalesce(sum(end_ms - start_ms), 0) FROM answers")
        return int(total)

    def answers_over_time(self, run_id: str, begin_us: int, step_us: int) -> list[tuple[int, int]]:
        """Answers of a run by the number of the step that they came in; none from before its beginning."""
        return self._pairs(
            "SELECT (at_us - ?2) / ?3, count(*) FROM answers WHERE run_id = ?1 AND at_us >= ?2 "
            "GROUP BY 1 ORDER BY 1",
            run_id, begin_us, step_us,
        )  # fmt: skip

    def last_answers_us(self) -> dict[str, int]:
        """When the last answer of each run came, microseconds since 1970."""
        found = self._database.execute("SELECT run_id, max(at_us) FROM answers GROUP BY run_id")
        return {str(run_id): int(last_us) for run_id, last_us in found}

    def longest(self, most: int) -> list[RecordingFigures]:
        """The longest recordings."""
        return self._figures("WHERE duration_ms > 0 ORDER BY duration_ms DESC, audio_uri LIMIT ?", most)

    def slowest(self, most: int) -> list[RecordingFigures]:
        """The recordings with the longest time from first to last answer; only those with any."""
        return self._figures("WHERE span_us > 0 ORDER BY span_us DESC, audio_uri LIMIT ?", most)

    def most_failed(self, longest_ms: int) -> list[RecordingFigures]:
        """Of those up to a length the recording of which the most segments have no answer, if any."""
        return self._figures(
            "WHERE failed > 0 AND duration_ms <= ? ORDER BY failed DESC, audio_uri LIMIT 1", longest_ms
        )

    def longest_within(self, longest_ms: int) -> list[RecordingFigures]:
        """The longest one up to a length that has segments, if any."""
        return self._figures(
            "WHERE segments > 0 AND duration_ms <= ? ORDER BY duration_ms DESC, audio_uri LIMIT 1", longest_ms
        )

    def ordinary(self, longest_ms: int) -> list[RecordingFigures]:
        """Of the complete ones up to a length that of median length, if any."""
        complete = "FROM recordings WHERE status = 'complete' AND duration_ms <= ?"
        [(number,)] = self._database.execute(f"SELECT count(*) {complete}", (longest_ms,))
        return self._figures(
            "WHERE status = 'complete' AND duration_ms <= ? ORDER BY duration_ms, audio_uri LIMIT 1 OFFSET ?",
            longest_ms,
            number // 2,
        )

    def named(self, name: str) -> list[RecordingFigures]:
        """The recordings with this address or id; failing that those whose file is called so."""
        exact = self._figures("WHERE audio_uri = ?1 OR id = ?1 ORDER BY audio_uri LIMIT 9", name)
        return exact or self._figures(
            "WHERE substr(audio_uri, -length(?1)) = ?1 ORDER BY audio_uri LIMIT 9", f"/{name}"
        )

    def addresses(self) -> Iterator[str]:
        """The address of every recording."""
        for (audio_uri,) in self._database.execute("SELECT audio_uri FROM recordings ORDER BY 1"):
            yield str(audio_uri)

    def rows_of(self, addresses: Sequence[str]) -> dict[Table, list[dict[str, Any]]]:
        """All rows of some recordings, of any runs, with `export_rows.COLUMNS`; null for what a row lacks.

        Raises:
            PartVanishedError: a run has just replaced a part: all has to be read anew.
        """
        wanted = pa.array(addresses, type=pa.string())
        found: dict[Table, list[dict[str, Any]]] = {table: [] for table in Table}
        for table, reader in self._tables.items():
            columns = COLUMNS[table]
            for part in reader.parts:
                # Most parts have none of them: their texts and words need not be read.
                if any(_among(batch, wanted).num_rows for batch in reader.batches(part, ("audio_uri",))):
                    for batch in reader.batches(part, columns):
                        own = _among(batch, wanted).to_pylist()
                        found[table] += [dict.fromkeys(columns) | row for row in own]
        return found

    def _pairs(self, query: str, *values: object) -> list[tuple[int, int]]:
        return [(int(first), int(second)) for first, second in self._database.execute(query, values)]

    def _figures(self, rest: str, *values: object) -> list[RecordingFigures]:
        found = self._database.execute(
            "SELECT audio_uri, id, status, coalesce(duration_ms, 0), coalesce(segments, 0), failed, "
            "coalesce(calls, 0), coalesce(span_us, 0) / 1e6 "
            f"FROM recordings LEFT JOIN answered USING (audio_uri) {rest}",
            values,
        )
        return [RecordingFigures(*row) for row in found]


@contextmanager
def report_rows(output: str) -> Iterator[ReportRows]:
    """Read the rows of a dataset; parts that are damaged are left out, as ``status`` tells.

    Raises:
        PartVanishedError: a run has just replaced a part: all has to be read anew.
        OutputError: the store or the temporary folder fails.
    """
    with temporary_database(_TABLES, cache_kib=_CACHE_KIB) as database:
        tables = {}
        for table, columns in _TAKEN.items():
            folder = dataset_folder(output, table.value)
            tables[table] = TableReader(folder, table.value, newest_parts(folder.names()))
            places = ", ".join("?" * len(columns))
            for part in tables[table].parts:
                for batch in tables[table].batches(part, columns):
                    rows = zip(*map(_values, batch.columns), strict=True)
                    database.executemany(f"INSERT INTO {table.value} VALUES ({places})", rows)
        database.executescript(f"{_NEWEST} CREATE INDEX answered_by ON answered (audio_uri);")
        yield ReportRows(database, tables)


def _values(column: pa.Array[Any]) -> list[Any]:
    """The values of a column; instants as microseconds since 1970."""
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    values: list[Any] = column.to_pylist()
    return values


def _among(batch: pa.RecordBatch, addresses: pa.Array[Any]) -> pa.RecordBatch:
    return batch.filter(pc.is_in(batch.column("audio_uri"), value_set=addresses))
