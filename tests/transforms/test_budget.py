from __future__ import annotations

import multiprocessing
import threading
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from transforms.budget import Budget


@given(steps=st.lists(st.sampled_from(["reserve", "release"]), max_size=60), limit=st.integers(0, 12))
def test_the_wall_holds_and_every_release_makes_room_for_one(steps, limit, tmp_path_factory):
    budget = Budget(tmp_path_factory.mktemp("state"), limit)
    held = 0
    for step in steps:
        if step == "reserve":
            given_out = budget.reserve()
            assert given_out == (held < limit)
            held += given_out
        elif held:
            budget.release()
            held -= 1
        assert budget.spent() == held
    budget.close()


def test_without_a_limit_calls_are_counted_all_the_same(tmp_path):
    budget = Budget(tmp_path, None)
    assert all(budget.reserve() for _ in range(50))
    assert Budget(tmp_path, 10).spent() == 50
    assert not Budget(tmp_path, 50).reserve()
    budget.reset()
    assert Budget(tmp_path, 1).reserve()


def take(folder: Path, taken: multiprocessing.Queue) -> None:
    budget = Budget(folder, 100)
    taken.put(sum(budget.reserve() for _ in range(60)))


def test_processes_and_threads_together_never_exceed_it(tmp_path):
    context = multiprocessing.get_context("spawn")
    taken = context.Queue()
    workers = [context.Process(target=take, args=(tmp_path, taken)) for _ in range(2)]
    workers += [threading.Thread(target=take, args=(tmp_path, taken)) for _ in range(2)]
    for worker in workers:
        worker.start()
    assert sum(taken.get(timeout=60) for _ in workers) == 100
    for worker in workers:
        worker.join()
