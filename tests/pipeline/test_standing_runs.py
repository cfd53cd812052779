from __future__ import annotations

import json
from dataclasses import replace

import pytest

from pipeline.config_load import load_prices
from pipeline.run_record import RunCounts, RunRecord
from pipeline.standing_facts import AtWork, Money, RunState, Working
from pipeline.standing_runs import RowsOfRun, RunFacts, last_run, spending

PRICES = load_prices()
FREE = AtWork(Working.NO)


def run(number: int, exit_code: int | None = 0, billed: int | None = 10, **changes: object) -> RunFacts:
    """A run that ended, unless its code is None; without counts if it billed None."""
    record = RunRecord(
        run_id=f"run{number}",
        started_at="2026-01-01T00:00:00+00:00",
        configuration={"audio": {"channels": "mix"}, "output": {"state": None}},
        ended_at=None if exit_code is None else "2026-01-01T01:00:00+00:00",
        exit_code=exit_code,
        counts=None
        if billed is None
        else RunCounts(files=3, calls=12, billed_calls=billed, reused_answers=2),
        cost=None if billed is None else str(PRICES.cost(billed)),
        currency=None if billed is None else "CNY",
    )
    return replace(RunFacts.of_record(json.loads(record.as_json())), **changes)


def killed(number: int) -> RunFacts:
    return run(number, None, None)


def test_runs_add_up():
    found = spending([run(0), run(1, 3, 20)], 20, PRICES)
    assert (found.runs, found.runs_without_counts, found.runs_unknown) == (2, 0, 0)
    assert (found.calls, found.billed_calls, found.billed_uncounted, found.reused_answers) == (24, 30, 0, 4)
    assert found.cost == (Money("0.096", "CNY"),)
    assert spending([], None, PRICES).cost == (Money("0.0", "CNY"),)


@pytest.mark.parametrize(
    ("runs", "budget", "uncounted", "unknown"),
    [
        ([run(0), killed(1)], 7, 7, 0),
        ([run(0), killed(1)], None, 0, 1),
        ([run(0), killed(1), run(2, 4)], 15, 5, 0),
        ([killed(0), run(1)], 13, 3, 0),
        ([killed(0), run(1), killed(2)], 4, 4, 1),
        ([run(0), killed(1), run(2), run(3)], 10, 0, 1),
        ([run(0), killed(1)], 0, 0, 0),
        ([run(0, 4), killed(1)], 3, 0, 0),
    ],
    ids=str,
)
def test_calls_of_killed_runs_are_those_that_the_budget_counts_beside_the_others(
    runs, budget, uncounted, unknown
):
    found = spending(runs, budget, PRICES)
    assert (found.billed_uncounted, found.runs_unknown) == (uncounted, unknown)
    told = sum(each.counts.billed_calls for each in runs if each.counts)
    assert found.billed_calls == told + uncounted
    assert float(found.cost[0].amount) == pytest.approx(float(PRICES.cost(found.billed_calls)))


def test_each_currency_has_its_sum():
    found = spending(
        [run(0), run(1, currency="USD", cost="1.5"), run(2, currency="USD", cost="1")], 0, PRICES
    )
    assert found.cost == (Money("0.032", "CNY"), Money("2.5", "USD"))


def rows_of(run_id: str) -> RowsOfRun:
    return {"run0": RowsOfRun(1, 2, 3), "run1": RowsOfRun(4, 5, 6)}[run_id]


@pytest.mark.parametrize(
    ("newest", "at_work", "state"),
    [
        (run(1), FREE, RunState.FINISHED),
        (run(1, 3), FREE, RunState.FINISHED),
        (run(1, 4), FREE, RunState.STOPPED),
        (killed(1), FREE, RunState.KILLED),
        (killed(1), AtWork(Working.YES, "run1", 1, "h"), RunState.GOING_ON),
        (killed(1), AtWork(Working.UNKNOWN, "run1", 1, "h"), RunState.UNKNOWN),
        (killed(1), AtWork(Working.UNKNOWN), RunState.UNKNOWN),
        (killed(1), AtWork(Working.UNKNOWN, "run0", 1, "h"), RunState.KILLED),
        (run(1, 3, ended_at=None), FREE, RunState.KILLED),
    ],
)
def test_the_newest_run_is_told_by_its_record_and_the_lock(newest, at_work, state):
    found = last_run([run(0), newest], at_work, rows_of)
    assert found is not None
    assert (found.run_id, found.state, found.transcripts, found.segments) == ("run1", state, 4, 5)
    assert found.replacing == (newest.ended_at is None and newest.exit_code is not None)
    assert found.files == (None if newest.counts is None else 3)


def test_a_run_that_has_just_begun_is_the_newest():
    found = last_run([run(0)], AtWork(Working.YES, "run1", 1, "h"), rows_of)
    assert found is not None
    assert (found.run_id, found.state, found.started_at) == ("run1", RunState.GOING_ON, "")
    assert last_run([], FREE, rows_of) is None
