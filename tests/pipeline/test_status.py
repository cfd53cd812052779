from __future__ import annotations

import errno
import io
import json
import os
import signal
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from pipeline.finished import finished_recordings
from pipeline.run_record import RunCounts
from pipeline.standing_facts import DatasetStatus, Money, RunState, SoFar, Working
from pipeline.standing_rows import PartVanishedError, TableReader
from pipeline.status import StatusArguments, read_status, status
from pipeline.timeline import Timeline
from tests.e2e import command, sounds
from tests.pipeline.test_finished import MARK, SETTINGS, note, partial, transcript_of, write
from tests.transforms.dataset_samples import failure_of, utterance_of
from transforms.errors import UsageError
from transforms.folders import OutputError
from transforms.known import recording_digest
from transforms.parts import create_dataset, newest_parts
from transforms.reading import Reading
from transforms.records import Failure, Mark, Status, Transcript
from transforms.schemas import VERSION_KEY, Table, schema_of

OLD, NEW = "20260101T000000Z-0a0b0c0d", "20260102T000000Z-0a0b0c0d"


def shown(output: Path, *, width: int = 200) -> str:
    """What a person reads, without the box of the table."""
    file = io.StringIO()
    status(StatusArguments(str(output)), Console(file=file, width=width))
    return file.getvalue()


def as_json(output: Path) -> dict[str, object]:
    file = io.StringIO()
    status(StatusArguments(str(output), as_json=True), Console(file=file, width=40))
    found: dict[str, object] = json.loads(file.getvalue())
    return found


def files_of(folder: Path) -> dict[Path, tuple[int, int]]:
    return {each: (each.stat().st_mtime_ns, each.stat().st_size) for each in folder.rglob("*")}


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """Two finished recordings, one failed for good and one that is worth another try."""
    folder = tmp_path / "out"
    stays = replace(failure_of("/in/c.wav"), mark=MARK, settings=SETTINGS)
    write(folder, OLD, [
        utterance_of("/in/a.wav"), transcript_of("/in/a.wav"),
        transcript_of("/in/b.wav", status=Status.EMPTY), stays,
        partial("/in/d.wav", 1), utterance_of("/in/d.wav"), failure_of("/in/d.wav", 1),
    ])  # fmt: skip
    note(folder, OLD, exit_code=3, started_at="2026-01-01T00:00:00+00:00", cost="0.5", currency="CNY")
    return folder


def test_facts_of_a_finished_run_are_the_same_in_json_and_as_a_value(output):
    found = read_status(str(output))
    assert json.loads(found.as_json()) == as_json(output)
    kinds = found.recordings
    assert (kinds.known, kinds.complete, kinds.partial, kinds.empty, kinds.failed) == (4, 1, 1, 1, 1)
    assert (found.segments.answered, found.segments.failed) == (2, 1)
    assert (found.failures.failures, found.failures.passing, found.failures.for_good) == (2, 1, 1)
    assert {each.code for each in found.failures.by_code} == {"NotAudio", "InternalError"}
    assert found.spending.cost == (Money("0.5", "CNY"),)
    following = found.next_run
    assert (following.possible, following.nothing_to_do, following.continues) == (True, False, False)
    assert (following.failures_tried_again, following.failures_tried_again_with_all) == (1, 2)
    assert (following.recordings.skipped, following.recordings.still_failing) == (2, 1)
    assert following.recordings.tried_again == 1
    assert following.only_listing_tells


def test_the_text_tells_what_stands_what_failed_and_what_comes(output):
    text = shown(output)
    for part in (
        "No run is going on.", f"Last run {OLD}: began 2026-01-01 00:00:00 UTC", "exit code 3", "c.wav",
        "not audio", "d.wav, segment 1", "2 failures of 2 recordings: 1 passing, 1 for good", "0.5 CNY",
        "- tries 1 recording again",
        "- tries 1 failure again\n- with input.retry_failed=all it tries 2 failures again",
        "Only listing the input tells", "new recordings",
    ):  # fmt: skip
        assert part in text
    assert "nothing to do" not in text


@pytest.mark.parametrize("width", [40, 80])
def test_messages_and_numbers_can_be_read_on_a_narrow_terminal(tmp_path, width):
    message = "the service cannot use this segment's audio"
    long = replace(failure_of("/in/a.wav", 1), message=message, code="InvalidParameterValue.ErrorInvalid")
    write(tmp_path, OLD, [long, replace(long, audio_uri="/in/录音.wav"), transcript_of("/in/b.wav")])
    note(tmp_path, OLD, exit_code=3)
    text = shown(tmp_path, width=width)
    assert "recordings  channels  segments" in text
    # Not a column of a few letters; and once, though it is said of two recordings.
    lines = [line.strip() for line in text.splitlines()]
    assert sum("the service cannot use" in line for line in lines) == 1
    assert "/in/录音.wav, segment 1" in lines


def test_nothing_to_do_is_said(tmp_path):
    write(tmp_path, OLD, [transcript_of("a")])
    note(tmp_path, OLD)
    assert "has nothing to do" in shown(tmp_path)
    note(tmp_path, OLD, exit_code=4, stopped="BudgetReached: enough")
    assert "has nothing to do" not in shown(tmp_path)
    assert "BudgetReached: enough" in shown(tmp_path)


def test_looking_changes_nothing(output):
    before = files_of(output)
    shown(output)
    as_json(output)
    assert files_of(output) == before


def test_names_and_messages_cannot_move_the_cursor_or_be_taken_for_markup(tmp_path):
    odd = Failure("/in/\x1b[2J[red]b.wav", failure_of("").stage, "Odd", "bell \x07 [/] [bold]", False)
    write(tmp_path, OLD, [odd])
    note(tmp_path, OLD, exit_code=3, stopped="why \x1b[0m")
    text = shown(tmp_path)
    assert not {"\x1b", "\x07"} & set(text)
    assert "[red]b.wav" in text
    assert "[/] [bold]" in text
    assert "\x1b" not in read_status(str(tmp_path)).as_json()


def test_passwords_and_signatures_in_addresses_are_not_shown(tmp_path):
    uri = "https://user:hush@host/a.wav?signature=hush"
    write(tmp_path, OLD, [replace(failure_of(uri), message=f"{uri}: no answer"), transcript_of(uri)])
    note(tmp_path, OLD, exit_code=3)
    for text in (shown(tmp_path), read_status(str(tmp_path)).as_json()):
        assert "a.wav" in text
        assert "hush" not in text


def test_json_is_ascii_whatever_the_names(tmp_path):
    write(tmp_path, OLD, [failure_of("/in/中文\U0001f600.wav")])
    note(tmp_path, OLD)
    found = read_status(str(tmp_path))
    assert found.as_json().isascii()
    assert found.failures.by_code[0].examples[0].name == "中文\U0001f600.wav"


def test_rows_of_a_killed_run_count_once_and_are_continued(output):
    write(output, NEW, [
        utterance_of("/in/a.wav"), utterance_of("/in/e.wav"), utterance_of("/in/e.wav", 1),
        transcript_of("/in/d.wav"), utterance_of("/in/d.wav", 1),
    ])  # fmt: skip
    note(output, NEW, ended_at=None, exit_code=None, counts=None)
    found = read_status(str(output))
    assert found.segments.answered == 5
    assert (found.recordings.known, found.recordings.unfinished) == (5, 1)
    assert [each.code for each in found.failures.by_code] == ["NotAudio"]
    assert found.last_run is not None
    assert (found.last_run.state, found.last_run.segments, found.last_run.transcripts) == (
        RunState.KILLED, 4, 1,
    )  # fmt: skip
    assert found.sound.begun_seconds == 4
    assert found.next_run.continues
    assert found.next_run.recordings.continued == 2  # d and e; of a the old rows are whole
    assert "killed" in shown(output)


def test_a_run_that_has_not_ended_is_told_by_what_it_last_said_of_itself(output):
    timeline = Timeline(
        "2026-01-02T00:00:00+00:00",
        90.0,
        totals=Reading(
            recordings_found=9, recordings_listed=1, recordings_skipped=2, recordings_done=3,
            segments_recognized=4, segments_failed=1, calls=6, billed_calls=5, failures={"NotAudio": 2},
        ),
    )  # fmt: skip
    note(output, NEW, ended_at=None, exit_code=None, counts=None, timeline=timeline)
    last = read_status(str(output)).last_run
    assert last is not None
    assert last.so_far == SoFar("2026-01-02T00:01:30+00:00", 7, True, 3, 5, 6, 5, {"NotAudio": 2})
    assert (
        "By 2026-01-02 00:01:30 UTC it had done 3 of 7 recordings, with 5 segments and 6 calls, 5 billed; "
        "failed: NotAudio 2." in shown(output)
    )
    note(output, NEW, timeline=timeline)
    ended = read_status(str(output)).last_run
    assert ended is not None
    assert ended.so_far is None


def test_recordings_that_a_stopped_run_had_only_read_are_not_forgotten(output):
    """They have no row: without this the recordings with rows and those not started are fewer than all."""
    before = read_status(str(output)).segments.never_called
    counts = RunCounts(files=67, files_not_started=43, unanswered_segments=before + 9)
    note(output, NEW, exit_code=4, stopped="Interrupted: ...", counts=counts)
    text = shown(output)
    assert f"43 recordings not started, {before + 9} segments not called." in text
    assert "- calls for 9 segments of recordings that the last one had only read" in text


def test_one_of_a_kind_is_told_as_one(tmp_path):
    write(tmp_path, NEW, [utterance_of("/in/a.wav"), transcript_of("/in/a.wav"), failure_of("/in/b.wav")])
    note(tmp_path, NEW, ended_at=None, exit_code=None, counts=None)
    assert "It has written 1 transcript, 1 segment and 1 failure." in shown(tmp_path)


def test_what_stands_is_the_same_however_few_rows_are_held(output, monkeypatch):
    write(output, NEW, [utterance_of("/in/a.wav"), utterance_of("/in/e.wav"), failure_of("/in/f.wav")])
    note(output, NEW, ended_at=None, exit_code=None, counts=None)
    whole = read_status(str(output))
    monkeypatch.setattr("pipeline.spool.GROUP_ROWS", 1)
    monkeypatch.setattr("pipeline.spool._PIECE_ROWS", 1)
    assert read_status(str(output)) == whole


def test_a_full_temporary_folder_is_told_with_what_to_do(output, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pipeline.spool.Spool.add", full)
    with pytest.raises(OutputError, match=r"No space left on device.*TMPDIR"):
        read_status(str(output))


def test_a_kill_while_rows_were_replaced_is_told(output):
    note(output, NEW, ended_at=None, exit_code=0)
    found = read_status(str(output))
    assert found.next_run.finishes_replacing
    assert "was replacing older ones" in shown(output)
    assert "- first finishes replacing older rows" in shown(output)


def test_a_part_that_was_rewritten_counts_instead_of_the_old_one():
    token = "0" * 32
    names = [f"part-{OLD}-{token}{rewrites}.parquet" for rewrites in ("", "-r2", "-r10", "-r1")]
    assert [part.rewrites for part in newest_parts(["part-0-schema.parquet", "x", *names])] == [10]


@pytest.mark.parametrize(("table", "possible"), [(Table.TRANSCRIPTS, False), (Table.SEGMENTS, True)])
def test_a_damaged_part_is_named_and_the_others_are_counted(table, possible, output):
    before = read_status(str(output))
    damaged = max((output / table.value).glob("*.parquet"))
    damaged.write_bytes(b"PAR1 this is not a part PAR1")
    found = read_status(str(output))
    assert [each.file for each in found.damaged] == [f"{table.value}/{damaged.name}"]
    assert found.next_run.possible == possible
    assert not found.next_run.nothing_to_do
    assert damaged.name in shown(output).replace("\n", "")
    lost = (before.channels.known - found.channels.known) + (
        before.segments.answered - found.segments.answered
    )
    assert lost == 1


def test_another_file_among_the_records_of_runs_is_passed_over_as_by_the_next_run(output):
    before = read_status(str(output))
    (output / "runs" / "notes.json").write_text("{", encoding="utf-8")
    assert read_status(str(output)) == before
    list(finished_recordings(str(output), "passing"))  # nor does it stop the next run


def test_a_damaged_record_of_a_run_is_named_and_nobody_is_believed(output):
    (output / "runs" / f"{OLD}.json").write_text('{"run_id": "')
    found = read_status(str(output))
    assert [each.file for each in found.damaged] == [f"runs/{OLD}.json"]
    assert not found.next_run.possible
    assert found.next_run.recordings.skipped == 0
    assert found.last_run is None
    assert "No run has left a record." in shown(output)


def test_other_files_in_the_folders_are_passed_over(output):
    before = read_status(str(output))
    (output / "runs" / "notes.txt").write_text("mine")
    (output / "runs" / "mine.json").write_text("[1]")
    (output / "segments" / "part-mine.txt").write_text("mine")
    assert read_status(str(output)) == before


@pytest.fixture
def vanishing(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A part that is listed as long as the list says, and never there."""
    listed = [f"part-{OLD}-{'f' * 32}.parquet"]

    def parts(names: list[str]) -> object:
        return newest_parts([*names, *([listed[0]] if listed else [])])

    monkeypatch.setattr("pipeline.status.newest_parts", parts)
    return listed


def test_a_part_that_a_run_replaced_just_now_has_the_dataset_read_again(vanishing, output, monkeypatch):
    def note_and_forget(self: TableReader, *_: object) -> None:
        vanishing.clear()
        raise PartVanishedError

    with pytest.raises(OutputError, match="vanish"):
        read_status(str(output))
    monkeypatch.setattr(TableReader, "_note", note_and_forget)
    assert read_status(str(output)).recordings.known == 4


def refused(output: object) -> str:
    with pytest.raises(UsageError) as error:
        read_status(str(output))
    return str(error.value)


def test_what_is_no_dataset_is_refused_with_what_was_expected(output, tmp_path):
    file = tmp_path / "file"
    file.touch()
    (tmp_path / "empty").mkdir()
    assert "does not exist" in refused(tmp_path / "nothing")
    assert "is a file" in refused(file)
    assert "is no dataset" in refused(tmp_path / "empty")
    assert "variable" in refused("")
    assert "nosuch" in refused("nosuch://bucket/out")
    assert f"Did you mean {output}?" in refused(tmp_path / "ouput")
    assert f"Did you mean {output}?" in refused(output / "transcripts")
    assert f"Did you mean {output}?" in refused(tmp_path)


def test_another_schema_version_is_refused(tmp_path):
    create_dataset(str(tmp_path))
    schema = schema_of(Table.FAILURES).with_metadata({VERSION_KEY: b"99"})
    pq.write_table(pa.Table.from_batches([], schema), tmp_path / "failures" / "part-0-schema.parquet")
    assert "failures/ has schema version 99, this release reads 1" in refused(tmp_path)


def test_an_empty_dataset_is_one(tmp_path):
    create_dataset(str(tmp_path))
    found = read_status(str(tmp_path))
    assert (found.recordings.known, found.last_run, found.spending.runs) == (0, None, 0)
    assert "No run has left a record." in shown(tmp_path)


RUNS = (OLD, NEW, "20260103T000000Z-0a0b0c0d")
MARKS = st.sampled_from([MARK, Mark(100, "8"), None])
TRANSCRIPTS = st.builds(
    transcript_of,
    uri=st.sampled_from("abc"),
    channel=st.integers(0, 1),
    status=st.sampled_from([Status.COMPLETE, Status.PARTIAL]),
    segments=st.just(3),
    failed_segments=st.integers(0, 2),
    mark=MARKS,
)


@st.composite
def failures(draw: st.DrawFn) -> Failure:
    made = failure_of(draw(st.sampled_from("abcd")), draw(st.sampled_from([None, 0, 1])))
    retryable = draw(st.booleans())
    if made.segment_index is not None:
        return replace(made, retryable=retryable)
    code = draw(st.sampled_from(["NotAudio", "NotFound"]))
    return replace(made, code=code, retryable=retryable, mark=draw(MARKS), settings=SETTINGS)


ROWS = st.lists(st.tuples(st.sampled_from(RUNS), st.one_of(TRANSCRIPTS, failures())), max_size=7)
ENDS = st.lists(
    st.sampled_from(
        [
            {},
            {"exit_code": 4, "stopped": "BudgetReached: x"},
            {"ended_at": None, "exit_code": None, "counts": None},
        ]
    ),
    min_size=3,
    max_size=3,
)


def key_of(run_id: str, row: Transcript | Failure) -> tuple[object, ...]:
    return type(row), row.audio_uri, row.channel, getattr(row, "segment_index", None), run_id


@settings(max_examples=60, deadline=None)
@given(ROWS, ENDS, st.sampled_from(["mix", "split"]))
def test_what_is_skipped_is_what_the_next_run_skips(rows, ends, channels):
    rows = list({key_of(*each): each for each in rows}.values())
    with TemporaryDirectory() as folder:
        for run_id, changes in zip(RUNS, ends, strict=True):
            write(Path(folder), run_id, [row for its_run, row in rows if its_run == run_id])
            note(Path(folder), run_id, channels, **changes)
        found = read_status(folder)
        known = dict(finished_recordings(folder, "passing"))
        known_of_all = dict(finished_recordings(folder, "all"))
    newest = {key_of("", row): row for _, row in sorted(rows, key=lambda each: each[0])}
    standing = newest_of_each(newest.values(), rows, ends)
    skipped, failing, skipped_with_all = (
        sum(bool(marks) and all(test(digest) for digest in marks) for marks in standing.values())
        for test in (known.__contains__, lambda digest: known.get(digest, False), known_of_all.__contains__)
    )
    reading = found.next_run.recordings
    assert (reading.skipped + reading.still_failing, reading.still_failing, reading.skipped) == (
        skipped, failing, skipped_with_all,
    )  # fmt: skip


def newest_of_each(newest, rows, ends) -> dict[str, list[bytes]]:
    """For each recording the digests by which a listing would ask for it."""
    ended = {run_id for run_id, changes in zip(RUNS, ends, strict=True) if changes.get("counts", 0) == 0}
    met: dict[str, str] = defaultdict(str)
    for run_id, row in rows:
        if run_id not in ended:
            met[row.audio_uri] = max(met[row.audio_uri], run_id)
    run_of = {id(row): run_id for run_id, row in rows}
    digests: dict[str, list[bytes]] = {}
    for row in newest:
        of_recording = digests.setdefault(row.audio_uri, [])
        if isinstance(row, Failure) and (
            row.segment_index is not None or run_of[id(row)] < met[row.audio_uri]
        ):
            continue
        transcribed = any(isinstance(each, Transcript) and each.audio_uri == row.audio_uri for each in newest)
        if row.mark is not None:
            of_recording.append(recording_digest(row.audio_uri, row.mark, SETTINGS))
        elif isinstance(row, Transcript) or not transcribed:
            of_recording.append(b"never known")
    return digests


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    sounds.some_wavs(tmp_path / "in", 12, seconds=0.3)
    (tmp_path / "in" / "broken.wav").write_bytes(b"no sound")
    (tmp_path / "tmp").mkdir()
    return tmp_path


def wait_for(output: Path, process, enough) -> DatasetStatus:
    """The status of a run at work, as soon as it is as far as that."""
    give_up_at = time.monotonic() + command.PATIENCE_SECONDS
    while time.monotonic() < give_up_at and process.poll() is None:
        try:
            found = read_status(str(output))
        except UsageError:
            found = None  # it has not made its folders yet
        if found is not None and enough(found):
            return found
        time.sleep(0.05)
    raise AssertionError("the run did not come so far")


def test_a_run_is_told_at_work_killed_and_after_it_was_continued(serve, corpus, local_credentials):
    output = corpus / "out"
    service = serve(latency_ms=(150, 200))
    given = command.settings(service, concurrency=1, output__rows_per_part=1)
    process = command.start_apart(
        ["run", "--input=in", "--output=out", *given], corpus, {"TMPDIR": str(corpus / "tmp")}
    )
    try:
        found = wait_for(output, process, lambda each: each.segments.answered >= 3)
        assert (found.at_work.working, found.at_work.pid) == (Working.YES, process.pid)
        assert found.last_run is not None
        assert found.last_run.state is RunState.GOING_ON
        assert found.last_run.run_id == found.at_work.run_id
        assert not found.next_run.possible
        assert found.spending.billed_uncounted >= 3
        assert "A run is going on" in shown(output)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        command.ended(process)
    killed = read_status(str(output))
    assert killed.at_work.working is Working.NO
    assert killed.last_run is not None
    assert killed.last_run.state is RunState.KILLED
    assert killed.next_run.possible
    assert killed.next_run.continues
    assert killed.next_run.recordings.continued >= 3
    assert killed.sound.begun_seconds == pytest.approx(0.3 * killed.segments.answered)
    assert killed.segments.answered == len(command.rows(output, "segments"))
    assert killed.spending.billed_calls <= service.stats().billed + 1
    billed = killed.spending.billed_calls

    run = command.beamscribe("run", "--input", corpus / "in", "--output", output, *command.settings(service))
    assert run.code == 3, run.stderr
    done = read_status(str(output))
    assert done.recordings == replace(done.recordings, known=13, complete=12, failed=1, unfinished=0)
    assert done.segments.answered == len(command.rows(output, "segments")) == 12
    assert [(each.code, each.failures) for each in done.failures.by_code] == [("NotAudio", 1)]
    assert done.sound.begun_seconds == 0
    assert done.next_run.nothing_to_do
    assert (done.spending.runs, done.spending.runs_without_counts, done.spending.runs_unknown) == (2, 1, 0)
    assert billed <= done.spending.billed_calls <= service.stats().billed + 1
    assert done.spending.reused_answers >= 3
    again = command.beamscribe(
        "run", "--input", corpus / "in", "--output", output, *command.settings(service)
    )
    assert again.code == 3, again.stderr
    [*_, record] = command.records(output)
    reading = done.next_run.recordings
    assert (record["skipped_files"], record["files_still_failing"]) == (
        reading.skipped,
        reading.still_failing,
    )


def test_lengths_are_those_of_the_recordings(serve, tmp_path, local_credentials):
    sounds.some_wavs(tmp_path / "in", 2, seconds=1.5)
    output = tmp_path / "out"
    run = command.beamscribe(
        "run", "--input", tmp_path / "in", "--output", output, *command.settings(serve())
    )
    assert run.code == 0, run.stderr
    found = read_status(str(output))
    assert (found.sound.audio_seconds, found.sound.channel_seconds) == (3.0, 3.0)
    [record] = command.records(output)
    assert found.sound.speech_seconds == pytest.approx(record["speech_seconds"], abs=0.01)
    assert found.spending.cost == (Money(record["cost"], "CNY"),)
