from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.transforms.memory_objects import Bucket
from transforms.errors import UsageError
from transforms.folders import OutputError
from transforms.lease import Lease
from transforms.lease_holding import HeldLease, prove_creates, take

SECONDS = 60.0


class Clock:
    def __init__(self) -> None:
        self.now = 0.0
        self.meanwhile: Callable[[], None] = lambda: None

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.meanwhile()


def taken(bucket: Bucket, clock: Clock, run_id: str) -> HeldLease:
    return take(
        bucket.objects("state"), Lease(run_id, 1, "host", "", SECONDS), clock=clock, sleep=clock.sleep
    )


def test_it_is_taken_at_once_where_nobody_has_it_and_after_a_clean_end() -> None:
    bucket, clock = Bucket(), Clock()
    first = taken(bucket, clock, "one")
    first.check()
    first.release()
    second = taken(bucket, clock, "two")
    assert clock.now == 0.0
    assert second.generation == first.generation + 1


def test_a_killed_runs_lease_is_taken_when_it_was_seen_unchanged_for_its_time() -> None:
    bucket, clock = Bucket(), Clock()
    killed = taken(bucket, clock, "killed")
    second = taken(bucket, clock, "two")
    assert clock.now >= SECONDS
    assert second.generation == 2
    assert killed.is_lost()
    with pytest.raises(OutputError, match="lease on this state was lost"):
        killed.check()
    # It was asleep, and says once more that it lives.
    killed.renew()
    assert killed.is_lost()
    second.renew()
    assert not second.is_lost()


def test_of_a_living_run_it_is_told_who_it_is_as_soon_as_it_renews() -> None:
    bucket, clock = Bucket(), Clock()
    living = taken(bucket, clock, "living")

    def renew_now_and_then() -> None:
        if clock.now >= SECONDS / 6:
            living.renew()

    clock.meanwhile = renew_now_and_then
    with pytest.raises(UsageError, match="run living, process 1 on host"):
        taken(bucket, clock, "second")
    assert clock.now <= SECONDS / 3


def test_who_came_first_of_two_that_take_over_has_it() -> None:
    bucket, clock = Bucket(), Clock()
    taken(bucket, clock, "killed")
    winners = []

    def another_is_faster(verb: str, name: str) -> None:
        if verb == "CREATE":
            bucket.before = lambda verb, name: None
            winners.append(taken(bucket, Clock(), "faster"))

    bucket.before = another_is_faster
    clock.meanwhile = lambda: winners[0].renew() if winners else None
    with pytest.raises(UsageError, match="run faster"):
        taken(bucket, clock, "slower")
    assert not winners[0].is_lost()


def test_renewals_that_fail_for_long_lose_it_before_another_may_take_it() -> None:
    bucket, clock = Bucket(), Clock()
    held = taken(bucket, clock, "one")

    def away(verb: str, name: str) -> None:
        raise OSError(5, "away")

    bucket.before = away
    while not held.is_lost():
        with pytest.raises(OSError, match="away"):
            held.renew()
        clock.now += 1.0
    assert clock.now < SECONDS
    held.release()  # says nothing: it may be another's


def test_generations_that_are_long_over_are_removed_and_numbers_never_used_again() -> None:
    bucket, clock = Bucket(), Clock()
    for number in range(1, 31):
        lease = taken(bucket, clock, "run")
        assert lease.generation == number
        lease.release()
    assert len(bucket.kept) <= 10


def test_a_thread_renews_it(monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = Bucket()
    lease = take(bucket.objects("state"), Lease("run", 1, "host", "", 0.6))
    lease.start()
    while bucket.requests["PUT"] < 3:
        pass
    lease.release()
    assert b'"released": true' in bucket.kept["state/lock/000000000001.json"]


def test_a_store_that_lets_a_second_create_pass_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = Bucket()
    objects = bucket.objects("state")
    prove_creates(objects, "probe")
    assert bucket.kept == {}

    def overwriting(name: str, data: bytes) -> bool:
        objects.put(name, data)
        return True

    monkeypatch.setattr(objects, "create", overwriting)
    with pytest.raises(UsageError, match=r"output\.state.*If-None-Match"):
        prove_creates(objects, "probe")


class LeaseMachine(RuleBasedStateMachine):
    """Runs that start, renew, sleep, are killed and see answers get lost: at most one believes to hold it.

    Time passes in steps; a run that is told to work does so only while it holds the lease, as it
    sees it. Two that work in the same moment would be the fault.
    """

    @initialize()
    def begin(self) -> None:
        self.bucket, self.clock = Bucket(), Clock()
        self.runs: list[HeldLease] = []
        self.awake: set[int] = set()
        self.ended: set[int] = set()

    @rule()
    def another_starts(self) -> None:
        def the_others_go_on() -> None:
            for number in self.awake:
                with contextlib.suppress(OSError):
                    self.runs[number].renew()
            self.at_most_one_works()

        self.clock.meanwhile = the_others_go_on
        try:
            lease = taken(self.bucket, self.clock, f"run {len(self.runs)}")
        except UsageError:
            assert any(not self.runs[number].is_lost() for number in self.awake)
            return
        self.runs.append(lease)
        self.awake.add(len(self.runs) - 1)

    @rule(seconds=st.sampled_from([1.0, 20.0, 70.0]), renews=st.booleans())
    def time_passes(self, seconds: float, renews: bool) -> None:
        self.clock.now += seconds
        if renews:
            for number in self.awake:
                self.runs[number].renew()

    @rule(data=st.data())
    def one_falls_asleep_or_wakes(self, data: st.DataObject) -> None:
        left = sorted(set(range(len(self.runs))) - self.ended)
        if left:
            self.awake ^= {data.draw(st.sampled_from(left))}

    @rule(data=st.data())
    def one_ends_well(self, data: st.DataObject) -> None:
        holding = [number for number in self.awake if not self.runs[number].is_lost()]
        if holding:
            number = data.draw(st.sampled_from(holding))
            self.runs[number].release()
            self.awake.discard(number)
            self.ended.add(number)

    @rule(data=st.data())
    def an_answer_is_lost(self, data: st.DataObject) -> None:
        if not self.awake:
            return

        def lose(verb: str, name: str) -> None:
            raise OSError(5, "lost")

        self.bucket.after = lose
        with pytest.raises(OSError, match="lost"):
            self.runs[data.draw(st.sampled_from(sorted(self.awake)))].renew()
        self.bucket.after = lambda verb, name: None

    @invariant()
    def at_most_one_works(self) -> None:
        working = [number for number, lease in enumerate(self.runs) if not lease.is_lost()]
        assert len(set(working) - self.ended) <= 1


TestLease = LeaseMachine.TestCase
TestLease.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
