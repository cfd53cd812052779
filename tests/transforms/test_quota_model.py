"""Workers, cuts and clocks in any order: all together never make more calls than the quota."""

from __future__ import annotations

import math

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.transforms.quota_world import DRIFT, LINKS, Worker, World
from transforms.pace import PacePolicy
from transforms.quota_claims import parts_of

# One call more than the quota may fall into the second in which a pace of one's own begins or ends.
EDGE = 1


class QuotaMachine(RuleBasedStateMachine):
    """Workers that come, idle, lose the common place in every way, are killed and say good-bye."""

    @initialize(
        quota=st.sampled_from([0.4, 1.0, 2.5, 6.0, 9.0]),
        drifts=st.lists(st.sampled_from([0.0, DRIFT, -DRIFT]), min_size=1, max_size=4),
    )
    def begin(self, quota: float, drifts: list[float]) -> None:
        self.world = World(PacePolicy(quota))
        for drift in drifts:
            Worker(self.world, drift=drift)
        self.world.pass_seconds(12.0)

    @rule(
        which=st.integers(0, 9),
        event=st.sampled_from(
            [*LINKS, *LINKS, "all lose it", "one comes", "idle", "refused", "kill", "close"]
        ),
        seconds=st.sampled_from([0.1, 0.4, 1.0, 2.5, 7.0, 13.5, 16.0, 25.0, 47.0, 61.0]),
    )
    def something_happens(self, which: int, event: str, seconds: float) -> None:
        lives = [each for each in self.world.workers if each.lives]
        if event == "all lose it":
            self.world.is_up = not self.world.is_up
        elif event == "one comes" and len(lives) < 5:
            Worker(self.world)
        elif lives:
            self.happens_to(lives[which % len(lives)], event)
        self.world.pass_seconds(seconds)

    def happens_to(self, worker: Worker, event: str) -> None:
        if event in LINKS:
            worker.memory.link = event
        elif event == "idle":
            worker.is_busy = not worker.is_busy
        elif event == "refused":
            worker.limiter.refused()
        elif event == "kill":
            worker.kill()
        elif event == "close":
            worker.close()

    @invariant()
    def no_second_has_more_calls_than_the_quota(self) -> None:
        quota = self.world.policy.quota_per_second
        assert self.world.most_in_a_second() <= math.ceil(quota) + EDGE

    @invariant()
    def claims_never_add_up_to_more(self) -> None:
        if (grid := self.world.grid) is not None:
            parts = sum(claim.parts for claim in grid.claims.values())
            assert parts <= parts_of(self.world.policy.quota_per_second)


TestQuota = QuotaMachine.TestCase
TestQuota.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
