"""From what there is to how long it takes, what it costs, and whether the budget is enough. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal

from pipeline.plan_facts import Binds, BudgetOutlook, Cost, Duration, Stops
from pipeline.plan_totals import Totals, spread
from pipeline.prices import PriceTable
from pipeline.sampling import Figure
from transforms.pace import PacePolicy

_DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Quota:
    """How fast calls may go: ``recognition.requests_per_second``, and so many in flight at most."""

    requests_per_second: float
    concurrency: int


def duration_of(totals: Totals, quota: Quota, processes: int) -> Duration:
    """How long a run takes.

    Args:
        totals: what is in the recordings.
        quota: how fast calls may go.
        processes: decode processes at work at once.
    """
    rate = PacePolicy(quota.requests_per_second).full_rate
    calling = totals.amounts.calls.scaled(1 / rate)
    machine = spread(totals.machine, processes)
    audio_seconds = totals.amounts.audio_seconds.value
    return Duration(
        seconds=Figure(
            max(calling.value, machine.value), max(calling.low, machine.low), max(calling.high, machine.high)
        ),
        calling_seconds=calling,
        machine_seconds=machine,
        binds=Binds.QUOTA if calling.value >= machine.value else Binds.MACHINE,
        calls_per_second=rate,
        call_seconds_at_most=quota.concurrency / rate,  # Little's law
        times_real_time=audio_seconds / machine.value if audio_seconds and machine.value else None,
        decode_processes=processes,
    )


def cost_of(calls: Figure, seconds: float, prices: PriceTable) -> Cost:
    """What the calls cost, spread evenly over a run of so many seconds that begins a day."""
    per_day = calls.value / seconds * _DAY_SECONDS if seconds else 0.0
    calls_per_day = max(1, round(per_day))
    low, high = prices.cost_range(math.floor(calls.low), math.ceil(calls.high), calls_per_day)
    return Cost(
        amount=_money(prices.cost_by_days(round(calls.value), calls_per_day)),
        low=_money(low),
        high=_money(high),
        currency=prices.currency,
        calls_per_day=calls_per_day,
        read_on=prices.read_on.isoformat(),
        source=prices.source,
        free_calls_per_month=prices.free_calls_per_month,
    )


def budget_outlook(calls: Figure, max_calls: int | None, spent: int) -> BudgetOutlook | None:
    """Whether the budget ends the run; None where there is none.

    Args:
        calls: to be paid.
        max_calls: the wall.
        spent: counted already by the unfinished run that is continued.
    """
    if max_calls is None:
        return None
    left = max(0, max_calls - spent)
    stops = Stops.PERHAPS
    if calls.low > left or calls.high <= left:
        stops = Stops.YES if calls.low > left else Stops.NO
    return BudgetOutlook(max_calls, spent, stops, min(1.0, left / calls.value) if calls.value else 1.0)


def _money(amount: Decimal) -> str:
    return f"{amount:f}"
