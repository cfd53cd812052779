from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from pipeline.run_record import RunCounts, RunRecord
from pipeline.show import MOST_ROWS, show_run
from transforms.folders import dataset_folder
from transforms.parts import PartWriter, Rolling, create_dataset
from transforms.records import Failure, Stage, Status, Transcript
from transforms.rows import failure_row, transcript_row
from transforms.schemas import Table

RUN = "20260101T000000Z-0a0b0c0d"


def transcript(uri: str, text: str) -> Transcript:
    return Transcript(
        audio_uri=uri, audio_crc32c=1, channel=0, recording_id=None, engine="16k_zh", sample_rate=16_000,
        duration_samples=24_000, speech_samples=24_000, text=text, segments=1, failed_segments=0,
        status=Status.COMPLETE,
    )  # fmt: skip


def write(output: Path, table: Table, *rows, run_id: str = RUN) -> None:
    writer = PartWriter(dataset_folder(str(output), table.value), table, run_id, Rolling())
    for row in rows:
        writer.add(row)
    writer.flush()


def shown(output: Path, record: RunRecord | None = None) -> str:
    file = io.StringIO()
    show_run(Console(file=file, width=200), str(output), record or RunRecord(RUN, "now", {}))
    return file.getvalue()


@pytest.fixture
def output(tmp_path: Path) -> Path:
    create_dataset(str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("text", ["[bold]loud[/bold]", r"back\[slash]", "ends with \\", "[/]", "中文。"])
def test_texts_and_names_are_shown_as_they_are(text, output):
    write(output, Table.TRANSCRIPTS, transcript_row(transcript("/a/[red]b.wav", text), RUN))
    assert text in shown(output)
    assert "[red]b.wav" in shown(output)


def test_control_characters_do_not_reach_the_terminal(output):
    write(output, Table.TRANSCRIPTS, transcript_row(transcript("/a/\x1b[2Jb.wav", "bell \x07"), RUN))
    assert "\x1b" not in shown(output)
    assert "\x07" not in shown(output)


def test_failures_tell_segment_code_and_message(output):
    whole = Failure("/a/b.wav", Stage.READ, "NotFound", "not there", False)
    piece = Failure("/a/c.wav", Stage.RECOGNIZE, "InternalError", "again", True, channel=0, segment_index=7)
    write(output, Table.FAILURES, failure_row(whole, RUN), failure_row(piece, RUN))
    assert [line.strip() for line in shown(output).splitlines()][:5] == [
        "Failures", "b.wav (read): NotFound", "not there", "c.wav, segment 7 (recognize): InternalError",
        "again",
    ]  # fmt: skip


def test_failures_show_no_password_or_signature_of_an_address(output):
    uri = "https://user:hush@host/a.wav?signature=hush"
    failure = Failure(uri, Stage.READ, "DownloadFailed", f"{uri}: no answer", True)
    write(output, Table.FAILURES, failure_row(failure, RUN))
    assert "https://***@host/a.wav?...: no answer" in shown(output)
    assert "hush" not in shown(output)


def test_only_rows_of_this_run_are_shown_and_not_more_than_fit(output):
    others = (transcript_row(transcript("/a/other.wav", "x"), "other"),)
    write(output, Table.TRANSCRIPTS, *others, run_id="20250101T000000Z-00000000")
    many = [transcript_row(transcript(f"/a/{number:03}.wav", "x"), RUN) for number in range(MOST_ROWS + 1)]
    write(output, Table.TRANSCRIPTS, *many)
    text = shown(output)
    assert text.count(".wav") == MOST_ROWS
    assert "other.wav" not in text
    assert str(MOST_ROWS) in text


def test_the_end_tells_counts_cost_retries_and_why_a_run_stopped(output):
    counts = RunCounts(
        files=5, failed_files=1, files_not_started=2, segments=3, unanswered_segments=4, calls=9,
        billed_calls=8, retries={"InternalError": 6},
    )  # fmt: skip
    record = RunRecord(
        RUN, "now", {}, exit_code=4, counts=counts, cost="0.0256", currency="CNY", stopped="Code: why"
    )
    text = shown(output, record)
    for part in (
        "5 recordings, 1 failed", "2 not started", "4 not called", "9 calls, 8 billed: 0.0256 CNY",
        "InternalError 6", "Stopped before the end. Code: why", str(output),
    ):  # fmt: skip
        assert part in text
