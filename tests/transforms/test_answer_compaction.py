from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transforms.answer_samples import answered, key, planned, refused
from tests.transforms.log_paths import frames_of, load, save_index
from transforms.answer_compaction import compact, first_to_merge
from transforms.answer_entry import Entry, decode, encode
from transforms.answer_log import HEADER, index_name, log_names, new_name
from transforms.answer_writer import LogWriter
from transforms.folders import OutputError
from transforms.framing import frame
from transforms.local_logs import LocalLogs

ADDED = [answered(number, "x" * number) for number in range(30)]


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def write_log(folder: Path, entries: Iterable[Entry], tail: bytes = b"") -> Path:
    log = folder / new_name(names_in(folder), 0)
    log.write_bytes(HEADER + b"".join(frame(encode(entry)) for entry in entries) + tail)
    return log


def logs_of(folder: Path) -> list[Path]:
    return [folder / name for name in log_names(names_in(folder))]


def entries_of(folder: Path) -> list[Entry | None]:
    return [decode(found.payload) for log in logs_of(folder) for found in frames_of(log)]


def compacted(folder: Path) -> None:
    compact(LocalLogs(folder), clock_us=lambda: 0)


def test_logs_become_one_with_its_index(tmp_path: Path) -> None:
    for entry in ADDED:
        write_log(tmp_path, [entry])
    compacted(tmp_path)
    assert entries_of(tmp_path) == ADDED
    [log] = logs_of(tmp_path)
    assert names_in(tmp_path) == sorted([log.name, index_name(log.name)])
    assert load(log).scanned == 0


def test_what_is_outranked_is_dropped(tmp_path: Path) -> None:
    write_log(tmp_path, [answered(1), refused(2), planned(3, 5), refused(4)])
    write_log(tmp_path, [refused(1), answered(2), planned(3, 7), refused(4)])
    compacted(tmp_path)
    assert entries_of(tmp_path) == [answered(1), answered(2), planned(3, 7), refused(4)]


def test_a_damaged_entry_outranks_nothing(tmp_path: Path) -> None:
    """Even where the index still says that it is there."""
    write_log(tmp_path, [answered(1, "old")])
    newer = write_log(tmp_path, [answered(1, "new"), answered(2)])
    for log in logs_of(tmp_path):
        save_index(log, load(log).index)
    data = bytearray(newer.read_bytes())
    data[data.index(b"new")] ^= 1
    newer.write_bytes(data)
    compacted(tmp_path)
    assert entries_of(tmp_path) == [answered(1, "old"), answered(2)]


def test_damage_is_cut_out_and_later_kinds_are_kept(tmp_path: Path) -> None:
    write_log(tmp_path, ADDED)
    [log] = logs_of(tmp_path)
    later = frame(b"\x02 of a later version")
    log.write_bytes(log.read_bytes() + b"garbage" + later + frame(encode(answered(99))) + b"torn")
    compacted(tmp_path)
    assert entries_of(tmp_path) == [*ADDED, None, answered(99)]
    [log] = logs_of(tmp_path)
    index = load(log).index
    assert (index.skipped, index.covered) == (0, log.stat().st_size)


def test_a_large_old_log_is_left_alone(tmp_path: Path) -> None:
    large = write_log(tmp_path, [answered(number) for number in range(100)])
    for number in range(100, 103):
        write_log(tmp_path, [answered(number)])
    before = large.stat().st_ino
    compacted(tmp_path)
    assert len(logs_of(tmp_path)) == 2
    assert logs_of(tmp_path)[0] == large
    assert large.stat().st_ino == before
    compacted(tmp_path)
    assert len(logs_of(tmp_path)) == 2
    assert len(entries_of(tmp_path)) == 103


def test_the_log_of_a_live_writer_is_left_alone(tmp_path: Path) -> None:
    for entry in ADDED[:2]:
        write_log(tmp_path, [entry])
    writer = LogWriter(LocalLogs(tmp_path), clock_us=lambda: 0)
    writer.append(frame(encode(ADDED[2])))
    compacted(tmp_path)
    writer.append(frame(encode(ADDED[3])))
    assert len(logs_of(tmp_path)) == 2
    writer.close()
    compacted(tmp_path)
    assert sorted(map(str, entries_of(tmp_path))) == sorted(map(str, ADDED[:4]))


def test_what_killed_compactions_left_is_swept(tmp_path: Path) -> None:
    write_log(tmp_path, ADDED)
    (tmp_path / ".beamscribe-0123.tmp").write_bytes(b"half")
    (tmp_path / index_name(new_name([], 0))).write_bytes(b"of a log that is gone")
    compacted(tmp_path)
    assert names_in(tmp_path) == [logs_of(tmp_path)[0].name]


def test_nothing_there_is_nothing_to_do(tmp_path: Path) -> None:
    compacted(tmp_path / "none")
    assert list(tmp_path.iterdir()) == []


@given(st.lists(st.integers(0, 1000)))
def test_each_log_that_stays_is_larger_than_all_newer_ones(sizes: list[int]) -> None:
    first = first_to_merge(sizes, [False] * len(sizes))
    left = [*sizes[:first], *([sum(sizes[first:])] if first < len(sizes) else [])]
    assert all(size > sum(left[number + 1 :]) for number, size in enumerate(left[:-1]))
    # It merges no further back than it must.
    assert first == len(sizes) or sizes[first] <= sum(sizes[first + 1 :])


@given(st.lists(st.integers(1, 100), min_size=1, max_size=200))
def test_the_work_stays_within_n_log_n(nights: list[int]) -> None:
    sizes: list[int] = []
    written = 0
    for night in nights:
        sizes.append(night)
        first = first_to_merge(sizes, [False] * len(sizes))
        if first < len(sizes):
            written += sum(sizes[first:])
            sizes[first:] = [sum(sizes[first:])]
    assert written <= sum(nights) * (sum(nights).bit_length() + 1)
    assert len(sizes) <= sum(nights).bit_length()


def test_a_damaged_log_is_merged_whatever_its_size() -> None:
    assert first_to_merge([100, 10, 1], [False, False, False]) == 3
    assert first_to_merge([100, 10, 1], [False, True, False]) == 1
    assert first_to_merge([100, 10, 1], [False, False, True]) == 2


STEPS = [(os, "fsync"), (os, "write"), (os, "open"), (Path, "replace"), (Path, "unlink"), (os, "close")]


def die_at(folder: Path, step: int) -> None:
    """Compacts, and is gone like a killed process before its step number `step`."""
    left = step

    def counted(call):
        def step_or_die(*arguments, **options):
            nonlocal left
            left -= 1
            if left < 0:
                os._exit(9)
            return call(*arguments, **options)

        return step_or_die

    for owner, name in STEPS:
        setattr(owner, name, counted(getattr(owner, name)))
    compacted(folder)
    os._exit(0)


def test_killed_at_any_step_nothing_is_lost(tmp_path: Path) -> None:
    """The process ends at once, without any clearing up."""
    fork = multiprocessing.get_context("fork")
    step, exit_code = 0, 9
    while exit_code == 9:
        folder = tmp_path / str(step)
        folder.mkdir()
        for first in (0, 10, 20):
            write_log(folder, [*ADDED[first : first + 10], refused(first + 11)])
        child = fork.Process(target=die_at, args=(folder, step))
        child.start()
        child.join(30)
        exit_code = child.exitcode
        held = {entry.key: entry for entry in entries_of(folder) if entry in ADDED}
        assert set(held.values()) == set(ADDED)
        compacted(folder)
        assert [entry for entry in entries_of(folder) if entry != refused(31)] == ADDED
        assert key(31) in {entry.key for entry in entries_of(folder)}
        assert len(logs_of(folder)) == 1
        step += 1
    assert exit_code == 0
    assert step > 20


def test_an_error_while_it_writes_leaves_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for entry in ADDED[:3]:
        write_log(tmp_path, [entry])
    before = names_in(tmp_path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="full"):
        compacted(tmp_path)
    assert names_in(tmp_path) == before
