from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.service.faults import FaultKind, FaultPlan, FaultRule, check_shares, parse_fault
from transforms.errors import UsageError


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("throttle=0.1", FaultRule(FaultKind.THROTTLE, 0.1)),
        ("http502=first:4", FaultRule(FaultKind.HTTP502, first_calls=4)),
        ("hang:30=0.02", FaultRule(FaultKind.HANG, 0.02, seconds=30.0)),
        ("slow=1", FaultRule(FaultKind.SLOW, 1.0, seconds=5.0)),
        (
            "code:AuthFailure.SecretIdNotFound=1.0",
            FaultRule(FaultKind.CODE, 1.0, code="AuthFailure.SecretIdNotFound"),
        ),
    ],
)
def test_rules_are_read(text: str, rule: FaultRule) -> None:
    assert parse_fault(text) == rule


@pytest.mark.parametrize(
    "text",
    [
        "",
        "throttle",
        "flood=0.1",
        "throttle=2",
        "throttle=x",
        "throttle=last:3",
        "throttle=first:0",
        "code=0.1",
        "hang:x=0.1",
        "hang:-1=0.1",
        "reset:3=0.1",
        "throttle=nan",
    ],
)
def test_what_is_no_rule_is_refused_with_the_text(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_fault(text)
    assert repr(text) in str(caught.value)


def test_shares_beyond_all_calls_are_refused() -> None:
    check_shares([FaultRule(FaultKind.RESET, 0.5), FaultRule(FaultKind.SLOW, 0.5)])
    with pytest.raises(UsageError, match=r"sum to 1\.1"):
        check_shares([FaultRule(FaultKind.RESET, 0.6), FaultRule(FaultKind.SLOW, 0.5)])


def test_the_first_calls_are_hit_and_no_other() -> None:
    rules = [FaultRule(FaultKind.THROTTLE, first_calls=2), FaultRule(FaultKind.RESET, first_calls=3)]
    kinds = [rule.kind if rule else None for rule in map(FaultPlan(rules, 1).draw, range(5))]
    assert kinds == [FaultKind.THROTTLE, FaultKind.THROTTLE, FaultKind.RESET, None, None]


@given(st.integers(0, 2**32), st.integers(0, 10**6))
def test_a_draw_depends_on_seed_and_number_alone(seed: int, number: int) -> None:
    rules = [FaultRule(FaultKind.THROTTLE, 0.3), FaultRule(FaultKind.RESET, 0.3)]
    plan = FaultPlan(rules, seed)
    plan.draw(number + 1)
    assert plan.draw(number) == FaultPlan(rules, seed).draw(number)


def test_shares_are_kept_and_seeds_differ() -> None:
    rules = [FaultRule(FaultKind.THROTTLE, 0.1), FaultRule(FaultKind.RESET, 0.2)]
    drawn = [[FaultPlan(rules, seed).draw(number) for number in range(5000)] for seed in (1, 2)]
    assert drawn[0] != drawn[1]
    assert drawn[0].count(rules[0]) == pytest.approx(500, abs=75)
    assert drawn[0].count(rules[1]) == pytest.approx(1000, abs=100)
