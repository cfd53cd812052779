from __future__ import annotations

from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow.dataset as ds
import pytest
from apache_beam.internal import pickler
from apache_beam.metrics import MetricsFilter
from apache_beam.testing import test_pipeline as beam_testing
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.typehints.decorators import TypeCheckError

from tests.transforms.dataset_samples import failure_of, utterance_of
from transforms.parts import OutputError, Rolling, create_dataset
from transforms.records import Status, Transcript
from transforms.schemas import Table
from transforms.write import WriteRows


def column(path: Path, name: str) -> list[object]:
    return sorted(ds.dataset(path, format="parquet").to_table()[name].to_pylist())


def counted(result: object, name: str) -> int:
    found = result.metrics().query(MetricsFilter().with_name(name))["counters"]
    return sum(counter.committed for counter in found)


@pytest.mark.parametrize("rows", [0, 7])
def test_every_record_becomes_a_row(rows: int, tmp_path: Path) -> None:
    create_dataset(str(tmp_path))
    pipeline = beam_testing.TestPipeline(runner="FnApiRunner")
    written = (
        pipeline
        | beam.Create([utterance_of(f"/{number}") for number in range(rows)])
        | "Write segments" >> WriteRows(Table.SEGMENTS, str(tmp_path), "run", tmp_path, Rolling(max_rows=3))
    )
    assert_that(written, equal_to([]))
    result = pipeline.run()
    result.wait_until_finish()
    assert column(tmp_path / "segments", "audio_uri") == [f"/{number}" for number in range(rows)]
    parts = list((tmp_path / "segments").glob("part-run-*.parquet"))
    assert counted(result, "rows_written") == rows
    assert counted(result, "parts_written") == len(parts) >= rows / 3


def test_the_three_tables(tmp_path: Path) -> None:
    create_dataset(str(tmp_path))
    transcript = Transcript("/a", 1, 0, None, "16k_en", 16000, 10, 10, "text", 1, 0, Status.COMPLETE)
    with beam_testing.TestPipeline(runner="FnApiRunner") as pipeline:
        for table, record in zip(Table, [utterance_of("/a"), transcript, failure_of("/b")], strict=True):
            label = table.value
            records = pipeline | label >> beam.Create([record])
            _ = records | f"Write {label}" >> WriteRows(table, str(tmp_path), "run", tmp_path)
    for table, uri in zip(Table, ["/a", "/a", "/b"], strict=True):
        assert column(tmp_path / table.value, "audio_uri") == [uri]


def test_a_record_of_another_table_is_refused_before_the_job_begins(tmp_path: Path) -> None:
    utterances = beam.Pipeline(runner="FnApiRunner") | beam.Create([utterance_of("/wrong")])
    with pytest.raises(TypeCheckError, match=r"expected .*Failure.*, got .*Utterance.* of its table"):
        _ = utterances | WriteRows(Table.FAILURES, str(tmp_path), "run")


def test_a_record_of_another_table_ends_the_job(tmp_path: Path) -> None:
    create_dataset(str(tmp_path))
    with (
        pytest.raises(TypeError, match="Utterance records do not belong in the table failures"),
        beam_testing.TestPipeline(runner="FnApiRunner") as pipeline,
    ):
        _ = (
            pipeline
            | beam.Create([utterance_of("/wrong")])
            | "Of a type that Beam does not know" >> beam.Map(lambda record: record).with_output_types(Any)
            | "Write failures" >> WriteRows(Table.FAILURES, str(tmp_path), "run", tmp_path)
        )


def test_output_that_cannot_be_written_ends_the_job_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "segments").write_bytes(b"a file where the folder should be")
    with (
        pytest.raises(OutputError, match=r"segments/part-run-.*: cannot write it"),
        beam_testing.TestPipeline(runner="FnApiRunner") as pipeline,
    ):
        _ = (
            pipeline
            | beam.Create([utterance_of("/a")])
            | "Write segments" >> WriteRows(Table.SEGMENTS, str(tmp_path), "run", tmp_path)
        )


def test_can_be_sent_to_workers() -> None:
    transform = pickler.loads(pickler.dumps(WriteRows(Table.SEGMENTS, "/out", "run", Path("/coordination"))))
    assert isinstance(transform, WriteRows)
