from __future__ import annotations

import time

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from tests.transforms.quota_world import MemoryGrid, World
from tests.transforms.quota_world import Worker as Caller
from tests.transforms.redis_server import RedisServer
from transforms.pace import PacePolicy
from transforms.quota_claims import AHEAD_SECONDS, ALONE_AFTER_SECONDS, KEPT_SECONDS, Claim
from transforms.quota_grid import Grid, begin, heard, taken
from transforms.redis_grid import RedisGrid, Step
from transforms.redis_limiter import RedisLimiter

# Slots of a second, of which a quarter may be caught up with.
POLICY = PacePolicy(quota_per_second=1.25, headroom=0.2)
BEGUN = 1000.0


class Time:
    """One for all: Redis's, and the workers' while they do not sleep on their own."""

    now = BEGUN

    def __call__(self) -> float:
        return self.now


class Worker:
    """A limiter whose sleep takes no time but moves its own clock, which Redis's does not follow."""

    def __init__(self, server: Server, name: str = "account", policy: PacePolicy = POLICY) -> None:
        self.slept = 0.0
        self.client = server.redis.clocked(server.time)
        self.clock = lambda: server.time.now + self.slept
        grid = RedisGrid(self.client, name)
        self.limiter = RedisLimiter(grid, policy, clock=self.clock, sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        self.slept += seconds

    def waits(self, times: int = 1) -> list[float]:
        """How long it waited for each of so many permits, to a tenth."""
        return [round(self.limiter.acquire(), 1) for _ in range(times)]


class Server:
    """A server of the tests' own, and its time; the first slot is due."""

    def __init__(self, folder) -> None:
        self.redis = RedisServer(folder)
        self.time = Time()
        self.begin("account")

    def begin(self, name: str) -> None:
        first = Worker(self, name)
        assert first.waits() == [AHEAD_SECONDS]
        first.limiter.close()
        self.time.now += AHEAD_SECONDS + 1.0


@pytest.fixture
def server(tmp_path):
    server = Server(tmp_path)
    yield server
    server.redis.kill()


def test_workers_take_the_slots_of_one_grid(server):
    # Redis's clock stands still, so each slot lies one interval behind the one before.
    first, second, third = (Worker(server) for _ in range(3))
    assert [first.waits(), second.waits(), third.waits(), first.waits()] == [[0], [1], [2], [3]]


def test_names_share_nothing(server):
    server.begin("other")
    assert Worker(server).waits() == Worker(server, "other").waits() == [0]


class Sleeper(Worker):
    """One that wakes late."""

    late_seconds = 0.0

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds + self.late_seconds)


def test_one_that_wakes_late_makes_room_for_those_that_do_not(server):
    late, other = Sleeper(server), Worker(server)
    late.limiter.acquire()
    late.late_seconds = 0.85  # each time that it looks up from its sleep
    # It was late by a twentieth, which can be caught up with.
    assert late.limiter.acquire() == pytest.approx(1.05, abs=0.02)
    late.late_seconds = 2.6
    assert late.limiter.acquire() == pytest.approx(2.8, abs=0.02)
    # That slot was two seconds ahead, and the next was to be three.
    assert other.limiter.acquire() == pytest.approx(3.0 + 0.8 - 0.25, abs=0.02)


def test_what_others_made_room_for_is_not_made_room_for_again(server):
    first, second, other = (Sleeper(server) for _ in range(3))
    first.limiter.acquire()
    for worker in (first, second):
        worker.late_seconds = 0.0
    slots = [worker.limiter.look(None)[0] for worker in (first, second)]
    for worker, slot in zip((first, second), slots, strict=True):
        worker.slept = slot.at - server.time.now + 0.25 + 0.6
        worker.limiter._make_room(slot)
    assert other.limiter.acquire() == pytest.approx(3.0 + 0.6, abs=0.1)


def test_one_that_slept_for_long_holds_the_others_up_by_one_slot(server):
    sleeper, other = Sleeper(server), Worker(server)
    sleeper.limiter.acquire()
    sleeper.late_seconds = 8.0
    sleeper.limiter.acquire()
    # Its slot was one second ahead, and the next was to be two.
    assert other.waits() == [2.0 + 1.0]


def test_one_that_slept_until_it_was_taken_to_be_cut_off_takes_another_slot(server):
    sleeper = Sleeper(server)
    sleeper.limiter.acquire()
    sleeper.late_seconds = ALONE_AFTER_SECONDS

    def wakes(seconds: float) -> None:
        sleeper.slept += seconds
        server.time.now += sleeper.late_seconds
        sleeper.late_seconds = 0.0

    sleeper.limiter._sleep = wakes
    came = sleeper.clock()
    assert sleeper.limiter.acquire() > ALONE_AFTER_SECONDS
    claims = server.redis.client().hgetall("account:claims")
    assert [Claim.unpack(packed).heard_at for packed in claims.values()] == [came + ALONE_AFTER_SECONDS]


def test_a_refusal_slows_every_worker(server):
    first, second = Worker(server), Worker(server)
    first.limiter.acquire()
    for _ in range(40):
        first.limiter.refused()
    # The slot that was next stays; the one behind it comes later.
    assert second.limiter.acquire() < 1.1
    assert first.limiter.acquire() > 2.2


def test_a_worker_that_never_reached_redis_makes_no_call(server, caplog):
    worker = Worker(server)
    worker.client.is_cut = True
    asked = iter(range(100))
    assert worker.limiter.acquire(lambda: next(asked) > 20) > 0
    assert "no call is made until it answers" in caplog.text
    worker.client.is_cut = False
    worker.sleep(10)
    assert worker.waits() == [0]


def test_one_that_waits_gives_up_when_the_run_stops(server):
    worker = Worker(server)
    worker.waits()
    asked = iter(range(100))
    assert worker.limiter.acquire(lambda: next(asked) > 3) < 1.0


def test_a_clock_that_was_set_back_holds_up_nobody(server):
    worker = Worker(server)
    worker.waits()
    server.time.now -= 5000
    assert Worker(server).waits() == [0]


def test_a_server_that_has_forgotten_waits_for_those_who_have_slots_of_the_old_grid(server):
    first, second = Worker(server), Worker(server)
    first.waits(), second.waits()
    server.redis.client().flushall()
    assert second.waits() == [AHEAD_SECONDS]


def test_a_server_that_has_forgotten_the_last_moments_does_so_too(server):
    first, second = Worker(server), Worker(server)
    first.waits(), second.waits()
    redis = server.redis.client()
    pace, claims = redis.get("account:pace"), redis.hgetall("account:claims")
    server.time.now += 5.0
    first.waits(2), second.waits()
    redis.set("account:pace", pace)
    redis.hset("account:claims", mapping=claims)
    assert second.waits() == [AHEAD_SECONDS]


def test_a_worker_that_is_done_leaves_no_claim(server):
    first, second = Worker(server), Worker(server)
    first.waits(), second.waits()
    assert server.redis.client().hlen("account:claims") == 2
    second.limiter.close()
    assert server.redis.client().hlen("account:claims") == 1
    second.limiter.beat()
    assert server.redis.client().hlen("account:claims") == 1


QUOTA = 25
FULL = PacePolicy(QUOTA).full_rate


class Callers:
    """Workers that call as often as they may, for ten seconds, in a simulated time; the server is real."""

    def __init__(self, redis: RedisServer, number: int) -> None:
        self.world = World(PacePolicy(QUOTA))
        self.clients = [redis.clocked(lambda: self.world.now) for _ in range(number)]
        self.workers = [Caller(self.world, store=RedisGrid(each, "callers")) for each in self.clients]
        self.world.pass_seconds(AHEAD_SECONDS + 10.0)

    def rates(self, seconds: float) -> list[float]:
        """Calls a second of each, in so many seconds from now on."""
        before = [len(each.calls) for each in self.workers]
        self.world.pass_seconds(seconds)
        return [(len(each.calls) - had) / seconds for each, had in zip(self.workers, before, strict=True)]


def test_one_that_is_cut_off_is_left_its_share_by_the_others(server, caplog):
    callers = Callers(server.redis, 2)
    assert sum(callers.rates(5)) == pytest.approx(FULL, abs=0.4)
    callers.clients[0].is_cut = True
    lost, other = callers.rates(ALONE_AFTER_SECONDS - 3)
    assert lost < 1
    assert other == pytest.approx(FULL, abs=1)
    callers.world.pass_seconds(5)
    shares = callers.rates(30)
    assert max(shares) <= 13
    assert FULL - 1.5 < sum(shares) <= QUOTA
    # Nobody knows any more whether it lives: its claim is given away, and it stops before.
    callers.world.pass_seconds(20)
    lost, other = callers.rates(10)
    assert lost == 0
    assert other == pytest.approx(FULL, abs=0.4)
    callers.clients[0].is_cut = False
    callers.world.pass_seconds(5)
    assert min(callers.rates(10)) > 5
    assert callers.world.most_in_a_second() <= QUOTA
    assert [each.levelname for each in caplog.records] == ["ERROR", "WARNING", "ERROR", "WARNING"]


def test_when_all_lose_redis_one_that_was_idle_knows_of_those_who_came(server):
    callers = Callers(server.redis, 1)
    callers.workers[0].is_busy = False
    for _ in range(2):
        client = server.redis.clocked(lambda: callers.world.now)
        callers.clients.append(client)
        callers.workers.append(Caller(callers.world, store=RedisGrid(client, "callers")))
    callers.world.pass_seconds(10)
    for client in callers.clients:
        client.is_cut = True
    callers.workers[0].is_busy = True
    callers.world.pass_seconds(ALONE_AFTER_SECONDS + 4)
    shares = callers.rates(30)
    assert all(7 <= each <= 9 for each in shares)
    callers.world.pass_seconds(KEPT_SECONDS)
    assert callers.rates(5) == [0, 0, 0]
    for client in callers.clients:
        client.is_cut = False
    callers.world.pass_seconds(5)
    assert sum(callers.rates(5)) == pytest.approx(FULL, abs=0.4)
    assert callers.world.most_in_a_second() <= QUOTA


def test_when_all_are_back_at_once_what_they_called_alone_is_counted(server):
    callers = Callers(server.redis, 5)
    for worker in callers.workers:
        worker.is_busy = worker.beats = False
    callers.world.pass_seconds(2.5)
    for worker in callers.workers:
        worker.limiter.beat()
    callers.world.pass_seconds(ALONE_AFTER_SECONDS + 5.0)
    for client, worker in zip(callers.clients, callers.workers, strict=True):
        client.is_cut = worker.is_busy = True
    # All were heard of at once, so all call at once.
    callers.world.pass_seconds(5.0)
    last = callers.world.calls[-1]
    assert callers.world.calls[-5:] == pytest.approx([last] * 5, abs=0.2)
    for client, worker in zip(callers.clients, callers.workers, strict=True):
        client.is_cut = False
        worker.limiter.beat()
    # It costs a second of the pace, once.
    assert sum(callers.rates(10)) == pytest.approx(0.88 * FULL, abs=1)
    assert callers.world.most_in_a_second() <= QUOTA


def test_a_word_that_may_have_been_heard_puts_off_going_alone(server):
    callers = Callers(server.redis, 2)
    callers.clients[0].is_deaf = True
    # Redis hears of it all the time, so the other is left the whole quota.
    lost, other = callers.rates(2 * ALONE_AFTER_SECONDS)
    assert lost < 1
    assert other > QUOTA / 2
    callers.clients[0].is_cut = True
    callers.world.pass_seconds(30)
    assert callers.world.most_in_a_second() <= QUOTA


def test_the_share_of_a_killed_worker_is_free_after_a_while(server):
    callers = Callers(server.redis, 2)
    callers.workers[0].kill()
    callers.world.pass_seconds(ALONE_AFTER_SECONDS + 2)
    _, other = callers.rates(20)
    assert other <= 13
    callers.world.pass_seconds(KEPT_SECONDS - ALONE_AFTER_SECONDS)
    _, other = callers.rates(5)
    assert other == pytest.approx(FULL, abs=0.4)


def test_workers_have_their_shares_while_redis_answers_and_takes_nothing(server, caplog):
    callers = Callers(server.redis, 2)
    with server.redis.client() as client:
        client.config_set("min-replicas-to-write", 1)
        callers.world.pass_seconds(ALONE_AFTER_SECONDS + 4)
        assert callers.rates(20) == [pytest.approx(FULL / 2, abs=1.0)] * 2
        client.config_set("min-replicas-to-write", 0)
    assert "Redis cannot be reached" in caplog.text
    callers.world.pass_seconds(5)
    assert sum(callers.rates(10)) == pytest.approx(FULL, abs=0.5)
    assert callers.world.most_in_a_second() <= QUOTA


def test_a_write_that_hangs_is_a_server_that_cannot_be_reached(server):
    client = server.redis.client()
    client.connection_pool.connection_kwargs["socket_timeout"] = 0.2
    store = RedisGrid(client, "hanging")
    steps = []

    def step(grid: Grid | None, now: float) -> Grid:
        steps.append(now)
        return heard(POLICY, grid or begin(POLICY, now), "worker", now)

    store.change("worker", step)
    with server.redis.client() as other:
        other.execute_command("CLIENT", "PAUSE", 60_000, "WRITE")
        with pytest.raises(RedisConnectionError):
            store.change("worker", step)
        other.execute_command("CLIENT", "UNPAUSE")
    assert len(steps) == 2
    store.change("worker", step)
    store.close()


def test_a_server_that_is_slow_to_say_that_it_has_written_makes_no_slot_late():
    world = World(POLICY)

    class Slow(MemoryGrid):
        def change(self, worker: str, step: Step) -> None:
            super().change(worker, step)
            world.now += 1.5

    limiter = RedisLimiter(Slow(world), POLICY, clock=lambda: world.now)
    slot, wait = limiter.look(None)
    assert (slot.at, wait) == (BEGUN + AHEAD_SECONDS, AHEAD_SECONDS - 1.5)


@pytest.mark.parametrize("quota", [0.001, 0.01, 1.0])
def test_a_slot_that_is_far_away_is_no_clock_that_was_set_back(quota):
    policy = PacePolicy(quota)
    grid = taken(policy, begin(policy, BEGUN), BEGUN)
    for second in range(100):
        grid = heard(policy, grid, f"worker-{second % 2}", BEGUN + second)
    assert grid.state.next_at > BEGUN + 0.9 / quota


def test_a_beat_says_that_an_idle_worker_lives(server):
    limiter = RedisLimiter(RedisGrid(server.redis.client(), "beating"), PacePolicy(1000.0))
    limiter.look(None)
    packed = server.redis.client().hgetall("beating:claims")
    limiter.beat_often()
    give_up_at = time.monotonic() + 60
    while server.redis.client().hgetall("beating:claims") == packed and time.monotonic() < give_up_at:
        time.sleep(0.05)
    assert server.redis.client().hgetall("beating:claims") != packed
    limiter.close()
    assert server.redis.client().hlen("beating:claims") == 0
