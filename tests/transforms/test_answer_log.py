from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.transforms.answer_samples import answered, key, refused
from tests.transforms.log_paths import frames_of, is_written, load, read_payload, save_index, scan
from transforms.answer_entry import encode
from transforms.answer_index import LogIndex, offset_of
from transforms.answer_log import (
    HEADER,
    index_name,
    log_names,
    new_name,
)
from transforms.errors import UsageError
from transforms.folders import OutputError
from transforms.framing import frame

FRAMES = [frame(encode(entry)) for entry in (answered(1), refused(2), answered(3))]
END = len(HEADER) + sum(map(len, FRAMES))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / new_name([], 0)
    path.write_bytes(HEADER + b"".join(FRAMES))
    return path


def found(index: LogIndex) -> set[int]:
    return {number for number in (1, 2, 3) if index.run.of(key(number))}


def test_names_sort_by_age_even_if_the_clock_goes_back() -> None:
    first = new_name([], 1_700_000_000_000_000)
    assert first.startswith("answers-20231114T221320000000Z-")
    second = new_name([first, "answers-zzz.log", "notes.txt"], 5)
    third = new_name([second, first], 1_800_000_000_000_000)
    assert log_names(["notes.txt", third, index_name(first), first, second]) == [first, second, third]
    assert new_name([], 5) != new_name([], 5)


def test_a_log_is_read_without_an_index(log: Path) -> None:
    loaded = load(log)
    assert (loaded.index.covered, loaded.index.skipped, loaded.scanned) == (END, 0, END)
    assert found(loaded.index) == {1, 2, 3}
    [place] = loaded.index.run.of(key(3))
    assert read_payload(log, offset_of(place)) == encode(answered(3))
    assert [one.payload for one in frames_of(log)] == [
        encode(answered(1)),
        encode(refused(2)),
        encode(answered(3)),
    ]


def test_an_index_saves_reading_what_it_covers(log: Path) -> None:
    save_index(log, load(log).index)
    with log.open("ab") as file:
        file.write(frame(encode(answered(4))))
    loaded = load(log)
    assert loaded.scanned == len(frame(encode(answered(4))))
    assert found(loaded.index) == {1, 2, 3}
    assert loaded.index.run.of(key(4))


def test_an_index_that_is_damaged_or_ahead_is_made_again(log: Path) -> None:
    whole = load(log).index
    save_index(log, whole)
    file = log.with_name(index_name(log.name))
    stored = file.read_bytes()
    for at in range(len(stored)):
        file.write_bytes(stored[:at] + bytes([stored[at] ^ 4]) + stored[at + 1 :])
        assert load(log).scanned == END
    file.write_bytes(stored)
    assert load(log).scanned == 0
    os.truncate(log, END - 1)
    loaded = load(log)
    assert found(loaded.index) == {1, 2}
    assert loaded.index.covered == END - len(FRAMES[2])


def test_what_was_appended_is_read_alone(log: Path) -> None:
    os.truncate(log, END - 5)
    known = scan(log, LogIndex())
    assert found(known) == {1, 2}
    log.write_bytes(HEADER + b"".join(FRAMES))
    tail = scan(log, LogIndex(covered=known.covered, skipped=known.skipped))
    assert found(tail) == {3}
    assert (tail.covered, tail.skipped) == (END, 0)


def test_a_damaged_header_costs_no_entry(log: Path) -> None:
    data = log.read_bytes()
    for at in range(len(HEADER)):
        log.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        index = load(log).index
        assert found(index) == {1, 2, 3}
        assert index.skipped == len(HEADER)


def test_a_later_format_is_refused_with_a_word(log: Path) -> None:
    header = frame(b'\x00beamscribe answers {"format": 2}')
    log.write_bytes(header + FRAMES[0])
    with pytest.raises(UsageError, match="format 2, which a later version"):
        load(log)


def test_entries_of_a_later_version_are_passed_over(log: Path) -> None:
    log.write_bytes(HEADER + FRAMES[0] + frame(b"\x02?") + FRAMES[2])
    index = load(log).index
    assert found(index) == {1, 3}
    assert index.skipped == 0


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    gone = tmp_path / new_name([], 0)
    for read in (load, is_written, lambda path: read_payload(path, 0)):
        with pytest.raises(FileNotFoundError):
            read(gone)
    gone.mkdir()
    with pytest.raises(OutputError, match="cannot read it"):
        load(gone)
