from __future__ import annotations

import csv
import errno
import io
import json
import os
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile
from rich.console import Console

from pipeline import export_rows
from pipeline.export_names import export_stem
from pipeline.exports import ExportArguments, Exported, export, parse_formats
from pipeline.outcome import ExitCode
from tests.e2e.command import beamscribe, rows, settings
from tests.e2e.sounds import chatter, write_wav
from tests.pipeline.test_finished import partial, transcript_of, write
from tests.pipeline.test_subtitles import parsed_srt, parsed_vtt
from tests.transforms.dataset_samples import RATE, failure_of, utterance_of
from tests.transforms.memory_files import MemoryStore
from transforms.errors import UsageError
from transforms.folders import LocalFolder, OutputError
from transforms.parts import PartWriter, Rolling
from transforms.records import Status, Utterance
from transforms.rows import segment_row
from transforms.schemas import VERSION_KEY, Table

FIRST, SECOND, THIRD = (f"2026010{day}T000000Z-0000000{day}" for day in (1, 2, 3))


def exported(output: Path | str, formats: str = "txt", to: Path | str | None = None) -> tuple[Exported, str]:
    said = io.StringIO()
    found = export(
        ExportArguments(str(output), (formats,), None if to is None else str(to)),
        Console(file=said, width=80),
    )
    return found, said.getvalue()


def text_of(output: Path, uri: str, channel: int = 0) -> str:
    return (output / "exports" / "txt" / f"{export_stem(uri, channel)}.txt").read_text("utf-8")


def said(uri: str, *texts: str, **span: int) -> list[Utterance]:
    return [
        utterance_of(uri, index, text=text, start=index * RATE, end=(index + 1) * RATE, **span)
        for index, text in enumerate(texts)
    ]


def whole(uri: str, *texts: str, channel: int = 0) -> list[object]:
    transcript = transcript_of(uri, channel, text=" ".join(texts), segments=len(texts))
    return [*said(uri, *texts, channel=channel), transcript]


# ---- a dataset of a real run


@pytest.fixture
def corpus(serve, local_credentials, tmp_path: Path) -> Path:
    """Recordings whose names are hard, transcribed by the local service."""
    heard = tmp_path / "in"
    for seed, name in enumerate(
        [b"a/talk.wav", b"b/talk.wav", b"b/talk.flac", "c/你好: 1?.wav".encode(), b"c/\xff.wav"]
    ):
        path = Path(os.fsdecode(os.fsencode(heard) + b"/" + name))
        path.parent.mkdir(parents=True, exist_ok=True)
        write_wav(path, chatter(2, seed))
    stereo = np.stack([chatter(1, 8), chatter(1, 9)], axis=1)
    soundfile.write(heard / "a" / "stereo.wav", stereo, RATE)
    (heard / "broken.wav").write_bytes(b"no sound")
    ended = beamscribe(
        "run", f"--input={heard}", f"--output={tmp_path / 'out'}", *settings(serve(), audio__channels="split")
    )
    assert ended.code == 3
    return tmp_path / "out"


def test_every_recording_is_exported_in_every_form(corpus):
    found, message = exported(corpus, "srt,vtt,txt,jsonl,csv")
    assert found.exit_code is ExitCode.SOME_FAILED
    assert (found.recordings, found.incomplete) == (6, 1)
    assert found.files == {"srt": 7, "vtt": 7, "txt": 7, "jsonl": 1, "csv": 1}
    assert "broken.wav: failed (NotAudio): there is nothing to export" in message
    folder = corpus / "exports"
    transcripts = rows(corpus, "transcripts")
    for transcript in transcripts:
        stem = export_stem(transcript["audio_uri"], transcript["channel"])
        cues = parsed_srt((folder / "srt" / f"{stem}.srt").read_text("utf-8"))
        assert parsed_vtt((folder / "vtt" / f"{stem}.vtt").read_text("utf-8")) == cues
        assert " ".join(line for cue in cues for line in cue.lines) == transcript["text"]
        assert (folder / "txt" / f"{stem}.txt").read_text("utf-8") == transcript["text"] + "\n"
    assert {len(list((folder / name).iterdir())) for name in ("srt", "vtt", "txt")} == {7}


def test_jsonl_and_csv_hold_every_column_and_the_words(corpus):
    exported(corpus, "csv,jsonl")
    transcripts = rows(corpus, "transcripts")
    lines = [
        json.loads(line)
        for line in (corpus / "exports" / "transcripts.jsonl").read_text("utf-8").splitlines()
    ]
    segments = [
        {
            "audio_uri": line["audio_uri"],
            "channel": line["channel"],
            "audio_crc32c": line["audio_crc32c"],
            **each,
        }
        for line in lines
        for each in line["segment_list"]
    ]
    for segment in segments:
        assert segment["words"]
    expected = rows(corpus, "segments")
    for row in expected:
        del row["audio"]  # tables of text
        row["recognized_at"] = row["recognized_at"].isoformat(timespec="microseconds")
    assert segments == expected
    assert [{name: line[name] for name in transcripts[0]} for line in lines] == transcripts
    with (corpus / "exports" / "transcripts.csv").open(encoding="utf-8-sig", newline="") as file:
        read = list(csv.DictReader(file))
    assert read == [
        {name: "" if value is None else str(value) for name, value in row.items()} for row in transcripts
    ]


def test_the_dataset_is_as_it_was_and_the_same_command_writes_the_same(corpus):
    def contents() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in corpus.rglob("*") if path.is_file()}

    before = contents()
    exported(corpus, "srt,vtt,txt,jsonl,csv")
    after = contents()
    assert {path: data for path, data in after.items() if "exports" not in path.parts} == before
    exported(corpus, "srt,vtt,txt,jsonl,csv")
    assert contents() == after


def test_a_run_goes_on_beside_exports(corpus, serve, local_credentials, tmp_path):
    exported(corpus)
    again = beamscribe(
        "run",
        f"--input={tmp_path / 'in' / 'a'}",
        f"--output={corpus}",
        *settings(serve(), audio__channels="split"),
    )
    assert again.code == 0
    assert len(rows(corpus, "transcripts")) == 7


# ---- rows of running and killed runs


def test_the_newest_of_two_rows_counts_and_segments_of_two_runs_are_not_mixed(tmp_path):
    write(tmp_path, FIRST, whole("/a", "old", "old too"))
    write(tmp_path, SECOND, whole("/a", "new"))
    found, _ = exported(tmp_path)
    assert (found.recordings, found.incomplete) == (1, 0)
    assert text_of(tmp_path, "/a") == "new\n"


def test_a_newer_transcript_waits_until_its_segments_are_there(tmp_path):
    write(tmp_path, FIRST, whole("/a", "old", "old too"))
    write(tmp_path, SECOND, [*said("/a", "new"), transcript_of("/a", segments=2)])
    found, _ = exported(tmp_path)
    assert text_of(tmp_path, "/a") == "old old too\n"
    assert found.exit_code is ExitCode.DONE


def test_a_newer_transcript_in_which_all_failed_does_not_hide_an_older_text(tmp_path):
    write(tmp_path, FIRST, whole("/a", "old"))
    write(tmp_path, SECOND, [partial("/a", 3), *(failure_of("/a", index) for index in range(3))])
    exported(tmp_path)
    assert text_of(tmp_path, "/a") == "old\n"


def test_a_segment_that_was_written_twice_is_there_once_with_the_latest_answer(tmp_path):
    twice = [utterance_of("/a", text="late", at_us=2), utterance_of("/a", text="early", at_us=1)]
    write(tmp_path, FIRST, [*twice, transcript_of("/a")])
    exported(tmp_path)
    assert text_of(tmp_path, "/a") == "late\n"


def test_what_a_killed_run_left_is_exported_and_named(tmp_path):
    write(tmp_path, FIRST, said("/a", "one", "two", "three"))
    write(tmp_path, SECOND, said("/a", "one again", "two again"))
    # Cut in another way: it would lie over what is there.
    write(tmp_path, FIRST, [utterance_of("/a", 7, text="other cut", start=RATE // 2, end=RATE)])
    found, message = exported(tmp_path, "txt,jsonl,csv")
    text, note = text_of(tmp_path, "/a").split("\n\n")
    assert text == "one again two again three"
    assert note.startswith("[unfinished: no transcript yet")
    assert found.exit_code is ExitCode.SOME_FAILED
    assert "segments answered so far: 3" in message
    line = json.loads((tmp_path / "exports" / "transcripts.jsonl").read_text("utf-8"))
    assert (line["status"], line["duration_ms"], line["run_id"]) == ("partial", None, SECOND)
    assert line["text"] == "one again two again three"


def test_a_text_with_a_hole_says_that_its_end_may_be_missing_too(tmp_path):
    first, _, third = said("/a", "one", "two", "three")
    write(tmp_path, FIRST, [first, third])
    exported(tmp_path, "txt")
    *_, hole, last, note = text_of(tmp_path, "/a").split("\n\n")
    assert (hole.startswith("[not transcribed: "), last) == (True, "three")
    assert note.startswith("[unfinished: no transcript yet")


def test_webvtt_says_in_notes_that_nobody_is_shown_what_is_missing(tmp_path):
    write(tmp_path, FIRST, [*said("/part", "begin"), partial("/part", 2), *whole("/all", "text")])
    exported(tmp_path, "vtt")
    part, everything = (
        (tmp_path / "exports" / "vtt" / f"{export_stem(uri, 0)}.vtt").read_text("utf-8")
        for uri in ("/part", "/all")
    )
    assert part.startswith("WEBVTT\n\nNOTE partial: 2 of 3 segments have no answer\n\nNOTE not transcribed:")
    assert "NOTE" not in everything


def test_partial_and_failed_recordings_are_named(tmp_path):
    write(tmp_path, FIRST, [*said("/part", "begin"), partial("/part", 2), failure_of("/part", 1)])
    write(tmp_path, FIRST, [*whole("/damaged", "hm"), failure_of("/gone"), *whole("/away", "here")])
    write(tmp_path, SECOND, [failure_of("/away")])
    write(
        tmp_path,
        THIRD,
        [transcript_of("/damaged", status=Status.PARTIAL, segments=0)],
    )
    found, message = exported(tmp_path)
    assert (found.recordings, found.incomplete) == (3, 4)
    assert "/part: partial: 2 of 3 segments have no answer" in message
    assert "/damaged: partial: the recording is damaged" in message
    assert "/gone: failed (NotAudio): there is nothing to export" in message
    assert "/away: failed in a later run (NotAudio): its earlier transcript was exported" in message
    assert text_of(tmp_path, "/away") == "here\n"


def test_a_text_says_where_an_answer_is_missing(tmp_path):
    spoken = said("/a", "begin", "lost", "end", "lost")
    transcript = partial("/a", 2, duration_samples=4 * RATE)
    write(tmp_path, FIRST, [spoken[0], spoken[2], replace(transcript, segments=4)])
    exported(tmp_path)
    assert text_of(tmp_path, "/a").split("\n\n") == [
        "begin",
        "[not transcribed: 00:00:01.000 to 00:00:02.000]",
        "end",
        "[not transcribed: 00:00:03.000 to 00:00:04.000]\n",
    ]


def test_a_pause_begins_a_paragraph(tmp_path):
    parts = [("one", 0, 1), ("two", 1, 2), ("three", 4, 5)]
    spoken = [
        utterance_of("/a", index, text=text, start=start * RATE, end=end * RATE)
        for index, (text, start, end) in enumerate(parts)
    ]
    write(tmp_path, FIRST, [*spoken, transcript_of("/a", segments=3)])
    exported(tmp_path)
    assert text_of(tmp_path, "/a") == "one two\n\nthree\n"


def test_line_ends_of_unicode_do_not_end_a_line_of_json(tmp_path):
    write(tmp_path, FIRST, whole("/a", "x\u2028y\u0085z"))
    exported(tmp_path, "jsonl")
    [line] = (tmp_path / "exports" / "transcripts.jsonl").read_text("utf-8").splitlines()
    assert json.loads(line)["text"] == "x\u2028y\u0085z"


def test_a_dataset_without_rows_is_exported_as_nothing(tmp_path):
    write(tmp_path, FIRST, [])
    found, _ = exported(tmp_path, "srt,csv")
    assert (found.recordings, found.exit_code) == (0, ExitCode.DONE)
    assert len((tmp_path / "exports" / "transcripts.csv").read_text("utf-8-sig").splitlines()) == 1


# ---- parts that are damaged or replaced


def parts(output: Path, table: Table, run_id: str) -> list[Path]:
    return sorted((output / table.value).glob(f"part-{run_id}-*"))


def test_damaged_parts_are_all_named_and_nothing_is_written(tmp_path):
    write(tmp_path, FIRST, whole("/a", "text"))
    damaged = [*parts(tmp_path, Table.SEGMENTS, FIRST), *parts(tmp_path, Table.TRANSCRIPTS, FIRST)]
    for part in damaged:
        part.write_bytes(part.read_bytes()[:-20])
    with pytest.raises(OutputError) as raised:
        exported(tmp_path)
    assert all(part.name in str(raised.value) for part in damaged)
    assert not (tmp_path / "exports").exists()


def test_a_part_that_is_replaced_meanwhile_is_looked_for_again(tmp_path, monkeypatch):
    write(tmp_path, FIRST, whole("/a", "text"))
    [old] = parts(tmp_path, Table.SEGMENTS, FIRST)
    listed = LocalFolder.names
    looks = []

    def replaced_after_listing(folder: LocalFolder) -> list[str]:
        names = listed(folder)
        if folder.path.name == "segments":
            looks.append(names)
            if len(looks) == 2:
                old.rename(old.with_name(old.name.replace(".parquet", "-r1.parquet")))
        return names

    monkeypatch.setattr(LocalFolder, "names", replaced_after_listing)
    exported(tmp_path)
    assert text_of(tmp_path, "/a") == "text\n"
    assert len(looks) == 5  # for the check, and twice each time that it is read


def test_of_a_part_and_its_rewritten_form_only_that_is_read(tmp_path):
    write(tmp_path, FIRST, whole("/a", "text"))
    [old] = parts(tmp_path, Table.TRANSCRIPTS, FIRST)
    old.with_name(old.name.replace(".parquet", "-r1.parquet")).write_bytes(old.read_bytes())
    old.write_bytes(b"half removed")
    found, _ = exported(tmp_path)
    assert found.recordings == 1


def test_parts_that_are_replaced_for_ever_end_the_command(tmp_path, monkeypatch):
    write(tmp_path, FIRST, whole("/a", "text"))
    monkeypatch.setattr(export_rows, "_filled", lambda *_: False)
    with pytest.raises(OutputError, match="again in a minute"):
        exported(tmp_path)


# ---- files


def test_a_file_that_cannot_be_written_leaves_the_old_one_whole(tmp_path, monkeypatch):
    write(tmp_path, FIRST, [*whole("/a", "old"), *whole("/b", "old")])
    exported(tmp_path, "txt,jsonl")
    before = (tmp_path / "exports" / "transcripts.jsonl").read_bytes()
    write(tmp_path, SECOND, [*whole("/a", "new"), *whole("/b", "new")])
    replace_file = Path.replace

    def full(path: Path, target: Path) -> Path:
        if target.name.startswith("b."):
            raise OSError(errno.ENOSPC, "No space left on device")
        return replace_file(path, target)

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OutputError, match=r"b\.\w+\.txt: cannot write it .*free some space"):
        exported(tmp_path, "txt,jsonl")
    assert (tmp_path / "exports" / "transcripts.jsonl").read_bytes() == before
    assert (text_of(tmp_path, "/a"), text_of(tmp_path, "/b")) == ("new\n", "old\n")
    assert not list((tmp_path / "exports").rglob(".beamscribe*"))


def test_files_of_recordings_that_are_gone_stay_and_are_named(tmp_path):
    write(tmp_path / "one", FIRST, [*whole("/a", "text"), *whole("/b", "text")])
    write(tmp_path / "two", FIRST, whole("/b", "text"))
    exported(tmp_path / "one", "srt", tmp_path / "to")
    (tmp_path / "to" / "srt" / "mine.srt").write_text("kept")
    found, message = exported(tmp_path / "two", "srt", tmp_path / "to")
    assert (found.left, found.left_names) == (1, [f"srt/{export_stem('/a', 0)}.srt"])
    assert found.left_names[0] in message
    assert len(list((tmp_path / "to" / "srt").iterdir())) == 3


def test_only_so_many_are_named(tmp_path):
    write(tmp_path, FIRST, [failure_of(f"/{number}") for number in range(25)])
    found, message = exported(tmp_path)
    assert (found.incomplete, len(found.problems)) == (25, 20)
    assert "nothing to export: 25\n" in message


# ---- wrong usage


@pytest.mark.parametrize(
    "to", ["segments", "transcripts/x", "failures", "runs", ".beamscribe", "x/../segments"]
)
def test_tables_are_no_place_for_exports(to, tmp_path):
    write(tmp_path, FIRST, [])
    with pytest.raises(UsageError, match="not for exports"):
        exported(tmp_path, "txt", f"{tmp_path}/{to}")


def test_a_link_into_a_table_is_no_place_either(tmp_path):
    write(tmp_path / "out", FIRST, [])
    (tmp_path / "link").symlink_to(tmp_path / "out" / "segments")
    with pytest.raises(UsageError, match="not for exports"):
        exported(tmp_path / "out", "txt", tmp_path / "link")


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    write(tmp_path / "out", FIRST, [])
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="--to"):
        exported(tmp_path / "out", "txt", tmp_path / "file")
    with pytest.raises(UsageError, match="empty"):
        exported(tmp_path / "out", "txt", "")


@pytest.mark.parametrize(("given", "near"), [("str", "srt"), ("json", "jsonl"), ("text", "txt")])
def test_an_unknown_format_is_told_with_the_nearest_one(given, near):
    with pytest.raises(UsageError, match=f"--format '{given}': .* Did you mean {near}"):
        parse_formats((f"vtt,{given}",))


def test_formats_may_be_repeated_and_divided_by_commas():
    assert parse_formats(("csv, .SRT", "srt,vtt,")) == ("srt", "vtt", "csv")
    with pytest.raises(UsageError, match="srt, vtt, txt, jsonl, csv"):
        parse_formats((",",))


def test_what_is_no_dataset_is_told_and_nothing_is_made(tmp_path):
    with pytest.raises(UsageError):
        exported(tmp_path / "none")
    with pytest.raises(UsageError):
        exported(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_another_schema_version_is_told(tmp_path):
    write(tmp_path, FIRST, whole("/a", "text"))
    for path in (tmp_path / "segments").glob("*.parquet"):
        table = pq.read_table(path)
        pq.write_table(table.replace_schema_metadata({**table.schema.metadata, VERSION_KEY: b"0"}), path)
    with pytest.raises(UsageError, match="schema version 0"):
        exported(tmp_path)
    assert not (tmp_path / "exports").exists()


def test_memory_holds_some_rows_and_one_recording_and_not_the_dataset(tmp_path, monkeypatch):
    monkeypatch.setattr(export_rows, "_BATCH_ROWS", 20)
    peaks = []
    for count in (200, 200, 1000):  # the first one also pays for what is kept from then on
        output = tmp_path / f"{count}-{len(peaks)}"
        write(output, FIRST, [])
        writer = PartWriter(LocalFolder(output / "segments"), Table.SEGMENTS, FIRST, Rolling())
        for number in range(count):
            writer.add(dict(segment_row(utterance_of(f"/{number}", text="word " * 200), FIRST)))
        writer.flush()
        tracemalloc.start()
        assert sum(1 for _ in export_rows.recordings_of(str(output))) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < 1.5 * peaks[1]


def test_a_dataset_behind_a_uri_is_read_there_and_exported_to_one(tmp_path):
    write(tmp_path, FIRST, [*whole("/a", "one", "two"), *whole("/b", "three")])
    MemoryStore.files.clear()
    for path in tmp_path.rglob("*.parquet"):
        MemoryStore.files[f"memstore://data/{path.relative_to(tmp_path)}"] = path.read_bytes()
    read = {*MemoryStore.files}
    exported(tmp_path, "srt,txt,csv,jsonl")
    for _ in range(2):
        found, message = exported("memstore://data", "srt,txt,csv,jsonl")
        assert found.files == {"srt": 2, "txt": 2, "jsonl": 1, "csv": 1}
        assert "memstore://data/exports" in message
    there = {
        name.removeprefix("memstore://data/exports/"): content
        for name, content in MemoryStore.files.items()
        if name not in read
    }
    here = tmp_path / "exports"
    assert there == {str(path.relative_to(here)): path.read_bytes() for path in here.rglob("*.*")}


def test_a_file_uri_is_the_folder_that_it_names(tmp_path):
    write(tmp_path, FIRST, whole("/a", "one"))
    exported(tmp_path.as_uri(), "txt,csv", to=(tmp_path / "with space").as_uri())
    assert {path.name for path in (tmp_path / "with space").iterdir()} == {"txt", "transcripts.csv"}
