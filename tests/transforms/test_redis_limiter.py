from __future__ import annotations

import logging
import struct

import pytest

from tests.transforms.redis_server import RedisServer
from transforms.pace import PacePolicy
from transforms.redis_limiter import RedisLimiter

POLICY = PacePolicy(quota_per_second=0.01)  # a slot every 100 s: what the tests themselves take is nothing
INTERVAL = 1 / POLICY.full_rate


class Worker:
    """A limiter whose sleep takes no time but moves its clock."""

    def __init__(self, server: RedisServer, name: str = "account", policy: PacePolicy = POLICY) -> None:
        self.now = 1000.0
        self.limiter = RedisLimiter(server.client(), name, policy, clock=lambda: self.now, sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def waits(self, times: int = 1) -> list[float]:
        """How many intervals it waited for each of so many permits, to a tenth."""
        return [round(self.limiter.acquire() / INTERVAL, 1) for _ in range(times)]


@pytest.fixture
def server(tmp_path):
    server = RedisServer(tmp_path)
    yield server
    server.stop()


def test_workers_take_the_slots_of_one_grid(server):
    # Redis's clock hardly moves, so each slot lies one interval behind the one before.
    first, second, third = (Worker(server) for _ in range(3))
    assert [first.waits(), second.waits(), third.waits(), first.waits()] == [[0], [1], [2], [3]]


def test_names_share_nothing(server):
    assert Worker(server, "one").waits() == Worker(server, "other").waits() == [0]


class Sleeper(Worker):
    """One that wakes late."""

    late_seconds = 0.0

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds + self.late_seconds)


def test_one_that_wakes_late_makes_room_for_those_that_do_not(server):
    # Slots of a second, of which a quarter may be caught up with.
    policy = PacePolicy(quota_per_second=1.25, headroom=0.2)
    assert (policy.full_rate, policy.catch_up_seconds) == (1.0, 0.25)
    late, other = Sleeper(server, policy=policy), Worker(server, policy=policy)
    late.limiter.acquire()
    late.late_seconds = 0.85  # each time that it looks up from its sleep
    assert late.limiter.acquire() == pytest.approx(1.05, abs=0.02)
    # It was late by a twentieth, which can be caught up with.
    late.late_seconds = 2.6
    assert late.limiter.acquire() == pytest.approx(2.8, abs=0.02)
    # Redis's clock hardly moves: that slot was two seconds ahead, and the next was to be three.
    assert other.limiter.acquire() == pytest.approx(3.0 + 0.8 - 0.25, abs=0.02)


def test_what_others_made_room_for_is_not_made_room_for_again(server):
    policy = PacePolicy(quota_per_second=1.25, headroom=0.2)
    first, second, other = (Sleeper(server, policy=policy) for _ in range(3))
    first.limiter.acquire()
    gate = first.limiter._next_slot(), second.limiter._next_slot()
    for worker, slot in zip((first, second), gate, strict=True):
        worker.limiter._make_room(0.6, slot.moved_seconds)
    assert other.limiter.acquire() == pytest.approx(3.0 + 0.6, abs=0.1)


def test_one_that_slept_for_long_holds_the_others_up_by_one_slot(server):
    policy = PacePolicy(quota_per_second=1.25, headroom=0.2)
    sleeper, other = Sleeper(server, policy=policy), Worker(server, policy=policy)
    sleeper.limiter.acquire()
    sleeper.late_seconds = 300.0
    sleeper.limiter.acquire()
    # Its slot was one second ahead, and the next was to be two.
    assert other.limiter.acquire() == pytest.approx(2.0 + 1.0, abs=0.1)


def test_one_that_is_late_when_redis_has_lost_all_moves_back_no_more_than_it_is_late(server):
    policy = PacePolicy(quota_per_second=1.25, headroom=0.2)
    late, other = (Sleeper(server, policy=policy) for _ in range(2))
    late.limiter._make_room(0.5, 0.0)
    for _ in range(100):  # as over many hours
        late.limiter._make_room(2.0, late.limiter._next_slot().moved_seconds)
    slot = late.limiter._next_slot()
    assert slot.moved_seconds > 200
    server.client().flushall()
    late.limiter._make_room(0.6, slot.moved_seconds)
    assert other.limiter.acquire() == pytest.approx(0.6, abs=0.1)


def test_a_refusal_slows_every_worker(server):
    # The pace recovers within seconds, so here a slot has to be one.
    policy = PacePolicy(quota_per_second=1)
    first, second = Worker(server, policy=policy), Worker(server, policy=policy)
    first.limiter.acquire()
    for _ in range(40):
        first.limiter.refused()
    # The slot that was next stays; the one behind it comes later.
    assert second.limiter.acquire() < 1.1
    assert first.limiter.acquire() > 2.2


def test_without_redis_each_goes_at_its_share_and_says_so_once(server, caplog):
    first, second = Worker(server), Worker(server)
    first.waits(), second.waits(), first.waits()
    server.stop()
    with caplog.at_level(logging.ERROR):
        first.waits()
        assert first.waits(3) == [2, 2, 2]
    [said] = [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR]
    assert "its share among 2" in said


def test_a_share_begins_no_faster_than_it_goes_on(server):
    first, second = Worker(server), Worker(server)
    first.waits(), second.waits(), first.waits()
    server.stop()
    assert first.waits()[0] >= 2


def test_when_redis_comes_back_the_pace_is_shared_again(server, caplog):
    first, second = Worker(server), Worker(server)
    first.waits(), second.waits(), first.waits()
    server.stop()
    first.waits(3)
    server.start()
    first.sleep(10)
    with caplog.at_level(logging.WARNING):
        # It has kept its state: three slots were given out.
        assert [first.waits(), second.waits()] == [[3], [4]]
    assert "Redis answers again" in caplog.text


def test_a_worker_that_never_reached_redis_makes_no_call(server, caplog):
    server.stop()
    worker = Worker(server)
    asked = iter(range(100))
    assert worker.limiter.acquire(lambda: next(asked) > 20) > 0
    assert "no call is made until it answers" in caplog.text
    server.start()
    worker.sleep(10)
    assert worker.waits() == [0]


def test_one_that_waits_gives_up_when_the_run_stops(server):
    worker = Worker(server)
    worker.waits()
    asked = iter(range(100))
    assert worker.limiter.acquire(lambda: next(asked) > 3) < INTERVAL / 2


def test_a_clock_that_was_set_back_holds_up_nobody(server):
    worker = Worker(server)
    worker.waits()
    seconds, _ = server.client().time()
    others = server.client().get("account:pace")[8:]
    server.client().set("account:pace", struct.pack("<d", seconds + 5000) + others)
    assert worker.waits() == [0]


def test_a_worker_that_is_done_leaves_no_share(server):
    first, second = Worker(server), Worker(server)
    first.waits(), second.waits()
    second.limiter.close()
    assert server.client().zcard("account:workers") == 1
