from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.report_rows import report_rows
from tests.pipeline.test_finished import partial, transcript_of, write
from tests.transforms.dataset_samples import RATE, failure_of, utterance_of
from transforms.folders import LocalFolder
from transforms.records import Status
from transforms.schemas import Table

OLD, NEW = "20260101T000000Z-00000001", "20260102T000000Z-00000002"


def said(uri: str, index: int, start: int, end: int, at_seconds: int) -> object:
    return utterance_of(uri, index, start=start * RATE, end=end * RATE, at_us=at_seconds * 1_000_000)


@pytest.fixture
def output(tmp_path: Path) -> str:
    """A whole recording, a partial, an empty and an unfinished one, and one that failed."""
    write(tmp_path, OLD, [said("/in/a.wav", n, 10 * n, 10 * n + 9, 100 + 5 * n) for n in range(3)])
    write(
        tmp_path,
        OLD,
        [transcript_of("/in/a.wav", segments=3, duration_samples=30 * RATE, recording_id="one")],
    )
    write(
        tmp_path,
        OLD,
        [said("/in/b/b.wav", 0, 0, 2, 50), partial("/in/b/b.wav", 2, duration_samples=20 * RATE)],
    )
    write(tmp_path, OLD, [transcript_of("/in/c.wav", segments=0, status=Status.EMPTY)])
    write(tmp_path, NEW, [said("/in/a.wav", 0, 0, 4, 500), said("/in/d.wav", 0, 1, 8, 501)])
    write(tmp_path, NEW, [failure_of("/in/e.wav")])
    return str(tmp_path)


def test_the_sound_of_rows_is_not_read(tmp_path):
    write(tmp_path, OLD, [replace(utterance_of("/in/a.wav", 0), flac=b"sound")])
    with report_rows(str(tmp_path)) as rows:
        (row,) = rows.rows_of(["/in/a.wav"])[Table.SEGMENTS]
    assert "audio" not in row
    assert {"text", "words", "speech_ms"} <= row.keys()


def test_the_newest_row_of_a_key_counts(output):
    with report_rows(output) as rows:
        assert rows.segment_lengths() == [(1, 1), (3, 1), (6, 1), (8, 2)]
        assert rows.segment_ms() == 31_000
        assert rows.last_answers_us() == {OLD: 110_000_000, NEW: 501_000_000}
        assert rows.answers_over_time(NEW, 500_500_000, 1_000_000) == [(0, 1)]
        assert rows.answers_over_time(OLD, 0, 60_000_000) == [(0, 1), (1, 2)]


def test_recordings_stand_by_length_by_time_and_by_what_they_lack(output):
    with report_rows(output) as rows:
        longest = rows.longest(9)
        assert [(each.audio_uri, each.duration_ms, each.status) for each in longest] == [
            ("/in/a.wav", 30_000, "complete"), ("/in/b/b.wav", 20_000, "partial"),
            ("/in/d.wav", 8_000, "unfinished"), ("/in/c.wav", 1_000, "empty"),
        ]  # fmt: skip
        (slow,) = rows.slowest(9)
        assert (slow.audio_uri, slow.segments, slow.calls, slow.span_seconds) == ("/in/a.wav", 3, 3, 395)
        assert [each.audio_uri for each in rows.most_failed(60_000)] == ["/in/b/b.wav"]
        assert rows.most_failed(10_000) == []
        assert [each.audio_uri for each in rows.longest_within(25_000)] == ["/in/b/b.wav"]
        assert [each.audio_uri for each in rows.ordinary(60_000)] == ["/in/a.wav"]
        assert rows.ordinary(10) == []


@pytest.mark.parametrize(
    ("name", "uri"),
    [("one", "/in/a.wav"), ("/in/e.wav", "/in/e.wav"), ("b.wav", "/in/b/b.wav"), ("b/b.wav", "/in/b/b.wav")],
)
def test_a_recording_is_found_by_address_id_or_the_end_of_its_path(output, name, uri):
    with report_rows(output) as rows:
        assert [each.audio_uri for each in rows.named(name)] == [uri]
        assert rows.named(".wav") == []
        assert sorted(rows.addresses())[-1] == "/in/e.wav"


def test_all_rows_of_some_recordings_come_with_all_columns(output):
    with report_rows(output) as rows:
        found = rows.rows_of(["/in/a.wav", "/in/e.wav"])
    assert {table: len(own) for table, own in found.items()} == {
        Table.SEGMENTS: 4, Table.TRANSCRIPTS: 1, Table.FAILURES: 1,
    }  # fmt: skip
    assert all(row["words"] for row in found[Table.SEGMENTS])


def test_a_damaged_part_is_left_out(output):
    folder = LocalFolder(Path(output) / "segments")
    (name,) = [name for name in folder.names() if NEW in name][:1]
    (folder.path / name).write_bytes(b"PAR1 torn")
    with report_rows(output) as rows:
        assert sum(count for _, count in rows.segment_lengths()) in (4, 5)


def test_no_rows_are_no_trouble(tmp_path):
    write(tmp_path, OLD, [])
    with report_rows(str(tmp_path)) as rows:
        assert (rows.segment_lengths(), rows.segment_ms(), rows.last_answers_us()) == ([], 0, {})
        assert rows.longest(1) == rows.slowest(1) == rows.ordinary(1) == []
