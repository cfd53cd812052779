from __future__ import annotations

import multiprocessing
import threading
import time
from pathlib import Path

from transforms.limiter import HostLimiter
from transforms.pace import PacePolicy


class FakeTime:
    def __init__(self) -> None:
        self.now = 50.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def limiter(folder: Path, policy: PacePolicy, fake: FakeTime) -> HostLimiter:
    return HostLimiter(folder, policy, clock=fake.clock, sleep=fake.sleep)


def test_calls_go_a_slot_apart_and_the_wait_is_told(tmp_path):
    fake = FakeTime()
    policy = PacePolicy(25.0)
    paced = limiter(tmp_path, policy, fake)
    assert paced.acquire() == 0.0
    came = fake.now
    waited = paced.acquire()
    assert waited == fake.now - came
    assert waited > 0
    begun = fake.now
    for _ in range(100):
        paced.acquire()
    assert abs((fake.now - begun) - 100 / policy.full_rate) < 1e-6


def test_two_limiters_on_one_folder_share_the_pace_and_the_refusals(tmp_path):
    fake = FakeTime()
    policy = PacePolicy(10.0)
    first, second = limiter(tmp_path, policy, fake), limiter(tmp_path, policy, fake)
    first.acquire()
    assert second.acquire() > 0
    for _ in range(50):
        first.refused()
    second.acquire()
    assert second.acquire() > 2 / policy.full_rate
    fake.now += 100
    first.acquire()
    first.acquire()
    assert first.acquire() < 1.1 / policy.full_rate


def take(folder: Path, calls: int, gone: multiprocessing.Queue) -> None:
    paced = HostLimiter(folder, PacePolicy(100.0))
    for _ in range(calls):
        paced.acquire()
        gone.put(time.monotonic())


def test_processes_and_threads_together_never_exceed_the_quota(tmp_path):
    context = multiprocessing.get_context("spawn")
    gone = context.Queue()
    processes = [context.Process(target=take, args=(tmp_path, 60, gone)) for _ in range(2)]
    for process in processes:
        process.start()
    threads = [threading.Thread(target=take, args=(tmp_path, 40, gone)) for _ in range(2)]
    for thread in threads:
        thread.start()
    times = sorted(gone.get(timeout=60) for _ in range(200))
    for process in processes:
        process.join()
    assert max(sum(1 for other in times if start <= other < start + 1.0) for start in times) <= 100


def test_a_killed_holder_of_the_turn_does_not_block_the_others(tmp_path):
    context = multiprocessing.get_context("spawn")
    holder = context.Process(target=hold_the_turn, args=(tmp_path,))
    holder.start()
    while not (tmp_path / "held").exists():
        time.sleep(0.01)
    holder.kill()
    holder.join()
    assert HostLimiter(tmp_path, PacePolicy(100.0)).acquire() >= 0


def hold_the_turn(folder: Path) -> None:
    def sleep(_: float) -> None:
        (folder / "held").touch()
        time.sleep(600)

    paced = HostLimiter(folder, PacePolicy(100.0), sleep=sleep)
    paced.acquire()
    paced.acquire()
