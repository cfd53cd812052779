from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile

from pipeline.service.faults import parse_fault
from tests.e2e.command import Ended, Row, beamscribe, records, rows, settings
from tests.e2e.sounds import RATE, chatter, heard, some_wavs, write_wav
from tests.transforms.log_paths import frames_of
from transforms.answer_entry import Answered, decode

REFUSED_FOR_GOOD = "InvalidParameterValue.ErrorInvalidVoicedata"


def transcribe(service, folder: Path, **changes: object) -> Ended:
    return beamscribe(
        "run", "--input", folder / "in", "--output", folder / "out", *settings(service, **changes)
    )


def last(folder: Path, *columns: str) -> tuple[object, ...]:
    """What the latest run recorded."""
    record = records(folder / "out")[-1]
    return tuple(record[column] for column in columns)


def texts(folder: Path) -> dict[str, str]:
    return {Path(row["audio_uri"]).name: row["text"] for row in rows(folder / "out", "transcripts")}


def put_in_place(path: Path, replacement: bytes) -> None:
    """Other content of the same size under the same name and modification mark."""
    before = path.stat()
    assert len(replacement) == before.st_size
    path.write_bytes(replacement)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def wav_of(folder: Path, seconds: float, seed: int) -> bytes:
    path = write_wav(folder / "spare.wav", chatter(seconds, seed))
    content = path.read_bytes()
    path.unlink()
    return content


def test_the_same_command_again_calls_nobody_and_reads_no_recording(serve, tmp_path):
    some_wavs(tmp_path / "in", 3)
    service = serve()
    assert transcribe(service, tmp_path).code == 0
    before = texts(tmp_path)
    # Whoever read this one would notice.
    put_in_place(tmp_path / "in" / "001.wav", wav_of(tmp_path, 1, seed=60))
    assert transcribe(service, tmp_path).code == 0
    assert texts(tmp_path) == before
    assert service.stats().calls == 3
    assert last(tmp_path, "files", "skipped_files", "audio_seconds", "calls") == (3, 3, 0, 0)


def test_verify_reads_all_and_calls_only_for_what_has_changed(serve, tmp_path):
    some_wavs(tmp_path / "in", 3)
    service = serve()
    assert transcribe(service, tmp_path).code == 0
    assert transcribe(service, tmp_path, input__verify="true").code == 0
    assert service.stats().calls == 3
    assert last(tmp_path, "skipped_files", "audio_seconds", "reused_answers", "billed_calls") == (0, 3, 3, 0)
    put_in_place(tmp_path / "in" / "001.wav", wav_of(tmp_path, 1, seed=60))
    assert transcribe(service, tmp_path, input__verify="true").code == 0
    assert service.stats().calls == 4
    assert texts(tmp_path)["001.wav"] == heard(chatter(1, seed=60))
    assert len(rows(tmp_path / "out", "segments")) == 3


def test_a_renamed_recording_costs_nothing_and_both_names_have_rows(serve, tmp_path):
    some_wavs(tmp_path / "in", 2)
    service = serve()
    assert transcribe(service, tmp_path).code == 0
    (tmp_path / "in" / "moved").mkdir()
    (tmp_path / "in" / "001.wav").rename(tmp_path / "in" / "moved" / "new.wav")
    assert transcribe(service, tmp_path).code == 0
    assert service.stats().calls == 2
    assert last(tmp_path, "skipped_files", "reused_answers", "calls") == (1, 1, 0)
    assert texts(tmp_path) == {
        "000.wav": heard(chatter(1, seed=0)),
        "001.wav": heard(chatter(1, seed=1)),
        "new.wav": heard(chatter(1, seed=1)),
    }
    by_name = {Path(row["audio_uri"]).name: row for row in rows(tmp_path / "out", "segments")}
    # The answer is the same one: when it came, what it was called, how many calls it took.
    for column in ("recognized_at", "request_id", "attempts", "words"):
        assert by_name["new.wav"][column] == by_name["001.wav"][column]


@pytest.mark.parametrize("forms", ["bytes", "sound", "flac"])
def test_equal_recordings_in_one_run_are_called_for_once_though_both_are_in_flight(forms, serve, tmp_path):
    (tmp_path / "in").mkdir()
    samples = chatter(1.5, seed=9)
    first = write_wav(tmp_path / "in" / "a.wav", samples)
    if forms == "bytes":
        shutil.copy(first, tmp_path / "in" / "b.wav")
    elif forms == "sound":  # the same samples in a file of other bytes
        soundfile.write(tmp_path / "in" / "b.wav", samples, RATE, format="WAVEX")
    else:
        soundfile.write(tmp_path / "in" / "b.flac", samples, RATE)
    service = serve(latency_ms=(400, 400))
    assert transcribe(service, tmp_path, concurrency=4).code == 0
    assert service.stats().calls == service.stats().billed == 1
    assert list(texts(tmp_path).values()) == [heard(samples)] * 2
    assert len(rows(tmp_path / "out", "segments")) == 2
    assert last(tmp_path, "calls", "reused_answers", "segments") == (1, 1, 2)


def test_changed_request_options_call_again_and_never_bring_back_an_old_answer(serve, tmp_path):
    some_wavs(tmp_path / "in", 2)
    write_wav(tmp_path / "in" / "long.wav", chatter(3, seed=30))
    service = serve()
    seen = set()
    variants: list[dict[str, object]] = [
        {},
        {"word_info": 0},
        {"hotword_list": "beam|5"},
        {"engine": "16k_zh"},
        {"engine": "8k_zh"},
    ]
    for number, changes in enumerate(variants, start=1):
        assert transcribe(service, tmp_path, **changes).code == 0
        assert service.stats().billed == 3 * number
        segments = rows(tmp_path / "out", "segments")
        seen |= {row["request_id"] for row in segments}
        assert len(segments) == 3
        assert len(seen) == 3 * number
        assert {row["engine"] for row in segments} == {changes.get("engine", "16k_en")}
        assert all(bool(row["words"]) is (changes.get("word_info") != 0) for row in segments)
    # Back to the first ones: all of it is paid for.
    assert transcribe(service, tmp_path).code == 0
    assert service.stats().billed == 3 * len(variants)
    assert {row["request_id"] for row in rows(tmp_path / "out", "segments")} <= seen


def test_changed_output_options_cost_no_call(serve, tmp_path):
    some_wavs(tmp_path / "in", 3)
    service = serve()
    assert transcribe(service, tmp_path).code == 0
    for changes in ({"output__rows_per_part": 1}, {"output__seconds_per_part": 0.001}, {"concurrency": 2}):
        assert transcribe(service, tmp_path, **changes).code == 0
        assert last(tmp_path, "skipped_files", "calls") == (3, 0)
        assert transcribe(service, tmp_path, input__verify="true", **changes).code == 0
    assert service.stats().calls == 3
    assert len(rows(tmp_path / "out", "segments")) == 3


def test_a_changed_recording_costs_only_what_is_new_in_it(serve, tmp_path):
    (tmp_path / "in").mkdir()
    samples = chatter(12, seed=40)
    pauses = [slice(second * RATE, second * RATE + RATE // 2) for second in (2, 4, 7, 9)]
    for pause in pauses:  # each is where a cut falls
        samples[pause] = 0
    write_wav(tmp_path / "in" / "a.wav", samples)
    write_wav(tmp_path / "in" / "b.wav", chatter(1, seed=41))
    service = serve()
    changes = {"segmentation__max_seconds": 3}
    assert transcribe(service, tmp_path, **changes).code == 0
    before = service.stats().billed
    kept = rows(tmp_path / "out", "segments")[:2]
    samples[5 * RATE :] = chatter(7, seed=42)
    for pause in pauses:
        samples[pause] = 0
    write_wav(tmp_path / "in" / "a.wav", samples)
    assert transcribe(service, tmp_path, **changes).code == 0
    segments = rows(tmp_path / "out", "segments")
    new = [row for row in segments if row["run_id"] == records(tmp_path / "out")[-1]["run_id"]]
    assert service.stats().billed == before + len(new) - 2
    assert [row["request_id"] for row in new[:2]] == [row["request_id"] for row in kept]
    assert last(tmp_path, "skipped_files", "reused_answers") == (1, 2)
    for row in new:
        assert row["text"] == heard(samples[row["start_ms"] * 16 : row["end_ms"] * 16])


def test_only_the_segments_that_failed_for_a_passing_reason_are_called_for_again(serve, tmp_path):
    (tmp_path / "in").mkdir()
    write_wav(tmp_path / "in" / "a.wav", chatter(6, seed=42))
    script = tmp_path / "script.json"
    script.write_text(json.dumps([{"text": "one"}, {"text": "two"}]))  # then ErrorRecognize
    changes = {"segmentation__max_seconds": 2, "concurrency": 1, "max_attempts": 1}
    assert transcribe(serve(recognizer="script", script_path=str(script)), tmp_path, **changes).code == 3
    [partial] = rows(tmp_path / "out", "transcripts")
    failing = len(rows(tmp_path / "out", "failures"))
    assert (partial["status"], partial["failed_segments"], partial["segments"]) == (
        "partial",
        failing,
        failing + 2,
    )
    service = serve()
    assert transcribe(service, tmp_path, **changes).code == 0
    assert service.stats().calls == failing >= 1
    assert rows(tmp_path / "out", "failures") == []
    assert [row["text"] for row in rows(tmp_path / "out", "segments")[:2]] == ["one", "two"]
    assert [row["status"] for row in rows(tmp_path / "out", "transcripts")] == ["complete"]


def test_what_failed_for_good_is_tried_again_only_when_all_is(serve, tmp_path):
    some_wavs(tmp_path / "in", 3)
    service = serve(faults=(parse_fault(f"code:{REFUSED_FOR_GOOD}=first:1"),))
    assert transcribe(service, tmp_path, concurrency=1).code == 3
    [failure] = rows(tmp_path / "out", "failures")
    for changes in ({}, {"input__verify": "true"}, {"output__rows_per_part": 1}):
        assert transcribe(service, tmp_path, **changes).code == 3
        assert service.stats().calls == 3
        [still] = rows(tmp_path / "out", "failures")
        assert (still["code"], still["message"]) == (REFUSED_FOR_GOOD, failure["message"])
        assert (still["request_id"], still["attempts"]) == (failure["request_id"], 1)
    assert transcribe(service, tmp_path, input__retry_failed="all").code == 0
    assert service.stats().calls == 4
    assert rows(tmp_path / "out", "failures") == []
    assert transcribe(service, tmp_path).code == 0
    assert service.stats().calls == 4


def test_what_was_found_empty_stays_so_and_keeps_its_time(serve, tmp_path):
    some_wavs(tmp_path / "in", 2)
    service = serve(faults=(parse_fault("code:InvalidParameterValue.NoHumanVoice=first:1"),))
    assert transcribe(service, tmp_path, concurrency=1).code == 0
    before = rows(tmp_path / "out", "segments")
    assert sorted(bool(row["text"]) for row in before) == [False, True]
    assert transcribe(service, tmp_path, input__verify="true", input__retry_failed="all").code == 0
    assert service.stats().calls == 2
    columns = ("audio_uri", "text", "recognized_at", "request_id", "attempts")
    assert [[row[column] for column in columns] for row in rows(tmp_path / "out", "segments")] == [
        [row[column] for column in columns] for row in before
    ]


def damages(size: int, chance: random.Random) -> Iterator[tuple[str, int]]:
    """Each fourteenth of the record with a bit of it turned over, then some lengths of it."""
    for part in range(14):
        yield "flip", chance.randrange(size * part // 14, size * (part + 1) // 14)
    for part in range(4):
        yield "cut", chance.randrange(size * part // 4, size * (part + 1) // 4)


@pytest.mark.thorough
def test_a_damaged_record_of_paid_answers_never_gives_wrong_text_and_costs_only_what_was_hit(serve, tmp_path):
    some_wavs(tmp_path / "in", 3)
    service = serve()
    assert transcribe(service, tmp_path).code == 0
    whole = tmp_path / "whole"
    (tmp_path / "out" / ".beamscribe").rename(whole)
    [log] = (whole / "answers").glob("*.log")
    answers = [
        (found.offset, found.end) for found in frames_of(log) if isinstance(decode(found.payload), Answered)
    ]
    assert len(answers) == 3
    chance = random.Random(5)
    for kind, position in damages(log.stat().st_size, chance):
        shutil.rmtree(tmp_path / "out")
        shutil.copytree(whole, tmp_path / "out" / ".beamscribe")
        copy = tmp_path / "out" / ".beamscribe" / "answers" / log.name
        content = bytearray(log.read_bytes())
        if kind == "flip":
            content[position] ^= 1 << chance.randrange(8)
            hit = sum(start <= position < end for start, end in answers)
        else:
            del content[position:]
            hit = sum(end > position for _, end in answers)
        copy.write_bytes(content)
        before = service.stats().calls
        run = transcribe(service, tmp_path, input__verify="true")
        assert run.code == 0, (kind, position, run.stdout, run.stderr)
        assert service.stats().calls - before == hit, (kind, position)
        assert texts(tmp_path) == {f"{number:03}.wav": heard(chatter(1, seed=number)) for number in range(3)}


def test_an_answer_is_not_taken_for_that_of_another_recording_of_the_same_name(serve, tmp_path):
    (tmp_path / "in").mkdir()
    service = serve()
    for seed in (1, 2, 1):
        write_wav(tmp_path / "in" / "a.wav", chatter(1, seed=seed))
        assert transcribe(service, tmp_path, input__verify="true").code == 0
        [row] = rows(tmp_path / "out", "segments")
        assert row["text"] == heard(chatter(1, seed=seed))
    assert service.stats().calls == 2


def test_split_channels_that_are_alike_are_paid_for_once(serve, tmp_path):
    (tmp_path / "in").mkdir()
    samples = chatter(1, seed=3)
    soundfile.write(tmp_path / "in" / "a.wav", list(zip(samples, samples, strict=True)), RATE)
    service = serve()
    assert transcribe(service, tmp_path, audio__channels="split").code == 0
    found: list[Row] = rows(tmp_path / "out", "transcripts")
    assert [row["channel"] for row in found] == [0, 1]
    assert len({row["text"] for row in found}) == 1
    assert service.stats().calls == 1
