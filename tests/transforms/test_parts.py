from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from tests.transforms.dataset_samples import RATE, failure_of, utterance_of
from transforms.errors import UsageError
from transforms.folders import LocalFolder
from transforms.parts import OutputError, Part, PartWriter, Rolling, _batch_of, create_dataset, parquet_bytes
from transforms.rows import failure_row, segment_row
from transforms.schemas import Table, schema_of

ROOT = Path(__file__).resolve().parents[2]


def writer_for(path: Path, rolling: Rolling | None = None, clock=lambda: 0.0) -> PartWriter:
    return PartWriter(LocalFolder(path), Table.SEGMENTS, "run-1", rolling or Rolling(), clock)


def read(path: Path) -> list[dict]:
    return ds.dataset(path, format="parquet").to_table().to_pylist()


def test_an_empty_dataset_can_be_read(tmp_path: Path) -> None:
    create_dataset(str(tmp_path / "out"))
    create_dataset(str(tmp_path / "out"))
    for table in Table:
        dataset = ds.dataset(tmp_path / "out" / table.value, format="parquet")
        assert dataset.schema.equals(schema_of(table), check_metadata=False)
        assert dataset.count_rows() == 0
    assert (tmp_path / "out" / "runs").is_dir()


def test_a_dataset_of_another_version_is_refused(tmp_path: Path) -> None:
    create_dataset(str(tmp_path))
    empty = (
        schema_of(Table.FAILURES).empty_table().replace_schema_metadata({"beamscribe.schema_version": "0"})
    )
    (tmp_path / "failures" / "part-0-schema.parquet").write_bytes(parquet_bytes(empty))
    with pytest.raises(UsageError, match="version 0"):
        create_dataset(str(tmp_path))


def test_rows_come_back_as_they_were(tmp_path: Path) -> None:
    create_dataset(str(tmp_path))
    rows = [
        segment_row(utterance_of("/甲.wav", index, start=index * RATE, end=RATE * (index + 1)), "run-1")
        for index in range(3)
    ]
    writer = writer_for(tmp_path / "segments")
    assert [writer.add(row) for row in rows] == [0, 0, 0]
    assert read(tmp_path / "segments") == []
    assert writer.flush() == 3
    assert writer.flush() == 0
    found = read(tmp_path / "segments")
    assert [row.pop("recognized_at").timestamp() for row in found] == [0.000001] * 3
    assert found == [{name: row[name] for name in row if name != "recognized_at"} for row in rows]
    [part] = (tmp_path / "segments").glob("part-run-1-*.parquet")
    assert pq.ParquetFile(part).metadata.row_group(0).column(0).compression == "ZSTD"


def test_nulls_come_back(tmp_path: Path) -> None:
    writer = PartWriter(LocalFolder(tmp_path), Table.FAILURES, "run", Rolling())
    row = failure_row(failure_of("/a"), "run")
    writer.add(row)
    writer.flush()
    assert read(tmp_path) == [row]


def test_rolls_by_rows(tmp_path: Path) -> None:
    writer = writer_for(tmp_path, Rolling(max_rows=2))
    assert [writer.add(segment_row(utterance_of("/a", n), "r")) for n in range(5)] == [0, 2, 0, 2, 0]
    assert len(list(tmp_path.iterdir())) == 2


def test_rolls_by_bytes(tmp_path: Path) -> None:
    writer = writer_for(tmp_path, Rolling(max_bytes=10_000))
    assert writer.add(segment_row(utterance_of("/a", text="x"), "r")) == 0
    assert writer.add(segment_row(utterance_of("/a", text="x" * 10_000), "r")) == 2


def test_what_is_buffered_takes_little_more_than_its_values(tmp_path: Path) -> None:
    rows = [segment_row(utterance_of("/a", index), "r") for index in range(1000)]
    values = 1000 * _batch_of(rows[0], Table.SEGMENTS, schema_of(Table.SEGMENTS)).nbytes
    writer = writer_for(tmp_path)
    before = pa.total_allocated_bytes()
    for row in rows:
        writer.add(row)
    # Each by itself takes at least 64 bytes for every column: eight times as much.
    assert pa.total_allocated_bytes() - before < 3 * values
    assert writer.flush() == 1000
    assert [row["segment_index"] for row in read(tmp_path)] == list(range(1000))


def test_rolls_by_age_of_the_oldest_row(tmp_path: Path) -> None:
    now = [0.0]
    writer = writer_for(tmp_path, Rolling(max_seconds=10), lambda: now[0])
    put = []
    for second in (100, 109, 110, 119, 129):
        now[0] = second
        put.append(writer.add(segment_row(utterance_of("/a", second), "r")))
    assert put == [0, 0, 3, 0, 2]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("start_ms", 1.5),
        ("start_ms", "1"),
        ("start_ms", None),
        ("attempts", True),
        ("text", 3),
        ("text", b"bytes"),
        ("segment_index", 2**70),
        ("words", [{"word": "a", "start_ms": "0", "end_ms": 1}]),
        ("words", [{"word": "a", "start": 0, "end_ms": 1}]),
        ("recognized_at", 0.5),
    ],
)
def test_a_wrong_value_fails_at_once_and_says_where(column: str, value: object, tmp_path: Path) -> None:
    writer = writer_for(tmp_path)
    row = {**segment_row(utterance_of("/bad.wav"), "r"), column: value}
    with pytest.raises(TypeError, match=rf"segments row of '/bad\.wav': column {column}"):
        writer.add(row)
    assert writer.flush() == 0


def test_wrong_columns_fail_at_once(tmp_path: Path) -> None:
    row = dict(segment_row(utterance_of("/bad.wav"), "r"))
    with pytest.raises(TypeError, match=r"/bad\.wav.*\['more'\]"):
        writer_for(tmp_path).add({**row, "more": 1})
    del row["text"]
    with pytest.raises(TypeError, match=r"/bad\.wav.*\['text'\]"):
        writer_for(tmp_path).add(row)


@pytest.mark.parametrize("group_bytes", [1, 2**20])
def test_nothing_is_left_of_a_part_when_the_disk_is_full(
    group_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    writer = writer_for(tmp_path, Rolling(group_bytes=group_bytes))
    for index in range(3):
        writer.add(segment_row(utterance_of("/a", index), "r"))
    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", fail)
        with pytest.raises(OutputError, match="full"):
            writer.flush()
    assert list(tmp_path.iterdir()) == []
    assert writer.flush() == 0
    writer.add(segment_row(utterance_of("/b"), "r"))
    assert writer.flush() == 1
    assert [row["audio_uri"] for row in read(tmp_path)] == ["/b"]


def test_a_row_group_that_cannot_be_written_takes_its_part_along(tmp_path: Path) -> None:
    writer = writer_for(tmp_path, Rolling(group_bytes=1))
    assert writer.add(segment_row(utterance_of("/a"), "r")) == 0
    [hidden] = tmp_path.iterdir()
    assert hidden.name.startswith(".")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("pyarrow.parquet.ParquetWriter.write_table", fails_full)
        with pytest.raises(OutputError, match="full"):
            writer.add(segment_row(utterance_of("/b"), "r"))
    assert list(tmp_path.iterdir()) == []
    assert writer.flush() == 0


def fails_full(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_memory_holds_a_row_group_and_the_part_grows_beyond_it(tmp_path: Path) -> None:
    megabyte = 2**20
    writer = writer_for(tmp_path, Rolling(max_bytes=12 * megabyte, group_bytes=2 * megabyte))
    before = pa.total_allocated_bytes()
    put = []
    for index in range(13):
        noise = np.random.default_rng(index).bytes(megabyte)
        put.append(writer.add(segment_row(replace(utterance_of("/a", index), flac=noise), "r")))
        assert pa.total_allocated_bytes() - before < 8 * megabyte
    assert put == [0] * 11 + [12, 0]
    [part] = tmp_path.glob("part-*")
    groups = pq.read_metadata(part)
    assert [groups.row_group(number).num_rows for number in range(groups.num_row_groups)] == [2] * 6


def test_a_writer_begins_with_small_row_groups(tmp_path: Path) -> None:
    writer = writer_for(tmp_path, Rolling(max_rows=500))
    for index in range(1000):
        writer.add(segment_row(utterance_of("/a", index), "r"))
    groups = [
        [part.row_group(number).num_rows for number in range(part.num_row_groups)]
        for part in map(pq.read_metadata, tmp_path.glob("part-*"))
    ]
    assert sorted(groups, key=len) == [[500], [64, 128, 256, 52]]
    assert [row["segment_index"] for row in sorted(read(tmp_path), key=index_of)] == list(range(1000))


def index_of(row: Mapping[str, int]) -> int:
    return row["segment_index"]


@pytest.mark.parametrize("run_id", ["", "a/b", "../x", ".hidden", "a b"])
def test_a_run_id_that_no_name_can_hold(run_id: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="run_id"):
        PartWriter(LocalFolder(tmp_path), Table.SEGMENTS, run_id, Rolling())


def test_names_of_parts() -> None:
    part = Part("2026-01-01T00.00.00Z-ab", "0" * 32)
    assert Part.of_name(part.name) == part
    again = part.rewritten().rewritten()
    assert re.fullmatch(r".*-r2\.parquet", again.name)
    assert Part.of_name(again.name) == again
    for foreign in ("part-0-schema.parquet", "data.parquet", part.name + ".tmp"):
        assert Part.of_name(foreign) is None


def test_pandas_and_duckdb_read_the_folder(tmp_path: Path) -> None:
    create_dataset(str(tmp_path))
    folder = tmp_path / "segments"
    (folder / ".beamscribe-0.tmp").write_bytes(b"PAR1 torn")
    pandas = pytest.importorskip("pandas")
    assert list(pandas.read_parquet(folder).columns) == schema_of(Table.SEGMENTS).names
    writer = writer_for(folder)
    writer.add(segment_row(utterance_of("/a"), "run-1"))
    writer.flush()
    assert pandas.read_parquet(folder)["text"].tolist() == ["hello"]
    duckdb = pytest.importorskip("duckdb")
    assert duckdb.sql(f"select text, words[1].end_ms from '{folder}/*.parquet'").fetchall() == [
        ("hello", 1000)
    ]


WRITE_FOR_EVER = """
import sys
from tests.transforms.dataset_samples import utterance_of
from transforms.folders import LocalFolder
from transforms.parts import PartWriter, Rolling
from transforms.rows import segment_row
from transforms.schemas import Table
from pathlib import Path

folder = LocalFolder(Path(sys.argv[1]) / "segments")
writer = PartWriter(folder, Table.SEGMENTS, "killed", Rolling(max_rows=50))
index = 0
while True:
    put = writer.add(segment_row(utterance_of("/a", index, text=f"{index:05} " * 200), "killed"))
    index += 1
    if put:
        print(index, flush=True)
"""


def test_a_killed_writer_leaves_a_dataset_that_reads_whole(tmp_path: Path) -> None:
    create_dataset(str(tmp_path))
    for lines in (1, 3, 8):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITE_FOR_EVER, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        told = [int(process.stdout.readline()) for _ in range(lines)][-1]
        before = ds.dataset(tmp_path / "segments", format="parquet").count_rows()
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        table = ds.dataset(tmp_path / "segments", format="parquet").to_table()
        assert table.num_rows % 50 == 0
        assert table.num_rows >= max(told, before)
        indexes = table.filter(pa.compute.field("segment_index") < told)["segment_index"].to_pylist()
        assert set(indexes) == set(range(told))
    (tmp_path / "segments" / ".beamscribe-0.tmp").write_bytes(b"PAR1 torn")
    assert ds.dataset(tmp_path / "segments", format="parquet").count_rows() == table.num_rows
    create_dataset(str(tmp_path))
    assert not list((tmp_path / "segments").glob(".*"))
