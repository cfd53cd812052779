from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from transforms.parts import parquet_bytes
from transforms.rows import FailureRow, SegmentRow, TranscriptRow
from transforms.schemas import KEY_COLUMNS, SCHEMA_VERSION, Table, columns_markdown, schema_of, version_of

CONTRACT = {
    Table.SEGMENTS: "audio_uri audio_crc32c channel segment_index start_ms end_ms text words engine "
    "request_id attempts run_id recognized_at",
    Table.TRANSCRIPTS: "audio_uri audio_crc32c channel duration_ms speech_ms text segments failed_segments "
    "status run_id",
    Table.FAILURES: "audio_uri audio_crc32c channel segment_index start_ms end_ms stage code message "
    "retryable attempts request_id run_id",
}
ROWS = {Table.SEGMENTS: SegmentRow, Table.TRANSCRIPTS: TranscriptRow, Table.FAILURES: FailureRow}


@pytest.mark.parametrize("table", Table)
def test_has_every_promised_column_and_the_rows_fit(table: Table) -> None:
    names = schema_of(table).names
    assert set(CONTRACT[table].split()) <= set(names)
    assert names == list(ROWS[table].__annotations__)
    assert set(KEY_COLUMNS[table]) <= set(names)


@pytest.mark.parametrize("table", Table)
def test_descriptions_and_version_are_in_the_file(table: Table) -> None:
    stored = pq.read_schema(io.BytesIO(parquet_bytes(schema_of(table).empty_table())))
    assert version_of(stored) == SCHEMA_VERSION
    assert stored.metadata[b"beamscribe.table"] == table.value.encode()
    for column in stored:
        assert column.metadata[b"description"]
        if column.name.endswith("_ms"):
            assert b"milliseconds" in column.metadata[b"description"]


def test_types_of_words_and_times() -> None:
    segments = schema_of(Table.SEGMENTS)
    assert segments.field("recognized_at").type == pa.timestamp("us", tz="UTC")
    words = segments.field("words").type.value_type
    assert [(item.name, item.type) for item in words] == [
        ("word", pa.string()),
        ("start_ms", pa.int64()),
        ("end_ms", pa.int64()),
    ]


def test_a_foreign_schema_has_no_version() -> None:
    assert version_of(pa.schema([("a", pa.int64())])) is None


def test_markdown_has_a_line_for_each_column() -> None:
    column = pa.field("a", pa.int64(), metadata={"description": "x | y"})
    assert columns_markdown(pa.schema([column])) == (
        "| column | type | meaning |\n|---|---|---|\n| `a` | int64 or null | x \\| y |\n"
    )
    lines = columns_markdown(schema_of(Table.SEGMENTS)).splitlines()
    assert len(lines) == 2 + len(schema_of(Table.SEGMENTS))
    assert any(line.startswith("| `words` | list of word, start_ms, end_ms |") for line in lines)
