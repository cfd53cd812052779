from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from transforms.quota_claims import (
    ALONE_AFTER_SECONDS,
    KEPT_SECONDS,
    Claim,
    Standing,
    left_per_second,
    part_per_second,
    parts_of,
    renewed,
)

QUOTAS = st.floats(0.01, 200)
NAMES = st.sampled_from("abcdefgh")


@given(QUOTAS, st.lists(st.tuples(NAMES, st.floats(0, 100)), max_size=40))
def test_claims_never_add_up_to_more_than_the_quota(quota: float, heard: list[tuple[str, float]]) -> None:
    claims: dict[str, Claim] = {}
    now = 0.0
    for name, seconds in heard:
        now += seconds
        claims = renewed(claims, name, quota, now)
        held = sum(claim.parts for claim in claims.values())
        assert held <= parts_of(quota)
        assert held * part_per_second(quota) <= quota
        assert left_per_second(claims, quota, now) >= 0


@given(QUOTAS, st.sets(NAMES, min_size=1))
def test_after_two_beats_each_has_its_fair_share_and_nothing_is_left(quota: float, names: set[str]) -> None:
    claims: dict[str, Claim] = {}
    for name in sorted(names) * 2:
        claims = renewed(claims, name, quota, 5.0)
    held = [claim.parts for claim in claims.values()]
    assert sum(held) == parts_of(quota)
    assert max(held) - min(held) <= 1


def test_what_one_holds_is_left_for_it_until_it_is_given_away() -> None:
    claims = renewed({}, "first", 25.0, 0.0)
    claims = renewed(claims, "second", 25.0, 1.0)
    assert claims["second"].parts == 0
    assert left_per_second(claims, 25.0, ALONE_AFTER_SECONDS - 0.1) == 25.0
    assert left_per_second(claims, 25.0, ALONE_AFTER_SECONDS) == 0.0
    assert renewed(claims, "second", 25.0, KEPT_SECONDS - 0.1)["second"].parts == 0
    assert renewed(claims, "second", 25.0, KEPT_SECONDS) == {"second": Claim(KEPT_SECONDS, 25)}


def test_one_from_the_future_is_kept_no_longer_than_others() -> None:
    claims = renewed({"dead": Claim(9_000.0, 25)}, "other", 25.0, 10.0)
    assert claims["dead"].heard_at == 10.0


@given(st.floats(0, 20), st.floats(0, 20), st.floats(0, 200))
def test_a_worker_is_alone_only_while_the_others_leave_it_its_claim(
    answer_seconds: float, tried_after: float, then: float
) -> None:
    # It spoke at 0 and was heard of somewhere before it had the answer; and perhaps once more.
    standing = Standing(heard_after=0.0, heard_before=answer_seconds, parts=5, known_at=0.0)
    tried = standing.speaking(3, answer_seconds + tried_after)
    assert tried.parts == 3
    for each, heard in ((standing, (0.0, answer_seconds)), (tried, (0.0, answer_seconds + tried_after))):
        if each.may_go_alone(then):
            for heard_at in heard:
                assert heard_at + ALONE_AFTER_SECONDS < then < heard_at + KEPT_SECONDS
        assert not (each.may_go_alone(then) and each.goes_with_others(then))


def test_one_that_was_never_heard_of_or_has_no_part_is_never_alone() -> None:
    assert not any(Standing(parts=5).may_go_alone(now) for now in range(100))
    assert not any(Standing(0.0, 0.0, parts=0).may_go_alone(now) for now in range(100))


def test_a_claim_is_read_as_it_was_written_and_nothing_else_is_one() -> None:
    claim = Claim(12.5, 3)
    assert Claim.unpack(claim.pack()) == claim
    assert Claim.unpack(b"other") is None
