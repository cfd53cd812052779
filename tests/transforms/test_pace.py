from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from transforms import pace
from transforms.pace import PacePolicy, PaceState

QUOTAS = st.sampled_from([1.0, 5.0, 25.0, 30.0, 200.0])


def departures(policy: PacePolicy, gaps: list[float], lateness: list[float]) -> list[float]:
    """When calls go whose callers come `gaps` apart and wake `lateness` after their slot."""
    now = 100.0
    state = pace.begin(policy, now)
    gone = []
    for gap, late in zip(gaps, lateness, strict=True):
        now = max(now + gap, state.next_at) + late
        state = pace.went(policy, state, now)
        gone.append(now)
    return gone


def most_in_a_second(times: list[float]) -> int:
    return max(sum(1 for other in times if start <= other < start + 1.0) for start in times)


@given(
    quota=QUOTAS,
    calls=st.lists(st.tuples(st.floats(0, 0.2), st.floats(0, 0.3)), min_size=1, max_size=300),
)
def test_no_second_holds_more_than_the_quota_however_late_callers_wake(quota, calls):
    gone = departures(PacePolicy(quota), [gap for gap, _ in calls], [late for _, late in calls])
    assert most_in_a_second(gone) <= quota


def test_punctual_callers_use_the_full_rate():
    policy = PacePolicy(25.0)
    gone = departures(policy, [0.0] * 1000, [0.0] * 1000)
    assert abs((len(gone) - 1) / (gone[-1] - gone[0]) - policy.full_rate) < 1e-6
    assert policy.full_rate >= 24.5


def test_callers_a_few_milliseconds_late_lose_nothing():
    policy = PacePolicy(25.0)
    gone = departures(policy, [0.0] * 1000, [0.004, 0.012] * 500)
    assert (len(gone) - 1) / (gone[-1] - gone[0]) > 24.5


def refusals_by_second(policy: PacePolicy, true_quota: float, seconds: int) -> list[int]:
    """A service that lets `true_quota` calls through in each second, on a simulated clock."""
    state = pace.begin(policy, 0.0)
    refused = [0] * seconds
    in_window: list[float] = []
    while (now := state.next_at) < seconds:
        state = pace.went(policy, state, now)
        in_window = [at for at in in_window if at > now - 1.0]
        in_window.append(now)
        if len(in_window) > true_quota:
            refused[int(now)] += 1
            state = pace.refused(policy, state, now)
    return refused


@given(share=st.floats(0.3, 0.9))
def test_a_smaller_quota_is_found_within_seconds(share):
    refused = refusals_by_second(PacePolicy(25.0), 25.0 * share, 60)
    assert sum(refused[30:]) <= 0.1 * 25.0 * share * 30


@given(quota=st.integers(2, 60), share=st.floats(0.3, 0.9))
def test_a_smaller_quota_is_found_within_seconds_where_few_calls_go_in_a_second_too(quota, share):
    true_quota = max(1, int(quota * share))
    refused = refusals_by_second(PacePolicy(quota), true_quota, 60)
    assert sum(refused[30:]) <= max(30, 0.1 * true_quota * 30)


def test_nothing_is_refused_at_the_configured_quota():
    assert sum(refusals_by_second(PacePolicy(25.0), 25.0, 60)) == 0


@given(refusals=st.integers(1, 200))
def test_the_rate_recovers_fully_and_never_beyond(refusals):
    policy = PacePolicy(25.0)
    state = pace.begin(policy, 0.0)
    for _ in range(refusals):
        state = pace.refused(policy, state, 0.0)
    rates = [pace.rate(policy, state, now / 10) for now in range(600)]
    assert policy.full_rate * policy.floor <= rates[0] < policy.full_rate
    assert rates == sorted(rates)
    assert rates[-1] == policy.full_rate


def test_a_stray_refusal_costs_about_a_call():
    policy = PacePolicy(25.0)
    state = pace.refused(policy, pace.begin(policy, 0.0), 0.0)
    lost = sum((policy.full_rate - pace.rate(policy, state, now / 100)) / 100 for now in range(3000))
    assert lost < 1.5


def test_refusals_of_one_stall_cost_as_much_as_one():
    policy = PacePolicy(25.0)
    state = pace.begin(policy, 0.0)
    one = pace.refused(policy, state, 10.0)
    several = one
    for number in range(policy.allowed_strays):
        several = pace.refused(policy, several, 10.0 + number * 0.1)
    assert pace.rate(policy, several, 11.0) == pace.rate(policy, one, 11.0)
    assert pace.rate(policy, pace.refused(policy, several, 10.9), 11.0) < pace.rate(policy, one, 11.0)
    # A second later it is news again.
    assert pace.rate(policy, pace.refused(policy, several, 11.1), 11.2) < pace.rate(policy, one, 11.2)


@given(st.floats(0, 1e9), st.floats(0, 1e4), st.floats(allow_nan=False), st.integers(0, 2**63))
def test_a_packed_state_is_the_state(next_at, ceiling, refused_at, strays):
    state = PaceState(next_at, ceiling, refused_at, strays)
    assert PaceState.unpack(state.pack()) == state
    assert len(state.pack()) == pace.PACKED_BYTES
