from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config_load import load_prices
from pipeline.prices import PriceTable, parse_prices
from transforms.errors import UsageError

SHIPPED = load_prices()

HEAD = """
currency: CNY
read_on: 2026-01-02
source: a price list
free_calls_per_month: 10
"""


def test_shipped_prices_say_where_they_come_from() -> None:
    assert SHIPPED.currency == "CNY"
    assert SHIPPED.source.startswith("https://cloud.tencent.com/")
    assert SHIPPED.free_calls_per_month == 5000


@pytest.mark.parametrize(
    ("calls", "cost"),
    [
        (0, "0"),
        (1, "0.0032"),
        (1000, "3.2"),
        (299_999, "959.9968"),
        (300_000, "840"),  # the cheaper price holds for the whole day
        (999_999, "2799.9972"),
        (1_000_000, "2200"),
        (2_999_999, "6599.9978"),
        (3_000_000, "4800"),
        (4_999_999, "7999.9984"),
        (5_000_000, "6000"),
        (100_000_000, "120000"),
    ],
)
def test_cost_at_the_borders_of_tiers(calls: int, cost: str) -> None:
    assert SHIPPED.cost(calls) == Decimal(cost)


def test_free_calls_are_not_deducted() -> None:
    assert SHIPPED.cost(SHIPPED.free_calls_per_month) == Decimal(16)


def test_an_hour_in_segments_of_a_minute_costs_what_the_documents_give() -> None:
    assert SHIPPED.cost(60) == Decimal("11.52") / 60


@given(st.integers(min_value=0, max_value=20_000_000))
def test_price_per_call_never_rises_with_volume(calls: int) -> None:
    assert SHIPPED.per_thousand_calls(calls + 1) <= SHIPPED.per_thousand_calls(calls)
    assert SHIPPED.cost(calls) == SHIPPED.per_thousand_calls(calls) * calls / 1000


def test_negative_calls_are_refused() -> None:
    with pytest.raises(ValueError, match="billed_calls is -1"):
        SHIPPED.cost(-1)


def test_numbers_without_quotes_stay_exact() -> None:
    table = parse_prices(HEAD + "tiers: [{per_thousand_calls: 0.1}]", "p.yaml")
    assert table.cost(3) == Decimal("0.0003")


def test_table_is_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        SHIPPED.currency = "USD"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (HEAD, "tiers: is required"),
        (HEAD + "tiers: []", "tiers"),
        (
            HEAD + "tiers: [{calls_below: 5, per_thousand_calls: 1}]",
            "tiers: a list: expected calls_below in every tier but the last",
        ),
        (HEAD + "tiers: [{per_thousand_calls: 1}, {per_thousand_calls: 1}]", "every tier but the last"),
        (
            HEAD
            + "tiers: [{calls_below: 5, per_thousand_calls: 1}, {calls_below: 5, per_thousand_calls: 1}, "
            + "{per_thousand_calls: 1}]",
            "rising calls_below",
        ),
        (HEAD + "tiers: [{per_thousand_calls: -1}]", r"tiers\.0\.per_thousand_calls: -1"),
        (HEAD + "tiers: [{per_thousand_calls: .nan}]", r"tiers\.0\.per_thousand_calls"),
        (HEAD.replace("CNY", "yuan") + "tiers: [{per_thousand_calls: 1}]", "currency: 'yuan'"),
        (HEAD.replace("2026-01-02", "lately") + "tiers: [{per_thousand_calls: 1}]", "read_on: 'lately'"),
        (HEAD + "tier: 1\ntiers: [{per_thousand_calls: 1}]", r"tier: unknown key; did you mean tiers\?"),
        ("just text", "p.yaml"),
        ("a: [", "p.yaml, line 1"),
    ],
)
def test_a_wrong_table_is_explained(text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told) as caught:
        parse_prices(text, "p.yaml")
    assert "p.yaml" in str(caught.value)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(UsageError, match=r"nowhere\.yaml"):
        load_prices("nowhere.yaml")


def test_round_trip_through_json() -> None:
    assert PriceTable.model_validate_json(SHIPPED.model_dump_json()) == SHIPPED


@settings(deadline=None)
@given(low=st.integers(0, 60), more=st.integers(0, 60), per_day=st.integers(1, 25))
def test_the_range_of_costs_is_that_of_all_numbers_of_calls_between(low, more, per_day):
    tiers = "tiers: [{calls_below: 5, per_thousand_calls: 9}, {calls_below: 12, per_thousand_calls: 4}"
    table = parse_prices(HEAD + tiers + ", {per_thousand_calls: 3}]", "prices")
    costs = [table.cost_by_days(calls, per_day) for calls in range(low, low + more + 1)]
    assert table.cost_range(low, low + more, per_day) == (min(costs), max(costs))


def test_days_are_paid_for_by_their_own_calls():
    prices = load_prices()
    assert prices.cost_by_days(700_000, 300_000) == 2 * Decimal(840) + Decimal(320)
    assert prices.cost_by_days(700_000, 10**9) == prices.cost(700_000)
    with pytest.raises(ValueError, match="calls_per_day is 0"):
        prices.cost_by_days(1, 0)
