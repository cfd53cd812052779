from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from transforms.shares import Membership, share_of

HOSTS = st.sets(st.text("abcdef", min_size=1, max_size=4), min_size=1, max_size=8)


@given(HOSTS, st.floats(0.1, 500))
def test_shares_add_up_to_the_quota(hosts: set[str], quota: float) -> None:
    shares = [share_of(quota, hosts, host) for host in hosts]
    assert abs(sum(shares) - quota) < 1e-6
    assert min(shares) > 0
    if quota >= len(hosts):
        # Whole numbers, but for one: so no second holds more calls than the quota.
        assert sum(share != int(share) for share in shares) <= 1


def test_one_host_has_it_all_and_one_that_is_not_listed_counts_itself() -> None:
    assert share_of(25.0, {"a"}, "a") == 25.0
    assert share_of(25.0, {"a"}, "b") == 12.0
    assert share_of(25.0, set(), "b") == 25.0


class MembershipMachine(RuleBasedStateMachine):
    """Hosts that come, look around, sleep and go: the shares in use never exceed the quota."""

    LOOK = 2.0
    LEASE = 60.0

    @initialize()
    def begin(self) -> None:
        self.now = 0.0
        self.said: dict[str, float] = {}
        self.members: dict[str, Membership] = {}
        self.seen: dict[str, set[str]] = {}
        self.changed: dict[str, dict[str, tuple[float, float]]] = {}

    @rule()
    def one_comes(self) -> None:
        name = f"host {len(self.members)}"
        self.members[name] = Membership(self.LOOK)
        self.seen[name], self.changed[name] = set(), {}
        self.look(name)

    @rule(data=st.data(), seconds=st.sampled_from([0.5, 2.0, 5.0, 13.0, 30.0, 70.0]))
    def time_passes_while_some_look(self, data: st.DataObject, seconds: float) -> None:
        awake = data.draw(st.sets(st.sampled_from(sorted(self.members)))) if self.members else set()
        until = self.now + seconds
        while self.now < until:
            self.now = min(until, self.now + self.LOOK)
            for name in sorted(awake):
                self.look(name)
            self.shares_hold()

    def look(self, name: str) -> None:
        member = self.members[name]
        if (
            self.now - self.said.get(name, float("-inf")) >= self.LEASE / 6
            or self.now - member.looked_at > self.LEASE / 3
        ):
            self.said[name] = self.now
        changed = self.changed[name]
        for other, said in self.said.items():
            if changed.get(other, (None, 0.0))[0] != said:
                changed[other] = said, self.now
        self.seen[name] = {other for other, (_, at) in changed.items() if self.now - at < self.LEASE}
        alone = self.seen[name] <= {name}
        self.members[name] = member.looked(self.now, self.said[name], alone=alone)

    @invariant()
    def shares_hold(self) -> None:
        in_use = [
            share_of(25.0, self.seen[name], name)
            for name, member in self.members.items()
            if member.may_call(self.now)
        ]
        assert sum(in_use) <= 25.0


TestMembership = MembershipMachine.TestCase
TestMembership.settings = settings(max_examples=80, stateful_step_count=25, deadline=None)
