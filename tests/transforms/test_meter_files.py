from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from transforms.meter_files import (
    FailureNotes,
    borrowed_meter,
    give_back_meter,
    meter_readings,
    watch_meters,
)
from transforms.reading import Reading
from transforms.records import Failure, Stage

FAILURE = Failure("/a.wav", Stage.DECODE, "NotAudio", "why", retryable=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    watch_meters(tmp_path, each_failure=True)
    return tmp_path


def test_what_is_counted_can_be_seen_and_goes_on_being_counted(folder):
    file = borrowed_meter(folder)
    file.meter.add(Reading(calls=2))
    file.write()
    [first] = meter_readings(folder)
    file.meter.add(Reading(calls=3))
    give_back_meter(file)
    [second] = meter_readings(folder)
    assert (first.counts.calls, second.counts.calls, first.process) == (2, 5, second.process)
    assert first.begun_at <= first.at <= second.at


def test_all_in_a_process_share_one_meter_until_the_last_has_given_it_back(folder):
    first, second = borrowed_meter(folder), borrowed_meter(folder)
    assert first is second
    give_back_meter(first)
    second.meter.add(Reading(calls=1))
    give_back_meter(second)
    later = borrowed_meter(folder)
    assert later is not first
    later.meter.add(Reading(calls=4))
    give_back_meter(later)
    assert sorted(each.counts.calls for each in meter_readings(folder)) == [1, 4]


def test_what_a_process_that_was_killed_had_written_stays(folder):
    script = (
        "import os, pathlib, sys\n"
        "from transforms.meter_files import borrowed_meter\n"
        "from transforms.reading import Reading\n"
        "file = borrowed_meter(pathlib.Path(sys.argv[1]))\n"
        "file.meter.add(Reading(calls=7))\n"
        "file.write()\n"
        "os.kill(os.getpid(), 9)\n"
    )
    for _ in range(2):  # and the one that takes its place counts from nothing under another name
        subprocess.run([sys.executable, "-c", script, folder], check=False)
    assert [each.counts.calls for each in meter_readings(folder)] == [7, 7]


def test_nobody_writes_where_nobody_watches(tmp_path):
    file = borrowed_meter(tmp_path)
    file.failed(FAILURE)
    give_back_meter(file)
    assert list(tmp_path.iterdir()) == []
    assert list(meter_readings(tmp_path)) == []
    assert list(FailureNotes(tmp_path).new()) == []


def test_a_folder_that_has_gone_is_no_failure(folder):
    file = borrowed_meter(folder)
    (folder / "progress" / "failures").rmdir()
    (folder / "progress").rmdir()
    file.failed(FAILURE)
    file.write()
    give_back_meter(file)
    assert file.meter.read()[1] == Reading()


def test_a_file_that_is_no_reading_is_passed_over(folder):
    for number, text in enumerate(
        ("", "[]", '{"begun_at": 1}', '{"begun_at":1,"at":2,"counts":{"calls":"x"}}')
    ):
        (folder / "progress" / f"{number}.json").write_text(text)
    assert list(meter_readings(folder)) == []


def test_each_failure_is_handed_on_once(folder):
    file = borrowed_meter(folder)
    notes = FailureNotes(folder)
    file.failed(FAILURE)
    [note] = notes.new()
    assert (note.stage, note.code, note.audio_uri, note.retryable) == ("decode", "NotAudio", "/a.wav", False)
    assert (note.channel, note.segment_index) == (None, None)
    assert list(notes.new()) == []
    file.failed(FAILURE)
    assert len(list(notes.new())) == 1
    give_back_meter(file)


def test_failures_are_noted_only_for_those_who_want_each(tmp_path):
    watch_meters(tmp_path, each_failure=False)
    file = borrowed_meter(tmp_path)
    file.failed(FAILURE)
    give_back_meter(file)
    assert list(FailureNotes(tmp_path).new()) == []
