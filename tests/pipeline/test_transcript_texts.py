from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.transcript_texts import TranscriptText, read_transcripts
from tests.pipeline.test_finished import transcript_of, write
from transforms.errors import UsageError
from transforms.folders import LocalFolder, OutputError
from transforms.parts import Part, create_dataset
from transforms.schemas import TABLE_KEY, VERSION_KEY

RUN = "20260101T000000Z-00000000"


def parts(output: Path) -> list[Path]:
    return [path for path in (output / "transcripts").iterdir() if Part.of_name(path.name)]


def test_the_rows_of_all_runs_are_read(tmp_path):
    write(tmp_path, RUN, [transcript_of("/a")])
    write(tmp_path, "other", [transcript_of("/a", text="again"), transcript_of("/b", 1)])
    assert sorted(read_transcripts(str(tmp_path)), key=str) == [
        TranscriptText("/a", 0, RUN, "complete", "hello"),
        TranscriptText("/a", 0, "other", "complete", "again"),
        TranscriptText("/b", 1, "other", "complete", "hello"),
    ]


def test_a_part_that_is_replaced_meanwhile_is_read_in_its_new_place(tmp_path, monkeypatch):
    write(tmp_path, RUN, [transcript_of("/a")])
    [part] = parts(tmp_path)
    moved = part.with_name(Part.of_name(part.name).rewritten().name)
    real = LocalFolder.open

    def open_late(folder: LocalFolder, name: str):
        if name == part.name:
            part.rename(moved)
        return real(folder, name)

    monkeypatch.setattr(LocalFolder, "open", open_late)
    assert [row.audio_uri for row in read_transcripts(str(tmp_path))] == ["/a"]
    assert moved.exists()


def test_a_damaged_part_is_named(tmp_path):
    write(tmp_path, RUN, [transcript_of("/a")])
    [part] = parts(tmp_path)
    part.write_bytes(part.read_bytes()[:-9])
    with pytest.raises(OutputError, match=f"{part.name}: cannot read this part"):
        list(read_transcripts(str(tmp_path)))


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({VERSION_KEY: b"99", TABLE_KEY: b"transcripts"}, "has schema version 99, this release reads 1"),
        ({}, "is no dataset"),
    ],
)
def test_another_schema_is_refused(metadata, said, tmp_path):
    (tmp_path / "transcripts").mkdir()
    table = pa.table({"audio_uri": ["/a"]}).replace_schema_metadata(metadata)
    pq.write_table(table, tmp_path / "transcripts" / "one.parquet")
    with pytest.raises(UsageError, match=said):
        list(read_transcripts(str(tmp_path)))


def test_what_is_no_dataset_is_refused_with_the_nearest_one(tmp_path):
    create_dataset(str(tmp_path / "out-nightly"))
    with pytest.raises(UsageError, match=r"out-nightl does not exist.*Did you mean .*/out-nightly\?"):
        list(read_transcripts(str(tmp_path / "out-nightl")))
    with pytest.raises(UsageError, match=r"different does not exist"):
        list(read_transcripts(str(tmp_path / "quite" / "different")))


def test_a_dataset_without_rows_has_none(tmp_path):
    create_dataset(str(tmp_path))
    assert list(read_transcripts(str(tmp_path))) == []
