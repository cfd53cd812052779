from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pyarrow.dataset as ds
import pytest

from pipeline.finished import ended_runs, finish_settling, finished_recordings, run_records
from pipeline.run_record import RunCounts, RunRecord, write_record
from tests.transforms.dataset_samples import failure_of, utterance_of
from transforms.folders import LocalFolder
from transforms.known import recording_digest
from transforms.parts import PartWriter, Rolling, create_dataset
from transforms.records import Failure, Mark, Status, Transcript, Utterance
from transforms.rows import failure_row, segment_row, transcript_row
from transforms.schemas import Table

MARK = Mark(100, "7")
SETTINGS = "0123456789abcdef"
NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)


def transcript_of(uri: str, channel: int = 0, **changes: object) -> Transcript:
    whole = Transcript(
        audio_uri=uri,
        audio_crc32c=0xAB,
        channel=channel,
        recording_id=None,
        engine="16k_en",
        sample_rate=16000,
        duration_samples=16000,
        speech_samples=16000,
        text="hello",
        segments=1,
        failed_segments=0,
        status=Status.COMPLETE,
        mark=MARK,
        settings=SETTINGS,
    )
    return replace(whole, **changes)


def partial(uri: str, failed_segments: int, **changes: object) -> Transcript:
    return transcript_of(uri, status=Status.PARTIAL, failed_segments=failed_segments, segments=3, **changes)


def write(output: Path, run_id: str, records: Iterable[Utterance | Transcript | Failure]) -> None:
    create_dataset(str(output))
    for record in records:
        if isinstance(record, Utterance):
            table, row = Table.SEGMENTS, dict(segment_row(record, run_id))
        elif isinstance(record, Transcript):
            table, row = Table.TRANSCRIPTS, dict(transcript_row(record, run_id))
        else:
            table, row = Table.FAILURES, dict(failure_row(record, run_id))
        PartWriter(LocalFolder(output / table.value), table, run_id, Rolling(max_rows=1)).add(row)


def note(output: Path, run_id: str, channels: str = "mix", **changes: object) -> None:
    """The record of a run, ended well unless changed."""
    record = RunRecord(
        run_id=run_id,
        started_at="then",
        configuration={"audio": {"channels": channels}},
        ended_at="now",
        exit_code=0,
        counts=RunCounts(),
    )
    write_record(str(output), replace(record, **changes))


def standing(output: Path, uri: str, retry: str = "passing", **changes: object) -> str:
    """done, failing or new, as a listing would see it."""
    found = dict(finished_recordings(str(output), retry))
    about = {"mark": MARK, "settings": SETTINGS, "crc32c": None, **changes}
    digest = recording_digest(uri, about["mark"], about["settings"], about["crc32c"])
    return "new" if digest not in found else "failing" if found[digest] else "done"


def test_a_transcript_of_a_run_that_ended_is_known_by_all_that_shapes_it(tmp_path):
    write(tmp_path, "run", [transcript_of("a"), transcript_of("b", mark=None)])
    note(tmp_path, "run")
    assert standing(tmp_path, "a") == "done"
    assert standing(tmp_path, "a", crc32c=0xAB) == "done"
    assert standing(tmp_path, "a", crc32c=0xAC) == "new"
    assert standing(tmp_path, "a", mark=Mark(101, "7")) == "new"
    assert standing(tmp_path, "a", mark=Mark(100, "8")) == "new"
    assert standing(tmp_path, "a", settings="other") == "new"
    assert standing(tmp_path, "other") == "new"
    assert len(dict(finished_recordings(str(tmp_path), "passing"))) == 2  # nothing of b


@pytest.mark.parametrize(
    "changes",
    [
        {"ended_at": None, "exit_code": None, "counts": None},
        {"ended_at": None},
        {"counts": None, "exit_code": 4, "stopped": "Interrupted: SIGTERM"},
        {"exit_code": 4, "stopped": "OutputFailed: full"},
    ],
    ids=["killed", "killed while settling", "broken", "full"],
)
def test_a_run_of_which_rows_may_be_missing_proves_nothing(changes, tmp_path):
    write(tmp_path, "run", [transcript_of("a")])
    note(tmp_path, "run", **changes)
    assert ended_runs(str(tmp_path)) == set()
    assert standing(tmp_path, "a") == "new"


def test_a_stopped_run_proves_what_it_finished_but_for_channels_that_were_split(tmp_path):
    write(tmp_path, "mixed", [transcript_of("a"), partial("b", 2)])
    note(tmp_path, "mixed", exit_code=4, stopped="BudgetReached: ...")
    write(tmp_path, "split", [transcript_of("c")])
    note(tmp_path, "split", "split", exit_code=4, stopped="BudgetReached: ...")
    assert [standing(tmp_path, uri) for uri in "abc"] == ["done", "new", "new"]
    assert ended_runs(str(tmp_path)) == {"mixed", "split"}


def test_what_failed_for_good_is_not_tried_again_unless_all_is(tmp_path):
    good = replace(failure_of("a", 1), retryable=False)
    whole = replace(failure_of("b"), mark=MARK, settings=SETTINGS)
    write(tmp_path, "run", [partial("a", 1), good, whole])
    note(tmp_path, "run", exit_code=3)
    assert [standing(tmp_path, uri) for uri in "ab"] == ["failing", "failing"]
    assert [standing(tmp_path, uri, "all") for uri in "ab"] == ["new", "new"]


@pytest.mark.parametrize(
    "failures",
    [
        [replace(failure_of("a", 1), retryable=False), failure_of("a", 2)],
        [replace(failure_of("a", 1), retryable=False)],
        [],
    ],
    ids=["one of two passing", "one of two never called", "both never called"],
)
def test_one_segment_that_is_worth_another_try_has_its_recording_read(failures, tmp_path):
    write(tmp_path, "run", [partial("a", 2), *failures])
    note(tmp_path, "run", exit_code=3)
    assert standing(tmp_path, "a") == "new"


def test_a_channel_that_is_worth_another_try_has_its_recording_read(tmp_path):
    write(tmp_path, "run", [transcript_of("a", 0), partial("a", 1, channel=1)])
    note(tmp_path, "run", "split", exit_code=3)
    assert standing(tmp_path, "a") == "new"


def test_a_failed_whole_recording_without_a_mark_is_read_again(tmp_path):
    write(tmp_path, "run", [failure_of("a")])
    note(tmp_path, "run", exit_code=3)
    assert dict(finished_recordings(str(tmp_path), "passing")) == {}


def test_a_damaged_recording_stays_failing(tmp_path):
    damage = replace(failure_of("a"), audio_crc32c=0xAB, mark=MARK, settings=SETTINGS)
    write(tmp_path, "run", [transcript_of("a", status=Status.PARTIAL), damage])
    note(tmp_path, "run", exit_code=3)
    assert standing(tmp_path, "a") == "failing"
    assert standing(tmp_path, "a", crc32c=0xAB) == "failing"


def texts(output: Path) -> list[str]:
    return sorted(ds.dataset(output / "segments", format="parquet").to_table()["text"].to_pylist())


def test_a_kill_while_settling_is_made_good_once(tmp_path):
    write(
        tmp_path, "old", [utterance_of("a", text="old"), utterance_of("b", text="kept"), transcript_of("a")]
    )
    note(tmp_path, "old")
    write(tmp_path, "new", [utterance_of("a", text="new"), transcript_of("a")])
    note(tmp_path, "new", ended_at=None, exit_code=3)
    write(tmp_path, "killed", [utterance_of("c", text="half")])
    note(tmp_path, "killed", ended_at=None, exit_code=None, counts=None)
    assert texts(tmp_path) == ["half", "kept", "new", "old"]
    assert finish_settling(str(tmp_path), NOW) == run_records(str(tmp_path))
    assert texts(tmp_path) == ["half", "kept", "new"]
    assert ended_runs(str(tmp_path)) == {"old", "new"}
    record = json.loads((tmp_path / "runs" / "new.json").read_text())
    assert (record["ended_at"], record["exit_code"], record["files"]) == (NOW.isoformat(), 3, 0)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    finish_settling(str(tmp_path), NOW)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()} == before
