from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transforms.dataset_samples import failure_of, utterance_of
from transforms.folders import LocalFolder
from transforms.known import settings_of_rows
from transforms.parts import OutputError, PartWriter, Rolling, create_dataset
from transforms.records import Failure, Status, Transcript, Utterance
from transforms.rows import failure_row, segment_row, transcript_row
from transforms.schemas import Table
from transforms.settle import Settled, settle

Record = Utterance | Transcript | Failure


def transcript_of(uri: str) -> Transcript:
    return Transcript(uri, 1, 0, None, "16k_en", 16000, 10, 10, "text", 1, 0, Status.COMPLETE)


def write(output: Path, run_id: str, records: Iterable[Record], max_rows: int = 2) -> None:
    create_dataset(str(output))
    writers = {
        table: PartWriter(LocalFolder(output / table.value), table, run_id, Rolling(max_rows=max_rows))
        for table in Table
    }
    for record in records:
        if isinstance(record, Utterance):
            writers[Table.SEGMENTS].add(segment_row(record, run_id))
        elif isinstance(record, Transcript):
            writers[Table.TRANSCRIPTS].add(transcript_row(record, run_id))
        else:
            writers[Table.FAILURES].add(failure_row(record, run_id))
    for writer in writers.values():
        writer.flush()


def rows(output: Path, table: Table, *columns: str) -> list[tuple]:
    found = ds.dataset(output / table.value, format="parquet").to_table(columns=list(columns)).to_pylist()
    return sorted(tuple(row.values()) for row in found)


def files(output: Path) -> set[Path]:
    return set(output.rglob("part-*.parquet"))


def test_rows_of_a_recording_are_replaced_and_others_stay(tmp_path: Path) -> None:
    write(
        tmp_path,
        "old",
        [utterance_of("/a", 0), utterance_of("/b", 0), utterance_of("/c", 0), transcript_of("/a")],
    )
    write(tmp_path, "new", [utterance_of("/a", 0, text="again"), transcript_of("/a")])
    assert settle(str(tmp_path), "new") == Settled(rows_dropped=2, parts_rewritten=1, parts_removed=1)
    assert rows(tmp_path, Table.SEGMENTS, "audio_uri", "run_id") == [
        ("/a", "new"),
        ("/b", "old"),
        ("/c", "old"),
    ]
    assert rows(tmp_path, Table.TRANSCRIPTS, "audio_uri", "run_id") == [("/a", "new")]
    assert settle(str(tmp_path), "new") == Settled()


def test_a_mended_failure_goes_and_a_new_one_leaves_the_paid_transcript(tmp_path: Path) -> None:
    write(
        tmp_path,
        "old",
        [failure_of("/mended"), failure_of("/kept"), utterance_of("/broken"), transcript_of("/broken")],
    )
    write(tmp_path, "new", [utterance_of("/mended"), transcript_of("/mended"), failure_of("/broken")])
    settle(str(tmp_path), "new")
    assert rows(tmp_path, Table.FAILURES, "audio_uri") == [("/broken",), ("/kept",)]
    assert rows(tmp_path, Table.SEGMENTS, "audio_uri") == [("/broken",), ("/mended",)]
    assert rows(tmp_path, Table.TRANSCRIPTS, "audio_uri") == [("/broken",), ("/mended",)]


def test_parts_without_such_rows_are_not_touched(tmp_path: Path) -> None:
    write(tmp_path, "old", [utterance_of("/b", 0), utterance_of("/b", 1), utterance_of("/a", 0)])
    before = files(tmp_path)
    write(tmp_path, "new", [utterance_of("/a", 0)])
    settle(str(tmp_path), "new")
    assert len(before - files(tmp_path)) == 1


def test_a_run_that_wrote_nothing_changes_nothing(tmp_path: Path) -> None:
    write(tmp_path, "old", [utterance_of("/a"), failure_of("/b")])
    before = files(tmp_path)
    assert settle(str(tmp_path), "new") == Settled()
    assert files(tmp_path) == before


def test_of_a_segment_written_twice_the_latest_stays(tmp_path: Path) -> None:
    write(
        tmp_path,
        "run",
        [
            utterance_of("/a", 0, text="later", at_us=5),
            utterance_of("/a", 1, text="only", at_us=2),
            utterance_of("/a", 0, text="first", at_us=1),
            utterance_of("/a", 0, text="middle", at_us=3),
            transcript_of("/a"),
            transcript_of("/a"),
            transcript_of("/b"),
        ],
    )
    assert settle(str(tmp_path), "run").rows_dropped == 3
    assert rows(tmp_path, Table.SEGMENTS, "segment_index", "text") == [(0, "later"), (1, "only")]
    assert rows(tmp_path, Table.TRANSCRIPTS, "audio_uri") == [("/a",), ("/b",)]


def test_a_failure_of_an_answered_segment_goes(tmp_path: Path) -> None:
    failures = [
        failure_of("/a", 0),
        failure_of("/a", 1),
        failure_of("/a", 1),
        failure_of("/c"),
        failure_of("/c"),
    ]
    write(tmp_path, "run", [utterance_of("/a", 0), *failures])
    settle(str(tmp_path), "run")
    found = ds.dataset(tmp_path / "failures", format="parquet").to_table().to_pylist()
    assert sorted((row["audio_uri"], row["segment_index"] or 0) for row in found) == [("/a", 1), ("/c", 0)]


def test_what_a_killed_settling_left_twice_is_reduced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "old", [utterance_of("/a"), utterance_of("/b")])
    write(tmp_path, "new", [utterance_of("/a")])

    def killed(self: LocalFolder, name: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(LocalFolder, "remove", killed)
        with pytest.raises(KeyboardInterrupt):
            settle(str(tmp_path), "new")
    assert rows(tmp_path, Table.SEGMENTS, "audio_uri") == [("/a",), ("/a",), ("/b",), ("/b",)]
    settle(str(tmp_path), "new")
    assert rows(tmp_path, Table.SEGMENTS, "audio_uri", "run_id") == [("/a", "new"), ("/b", "old")]


def test_a_damaged_part_is_named(tmp_path: Path) -> None:
    write(tmp_path, "run", [utterance_of("/a")])
    [part] = (tmp_path / "segments").glob("part-run-*")
    part.write_bytes(b"PAR1 nothing PAR1")
    with pytest.raises(OutputError, match=part.name):
        settle(str(tmp_path), "run")


def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    write(tmp_path, "run", [utterance_of("/a")])
    (tmp_path / "segments" / "README.md").write_text("mine")
    settle(str(tmp_path), "run")
    assert (tmp_path / "segments" / "README.md").read_text() == "mine"


URIS = st.sampled_from(["/a", "/b", "/c", "/d"])
RUNS = st.lists(st.lists(st.tuples(URIS, st.integers(0, 2)), max_size=8), min_size=1, max_size=4)


@settings(max_examples=25, deadline=None)
@given(runs=RUNS, max_rows=st.integers(1, 4))
def test_after_each_run_each_key_has_one_row(
    runs: list[list[tuple[str, int]]], max_rows: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    output = tmp_path_factory.mktemp("out")
    expected: dict[str, set[tuple[str, int, str]]] = {}
    for number, keys in enumerate(runs):
        run_id = f"run-{number}"
        write(
            output,
            run_id,
            [utterance_of(uri, index, at_us=n) for n, (uri, index) in enumerate(keys)],
            max_rows,
        )
        settle(str(output), run_id)
        for uri in {uri for uri, _ in keys}:
            expected[uri] = {(uri, index, run_id) for other, index in keys if other == uri}
        found = rows(output, Table.SEGMENTS, "audio_uri", "segment_index", "run_id")
        assert found == sorted(row for rows_of_uri in expected.values() for row in rows_of_uri)


def test_of_what_two_killed_runs_wrote_the_latest_stays(tmp_path: Path) -> None:
    write(tmp_path, "k1", [utterance_of("/a", 0), utterance_of("/a", 1), utterance_of("/b", 0)])
    write(tmp_path, "k2", [utterance_of("/a", 0)])
    write(tmp_path, "r3", [])
    settle(str(tmp_path), "r3", ended=set())
    assert rows(tmp_path, Table.SEGMENTS, "audio_uri", "segment_index", "run_id") == [
        ("/a", 0, "k2"),
        ("/a", 1, "k1"),
        ("/b", 0, "k1"),
    ]


def test_rows_of_a_killed_run_go_where_one_that_ended_has_the_recording(tmp_path: Path) -> None:
    write(tmp_path, "ended", [utterance_of("/a", 0), transcript_of("/a")])
    write(tmp_path, "killed", [utterance_of("/a", 0), utterance_of("/b", 0)])
    settle(str(tmp_path), "now", ended={"ended"})
    assert rows(tmp_path, Table.SEGMENTS, "audio_uri", "run_id") == [("/a", "ended"), ("/b", "killed")]


def test_a_run_with_nothing_but_failures_gives_up_no_older_text(tmp_path: Path) -> None:
    write(tmp_path, "old", [utterance_of("/a", 0), transcript_of("/a")])
    hollow = replace(transcript_of("/a"), text="", failed_segments=1, status=Status.PARTIAL)
    write(tmp_path, "new", [failure_of("/a", 0), hollow, replace(hollow, audio_uri="/b")])
    settle(str(tmp_path), "new")
    assert rows(tmp_path, Table.TRANSCRIPTS, "audio_uri", "run_id") == [("/a", "old"), ("/b", "new")]
    assert rows(tmp_path, Table.SEGMENTS, "audio_uri", "run_id") == [("/a", "old")]
    assert rows(tmp_path, Table.FAILURES, "audio_uri", "run_id") == [("/a", "new")]


def test_a_channel_stays_beside_those_of_options_whose_rows_are_as_good(tmp_path: Path) -> None:
    def channel(number: int, base: str) -> Transcript:
        settings_now = settings_of_rows(base, "16k_en", number, None)
        return replace(transcript_of("/a"), channel=number, settings=settings_now)

    write(tmp_path, "old", [channel(0, "base"), channel(1, "richer"), channel(2, "other")])
    write(tmp_path, "new", [channel(3, "base")])
    settle(str(tmp_path), "new", shaping_bases=("base", "richer"))
    assert rows(tmp_path, Table.TRANSCRIPTS, "channel") == [(0,), (1,), (3,)]


def test_rows_with_sound_are_rewritten_a_row_group_at_a_time(tmp_path: Path) -> None:
    kept = [replace(utterance_of("/kept", index), flac=bytes([index]) * 1000) for index in range(20)]
    gone = replace(utterance_of("/gone"), flac=bytes(3000))  # a row group of its own
    create_dataset(str(tmp_path))
    folder = LocalFolder(tmp_path / "segments")
    writer = PartWriter(folder, Table.SEGMENTS, "old", Rolling(max_rows=100, group_bytes=2000))
    for utterance in [*kept[:10], gone, *kept[10:]]:
        writer.add(segment_row(utterance, "old"))
    writer.flush()
    write(tmp_path, "new", [utterance_of("/gone"), transcript_of("/gone")])
    assert settle(str(tmp_path), "new") == Settled(rows_dropped=1, parts_rewritten=1)
    [part] = (tmp_path / "segments").glob("part-old-*")
    metadata = pq.read_metadata(part)
    groups = [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]
    assert len(groups) > 9
    assert 0 not in groups
    found = pq.read_table(part).to_pylist()
    assert [row["segment_index"] for row in found] == list(range(20))
    assert [row["audio"]["bytes"] for row in found] == [utterance.flac for utterance in kept]
