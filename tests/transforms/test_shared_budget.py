from __future__ import annotations

import threading
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.transforms.memory_objects import Bucket
from transforms import budget_blocks
from transforms.budget_blocks import Block, count, decode_block, size_of_next
from transforms.folders import OutputError
from transforms.shared_budget import SharedBudget

WORKERS = 3


class Clock:
    """Time that passes when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def budget_of(bucket: Bucket, limit: int | None, clock: Clock | None = None) -> SharedBudget:
    clock = clock or Clock()
    return SharedBudget(bucket.objects("state"), "chain", limit, clock=clock, sleep=clock.sleep)


@given(
    steps=st.lists(st.sampled_from(["reserve", "release"]), max_size=60),
    limit=st.integers(0, 12),
)
@settings(deadline=None)
def test_one_worker_meets_the_wall_as_with_a_file(steps: list[str], limit: int) -> None:
    budget = budget_of(Bucket(), limit)
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
    assert budget_of(Bucket(), 0).spent() == 0


def test_what_others_were_given_and_do_not_need_is_given_back_and_the_wall_is_exact() -> None:
    bucket, clock = Bucket(), Clock()
    idle, busy = budget_of(bucket, 100, clock), budget_of(bucket, 100, clock)
    for _ in range(20):
        assert idle.reserve()
    used = 20
    while busy.reserve():
        used += 1
        clock.now += 0.3
        idle.settle()
        busy.settle()
    assert used == 100
    assert not idle.reserve()
    assert idle.spent() == busy.spent() == 100


def test_a_killed_workers_block_counts_whole_and_the_next_run_folds_it() -> None:
    bucket = Bucket()
    killed = budget_of(bucket, 1000)
    for _ in range(20):
        assert killed.reserve()
    after = budget_of(bucket, 1000)
    assert 20 <= after.spent() <= 20 + budget_blocks.LARGEST
    spent = after.spent()
    after.fold()
    assert len(bucket.kept) == 1
    assert budget_of(bucket, None).spent() == spent
    # It was not dead after all: what it has is counted, and what it takes as well.
    for _ in range(100):
        assert killed.reserve()
    assert budget_of(bucket, None).spent() >= 120


def test_counting_costs_few_requests_and_leaves_few_objects() -> None:
    bucket = Bucket()
    budget = budget_of(bucket, None)
    for _ in range(10_000):
        assert budget.reserve()
    assert bucket.requests.total() < 1500
    assert len(bucket.kept) <= 18
    assert budget.spent() == 10_000


def test_a_create_whose_name_was_free_again_is_not_believed() -> None:
    """It lists, sleeps, and creates when others have taken, folded and removed that place."""
    bucket = Bucket()
    slow, quick = budget_of(bucket, 2000), budget_of(bucket, 2000)
    taken = 0

    def others_first(verb: str, name: str) -> None:
        nonlocal taken
        if verb == "CREATE":
            bucket.before = lambda verb, name: None
            for _ in range(1500):
                taken += quick.reserve()

    assert quick.reserve()
    bucket.before = others_first
    assert slow.reserve()
    while slow.reserve() or quick.reserve():
        taken += 1
    assert taken + 2 == 2000


def test_threads_of_many_workers_never_exceed_it() -> None:
    bucket, clock = Bucket(), Clock()
    budgets = [budget_of(bucket, 300, clock) for _ in range(3)]
    given_out: Counter[int] = Counter()

    def work(number: int) -> None:
        given_out[number] = sum(budgets[number % 3].reserve() for _ in range(120))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(given_out.values()) <= 300


def test_a_store_that_is_away_lets_no_call_be_made() -> None:
    bucket = Bucket()

    def away(verb: str, name: str) -> None:
        raise OSError(5, "away")

    bucket.before = away
    with pytest.raises(OutputError, match="away"):
        budget_of(bucket, 10).reserve()


def test_the_blocks_shrink_towards_the_wall() -> None:
    assert size_of_next(64, 0, None) == 64
    assert [size_of_next(64, spent, 1000) for spent in (0, 900, 990, 999, 1000, 1001)] == [64, 12, 1, 1, 0, 0]


def test_what_is_no_block_is_refused() -> None:
    block = Block("one", 5, is_open=True, token="t")
    assert decode_block(block.encoded()) == block
    with pytest.raises(ValueError, match="no block"):
        decode_block(b"{}")


def test_only_the_newest_block_of_an_owner_is_open() -> None:
    blocks = {1: Block("a", 5, is_open=True), 2: Block("a", 5, is_open=False), 3: Block("b", 2, is_open=True)}
    assert count(blocks, "b").others_open is False
    assert count(blocks, "a").others_open is True
    assert count(blocks, "a").spent == 12


class LostAnswerError(OSError):
    """The store did it, and the answer never came."""


class BudgetMachine(RuleBasedStateMachine):
    """Workers that take, give back, are killed and see answers get lost; the model counts calls."""

    @initialize(limit=st.integers(0, 60), fold_at=st.sampled_from([1, 16]))
    def begin(self, limit: int, fold_at: int) -> None:
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(budget_blocks, "_FOLD_AT", fold_at)
        self.patch.setattr(budget_blocks, "_FOLD_ALL_AT", 2 * fold_at)
        self.bucket, self.clock, self.limit = Bucket(), Clock(), limit
        self.workers = [self.new() for _ in range(WORKERS)]
        self.calls = 0

    def teardown(self) -> None:
        self.patch.undo()

    def new(self) -> SharedBudget:
        return budget_of(self.bucket, self.limit, self.clock)

    @rule(
        worker=st.integers(0, WORKERS - 1), times=st.integers(1, 9), seconds=st.sampled_from([0.0, 1.0, 5.0])
    )
    def call(self, worker: int, times: int, seconds: float) -> None:
        for _ in range(times):
            self.calls += self.workers[worker].reserve()
        self.clock.now += seconds

    @rule(worker=st.integers(0, WORKERS - 1))
    def call_and_give_back(self, worker: int) -> None:
        if self.workers[worker].reserve():
            self.workers[worker].release()

    @rule(worker=st.integers(0, WORKERS - 1))
    def settle(self, worker: int) -> None:
        self.workers[worker].settle()

    @rule(worker=st.integers(0, WORKERS - 1))
    def killed(self, worker: int) -> None:
        self.workers[worker] = self.new()

    @rule(worker=st.integers(0, WORKERS - 1))
    def closed(self, worker: int) -> None:
        self.workers[worker].close()
        self.workers[worker] = self.new()

    @rule(worker=st.integers(0, WORKERS - 1), verb=st.sampled_from(["PUT", "CREATE", "DELETE"]))
    def an_answer_is_lost(self, worker: int, verb: str) -> None:
        def lose(done: str, name: str) -> None:
            if done == verb:
                raise LostAnswerError(5, "lost")

        self.bucket.after = lose
        try:
            self.calls += self.workers[worker].reserve()
            self.workers[worker].settle(now=True)
        except OutputError:
            pass
        finally:
            self.bucket.after = lambda verb, name: None

    @rule(worker=st.integers(0, WORKERS - 1), other=st.integers(0, WORKERS - 1))
    def another_comes_in_between(self, worker: int, other: int) -> None:
        """Between the listing and the create of one, another takes as many as it can."""
        if worker == other:
            return

        def first(verb: str, name: str) -> None:
            if verb == "CREATE":
                self.bucket.before = lambda verb, name: None
                for _ in range(40):
                    self.calls += self.workers[other].reserve()

        self.bucket.before = first
        self.calls += self.workers[worker].reserve()
        self.bucket.before = lambda verb, name: None

    @rule()
    def folded_by_the_next_run(self) -> None:
        self.new().fold()

    @invariant()
    def the_wall_holds(self) -> None:
        assert self.calls <= self.limit
        assert self.calls <= self.new().spent()


TestBudget = BudgetMachine.TestCase
TestBudget.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
