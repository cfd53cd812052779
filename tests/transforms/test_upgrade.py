from __future__ import annotations

import io
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from tests.transforms.dataset_samples import utterance_of
from tests.transforms.test_settle import transcript_of, write
from transforms.errors import UsageError
from transforms.folders import LocalFolder, OutputError
from transforms.objects import Objects
from transforms.part_rows import rows
from transforms.parts import SCHEMA_PART, Part, create_dataset
from transforms.schemas import SCHEMA_VERSION, Table, schema_of, version_of
from transforms.upgrade import upgrade_dataset

NEW = ("speech_ms", "level_dbfs", "clipped_share", "audio")


def make_older(output: Path) -> None:
    """Turn a dataset into what the release before had written."""
    for path in output.glob("*/part-*.parquet"):
        table = pq.read_table(path)
        if path.parent.name == Table.SEGMENTS.value:
            table = table.drop_columns(list(NEW))
        metadata = {"beamscribe.schema_version": "1", "beamscribe.table": path.parent.name}
        with pq.ParquetWriter(path, table.schema.with_metadata(metadata)) as writer:
            if table.num_rows:
                writer.write_table(table.replace_schema_metadata(metadata))


def older(output: Path) -> Path:
    write(output, "run", [*(utterance_of("/a", index) for index in range(5)), transcript_of("/a")])
    make_older(output)
    return output


def read(output: Path, table: Table = Table.SEGMENTS) -> pa.Table:
    return ds.dataset(output / table.value, format="parquet").to_table()


def versions(output: Path) -> set[str | None]:
    return {version_of(pq.read_schema(path)) for path in output.glob("*/part-*.parquet")}


def test_rows_stay_as_they_were_and_get_the_new_columns(tmp_path: Path) -> None:
    output = older(tmp_path)
    before = {table: read(output, table) for table in Table}
    names = {path.name for path in output.glob("*/*.parquet")}
    with pytest.raises(UsageError, match="schema version 1"):
        create_dataset(str(output))
    upgrade_dataset(str(output))
    create_dataset(str(output))
    for table, rows_before in before.items():
        after = read(output, table)
        assert after.schema.equals(schema_of(table), check_metadata=False)
        assert after.select(rows_before.column_names).equals(rows_before)
    assert all(read(output).column(name).null_count == 5 for name in NEW)
    assert versions(output) == {SCHEMA_VERSION}
    assert {path.name for path in output.glob("*/*.parquet")} == names


def test_an_upgrade_that_was_broken_off_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = older(tmp_path)
    before = read(output)
    write_one, written = LocalFolder.writing, []

    def one_only(folder: LocalFolder, name: str):
        written.append(name)
        if len(written) > 1:
            raise OutputError("killed")
        return write_one(folder, name)

    with monkeypatch.context() as patched:
        patched.setattr(LocalFolder, "writing", one_only)
        with pytest.raises(OutputError, match="killed"):
            upgrade_dataset(str(output))
    assert versions(output) == {"1", SCHEMA_VERSION}
    assert (
        read(output)
        .select(before.column_names)
        .sort_by("segment_index")
        .equals(before.sort_by("segment_index"))
    )
    upgrade_dataset(str(output))
    assert versions(output) == {SCHEMA_VERSION}
    assert read(output).num_rows == 5


def test_parts_that_a_killed_settle_had_replaced_can_be_read_beside_the_others(tmp_path: Path) -> None:
    output = older(tmp_path)
    path = next((output / "segments").glob("part-run-*.parquet"))
    part = Part.of_name(path.name)
    assert part is not None
    path.with_name(part.rewritten().name).write_bytes(path.read_bytes())
    upgrade_dataset(str(output))
    assert versions(output) == {SCHEMA_VERSION}
    (counted,) = duckdb.sql(f"SELECT count(*), count(audio) FROM '{output}/segments/*.parquet'").fetchall()
    assert counted == (5 + pq.read_metadata(path).num_rows, 0)


def test_what_is_of_today_or_unknown_is_left_alone(tmp_path: Path) -> None:
    upgrade_dataset(str(tmp_path / "nothing"))
    assert not (tmp_path / "nothing").exists()
    write(tmp_path / "now", "run", [utterance_of("/a")])
    unknown = older(tmp_path / "unknown")
    for path in unknown.glob("*/part-*.parquet"):
        table = pq.read_table(path).replace_schema_metadata({"beamscribe.schema_version": "99"})
        pq.write_table(table, path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.parquet")}
    for name in ("now", "unknown"):
        upgrade_dataset(str(tmp_path / name))
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.parquet")} == before
    with pytest.raises(UsageError, match="version 99"):
        create_dataset(str(unknown))


def test_columns_that_an_older_part_has_not_are_read_without_values(tmp_path: Path) -> None:
    folder = LocalFolder(older(tmp_path) / "segments")
    parts = filter(None, map(Part.of_name, folder.names()))
    found = [row for part in parts for row in rows(folder, part, ("level_dbfs", "text"))]
    assert found == [(None, "hello")] * 5


def test_the_part_without_rows_has_no_row_group_afterwards(tmp_path: Path) -> None:
    output = older(tmp_path)
    upgrade_dataset(str(output))
    data = (output / "segments" / SCHEMA_PART).read_bytes()
    assert pq.read_metadata(io.BytesIO(data)).num_row_groups == 0


def test_a_dataset_in_object_storage_is_upgraded(s3, tmp_path: Path) -> None:
    output = older(tmp_path)
    objects = Objects("s3://recordings/out")
    for path in output.glob("*/*"):
        objects.put(f"{path.parent.name}/{path.name}", path.read_bytes())
    upgrade_dataset(objects.uri)
    create_dataset(objects.uri)
    for each in objects.listed():
        if each.name.endswith(".parquet"):
            (output / each.name).write_bytes(objects.read(each.name))
    assert versions(output) == {SCHEMA_VERSION}
    assert all(read(output).column(name).null_count == 5 for name in NEW)
