from __future__ import annotations

from collections import Counter
from pathlib import Path

from pipeline.service.faults import parse_fault
from pipeline.service.settings import TEST_SECRET_ID, TEST_SECRET_KEY
from tests.e2e.command import Ended, beamscribe, failures_by_name, records, rows, settings
from tests.e2e.sounds import chatter, heard, some_wavs, write_wav
from transforms.schemas import KEY_COLUMNS, Table


def transcribe(service, folder: Path, **changes: object) -> Ended:
    return beamscribe(
        "run", "--input", folder / "in", "--output", folder / "out", *settings(service, **changes)
    )


def texts(folder: Path) -> dict[str, str]:
    return {Path(row["audio_uri"]).name: row["text"] for row in rows(folder / "out", "transcripts")}


def assert_one_row_a_key(output: Path) -> None:
    for table in Table:
        keys = [tuple(row[key] for key in KEY_COLUMNS[table]) for row in rows(output, table.value)]
        assert [key for key, count in Counter(keys).items() if count > 1] == []


def test_the_same_command_again_leaves_one_row_for_each_key_and_a_record_for_each_run(serve, tmp_path):
    some_wavs(tmp_path / "in", 5)
    (tmp_path / "in" / "empty.wav").touch()
    service = serve()
    assert transcribe(service, tmp_path).code == 3
    before = texts(tmp_path)
    assert transcribe(service, tmp_path).code == 3
    assert_one_row_a_key(tmp_path / "out")
    assert texts(tmp_path) == before
    assert len(before) == 5
    assert len(rows(tmp_path / "out", "failures")) == 1
    assert [record["exit_code"] for record in records(tmp_path / "out")] == [3, 3]


def test_a_changed_recording_replaces_its_rows_and_a_removed_one_keeps_them(serve, tmp_path):
    some_wavs(tmp_path / "in", 3)
    write_wav(tmp_path / "in" / "000.wav", chatter(70, seed=50))
    service = serve()
    changes = {"max_payload_bytes": 2_250_000}
    assert transcribe(service, tmp_path, **changes).code == 0
    assert len(rows(tmp_path / "out", "segments")) == 4

    write_wav(tmp_path / "in" / "000.wav", changed := chatter(2, seed=51))
    (tmp_path / "in" / "001.wav").unlink()
    assert transcribe(service, tmp_path, **changes).code == 0
    assert_one_row_a_key(tmp_path / "out")
    # The second segment of the longer recording that once lay there is gone too.
    assert len(rows(tmp_path / "out", "segments")) == 3
    assert texts(tmp_path) == {
        "000.wav": heard(changed),
        "001.wav": heard(chatter(1.0, seed=1)),
        "002.wav": heard(chatter(1.0, seed=2)),
    }


def test_a_mended_recording_loses_its_failure(serve, tmp_path):
    some_wavs(tmp_path / "in", 2)
    (tmp_path / "in" / "001.wav").write_bytes(b"")
    service = serve()
    assert transcribe(service, tmp_path).code == 3
    assert list(failures_by_name(tmp_path / "out")) == ["001.wav"]
    write_wav(tmp_path / "in" / "001.wav", chatter(1))
    assert transcribe(service, tmp_path).code == 0
    assert rows(tmp_path / "out", "failures") == []
    assert texts(tmp_path)["001.wav"] == heard(chatter(1))


def test_a_recording_that_cannot_be_read_today_keeps_the_transcript_that_was_paid_for(serve, tmp_path):
    some_wavs(tmp_path / "in", 2)
    service = serve()
    assert transcribe(service, tmp_path).code == 0
    before = texts(tmp_path)
    (tmp_path / "in" / "001.wav").write_bytes(b"")
    assert transcribe(service, tmp_path).code == 3
    assert texts(tmp_path) == before
    assert list(failures_by_name(tmp_path / "out")) == ["001.wav"]
    (tmp_path / "in" / "001.wav").write_bytes(b"still no recording")
    assert transcribe(service, tmp_path).code == 3
    assert failures_by_name(tmp_path / "out")["001.wav"]["code"] == "NotAudio"
    assert_one_row_a_key(tmp_path / "out")


def test_a_run_that_got_no_answer_takes_nothing_away_that_was_paid_for(serve, tmp_path, monkeypatch):
    some_wavs(tmp_path / "in", 3)
    assert transcribe(serve(), tmp_path).code == 0
    before = texts(tmp_path)
    # Other requests, so that every recording is to be called again, and a key that was withdrawn.
    monkeypatch.setenv("TENCENTCLOUD_SECRET_KEY", "withdrawn")
    assert transcribe(serve(), tmp_path, engine="16k_zh").code == 4
    assert texts(tmp_path) == before
    assert len(rows(tmp_path / "out", "segments")) == 3
    # The same for an outage, which fails segments and does not stop the run.
    monkeypatch.undo()
    monkeypatch.setenv("TENCENTCLOUD_SECRET_ID", TEST_SECRET_ID)
    monkeypatch.setenv("TENCENTCLOUD_SECRET_KEY", TEST_SECRET_KEY)
    down = serve(faults=(parse_fault("internal=1"),))
    assert transcribe(down, tmp_path, engine="16k_yue", max_attempts=1).code in (3, 4)
    assert texts(tmp_path) == before
    assert len(rows(tmp_path / "out", "segments")) == 3


def test_other_settings_replace_all_rows_of_a_recording(serve, tmp_path):
    write_wav(tmp_path / "in.wav", chatter(40))
    service = serve()
    arguments = ["run", "--input", tmp_path / "in.wav", "--output", tmp_path / "out"]
    assert beamscribe(*arguments, *settings(service, segmentation__max_seconds=10)).code == 0
    assert len(rows(tmp_path / "out", "segments")) >= 4
    assert beamscribe(*arguments, *settings(service, max_payload_bytes=2_250_000)).code == 0
    [row] = rows(tmp_path / "out", "segments")
    assert row["text"] == heard(chatter(40))


def test_a_failed_segment_that_succeeds_later_leaves_no_failure_and_a_complete_transcript(serve, tmp_path):
    some_wavs(tmp_path / "in", 3)
    bad = serve(faults=(parse_fault("internal=first:1"),))
    assert transcribe(bad, tmp_path, concurrency=1, max_attempts=1).code == 3
    [failure] = rows(tmp_path / "out", "failures")
    assert (failure["stage"], failure["segment_index"], failure["attempts"]) == ("recognize", 0, 1)
    assert (failure["start_ms"], failure["end_ms"], failure["retryable"]) == (0, 1000, True)
    assert failure["request_id"]
    partial = next(
        row for row in rows(tmp_path / "out", "transcripts") if row["audio_uri"] == failure["audio_uri"]
    )
    assert (partial["status"], partial["failed_segments"], partial["text"]) == ("partial", 1, "")
    assert transcribe(serve(), tmp_path).code == 0
    assert rows(tmp_path / "out", "failures") == []
    assert {row["status"] for row in rows(tmp_path / "out", "transcripts")} == {"complete"}
