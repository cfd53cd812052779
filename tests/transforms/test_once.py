from __future__ import annotations

import multiprocessing
import threading
import time
from pathlib import Path

import pytest

from transforms.once import KeyLocks, Once


def test_work_that_is_going_on_is_waited_for():
    once: Once[int] = Once()
    gate, begun = threading.Event(), threading.Event()
    calls = []

    def work() -> int:
        calls.append(1)
        begun.set()
        assert gate.wait(30)
        return 42

    results: list[tuple[int, bool]] = []
    threads = [threading.Thread(target=lambda: results.append(once.do(b"k", work))) for _ in range(8)]
    threads[0].start()
    assert begun.wait(30)
    for thread in threads[1:]:
        thread.start()
    assert once.do(b"other", lambda: 7) == (7, True)
    time.sleep(0.05)
    gate.set()
    for thread in threads:
        thread.join()
    assert len(calls) == 1
    assert sorted(results) == [(42, False)] * 7 + [(42, True)]
    assert once.do(b"k", lambda: 43) == (43, True)


def test_an_error_reaches_everybody_and_leaves_nothing_behind():
    once: Once[int] = Once()

    def work() -> int:
        raise KeyError("gone")

    with pytest.raises(KeyError):
        once.do(b"k", work)
    assert once.do(b"k", lambda: 1) == (1, True)


def count(folder: Path, times: int) -> None:
    locks = KeyLocks(folder / "locks")
    for _ in range(times):
        with locks.holding(b"same key"):
            value = int((folder / "count").read_text())
            time.sleep(0.001)
            (folder / "count").write_text(str(value + 1))


def test_processes_hold_a_key_one_at_a_time(tmp_path):
    (tmp_path / "count").write_text("0")
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=count, args=(tmp_path, 20)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert (tmp_path / "count").read_text() == "60"


def hold(folder: Path) -> None:
    with KeyLocks(folder / "locks").holding(b"key"):
        (folder / "held").touch()
        time.sleep(600)


def test_a_killed_holder_frees_its_key_and_other_keys_are_never_blocked(tmp_path):
    holder = multiprocessing.get_context("spawn").Process(target=hold, args=(tmp_path,))
    holder.start()
    while not (tmp_path / "held").exists():
        time.sleep(0.01)
    polls = []

    def kill_then_sleep(seconds: float) -> None:
        polls.append(seconds)
        holder.kill()
        holder.join()

    locks = KeyLocks(tmp_path / "locks", sleep=kill_then_sleep)
    with locks.holding(b"another"):
        assert polls == []
    with locks.holding(b"key"):
        assert polls
