from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from pipeline.config_load import load_prices
from pipeline.plan_contents import Contents, Due
from pipeline.plan_facts import Binds, Stops
from pipeline.plan_outlook import Quota, budget_outlook, cost_of, duration_of
from pipeline.plan_totals import Machine, Totals, WholeCount
from pipeline.sampling import Figure

PRICES = load_prices()


def totals(calls: float, machine_seconds: float, audio_seconds: float = 3600) -> Totals:
    count = WholeCount()
    count.add(Contents(seconds=audio_seconds, due=(Due(1, 0, 0),)), 1.0, first=False)
    amounts = replace(count.totals().amounts, calls=Figure(calls, calls * 0.9, calls * 1.1))
    return Totals(amounts, Machine(Figure(machine_seconds, machine_seconds, machine_seconds), 1.0))


def test_the_longer_of_calling_and_decoding_decides():
    slow_quota = duration_of(totals(2460, 60), Quota(25, 48), 2)
    assert slow_quota.binds is Binds.QUOTA
    assert slow_quota.seconds.value == slow_quota.calling_seconds.value == pytest.approx(100)
    assert slow_quota.seconds.high == pytest.approx(110)
    assert slow_quota.times_real_time == pytest.approx(120)
    assert slow_quota.call_seconds_at_most == pytest.approx(48 / 24.6)
    slow_machine = duration_of(totals(2460, 400), Quota(25, 48), 2)
    assert slow_machine.binds is Binds.MACHINE
    assert slow_machine.seconds == slow_machine.machine_seconds == Figure.known(200)
    assert duration_of(totals(1, 0, 0), Quota(25, 48), 2).times_real_time is None


def test_calls_cost_by_the_tier_of_their_day():
    one_day = cost_of(Figure.known(290_000), 86_400, PRICES)
    assert (Decimal(one_day.amount), one_day.calls_per_day) == (928, 290_000)
    # 2,000,000 a day for two days and a half: two days at 2.2, the rest at 2.2.
    days = cost_of(Figure.known(5_000_000), 2.5 * 86_400, PRICES)
    assert Decimal(days.amount) == 2 * 4400 + 2200
    assert days.low == days.high == days.amount
    assert Decimal(cost_of(Figure.known(0), 0, PRICES).amount) == 0
    # What begins a cheaper tier costs less than what comes before.
    about = cost_of(Figure(300_000, 299_000, 301_000), 3600, PRICES)
    assert (Decimal(about.low), Decimal(about.high)) == (840, Decimal("959.9968"))


@pytest.mark.parametrize(
    ("calls", "max_calls", "spent", "stops", "share"),
    [
        (Figure.known(10), 10, 0, Stops.NO, 1),
        (Figure.known(10), 10, 5, Stops.YES, 0.5),
        (Figure.known(10), 3, 9, Stops.YES, 0),
        (Figure(10, 8, 12), 11, 0, Stops.PERHAPS, 1),
        (Figure(10, 8, 12), 9, 0, Stops.PERHAPS, 0.9),
        (Figure(10, 8, 12), 7, 0, Stops.YES, 0.7),
        (Figure.known(0), 0, 0, Stops.NO, 1),
    ],
)
def test_the_budget_is_enough_or_not(calls, max_calls, spent, stops, share):
    found = budget_outlook(calls, max_calls, spent)
    assert found is not None
    assert (found.stops, found.share) == (stops, pytest.approx(share))


def test_without_a_budget_there_is_no_outlook():
    assert budget_outlook(Figure.known(10), None, 0) is None
