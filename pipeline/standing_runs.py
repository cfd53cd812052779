"""What the records of all runs add up to. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from pipeline.finished import has_split, may_lack_channels
from pipeline.outcome import ExitCode
from pipeline.prices import PriceTable
from pipeline.run_record import RunCounts
from pipeline.standing_facts import AtWork, LastRun, Money, RunState, SoFar, Spending, Working
from pipeline.timeline import Timeline

_GOOD = (ExitCode.DONE, ExitCode.SOME_FAILED)


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What the record of a run says; ``counts`` is None unless it came to its end.

    Attributes:
        split: whether it transcribed each channel for itself.
        may_lack_channels: see `pipeline.finished.may_lack_channels`.
        state: its ``output.state``.
        so_far: see `so_far_of`.
    """

    run_id: str
    started_at: str
    ended_at: str | None = None
    exit_code: int | None = None
    stopped: str | None = None
    counts: RunCounts | None = None
    cost: str | None = None
    currency: str | None = None
    split: bool = False
    may_lack_channels: bool = False
    state: str | None = None
    so_far: SoFar | None = None

    @property
    def is_replacing(self) -> bool:
        """It has written all its rows, and has not said that they replaced the older ones."""
        return self.ended_at is None and self.exit_code is not None

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> RunFacts:
        """From the JSON of ``runs/``."""
        configuration = record["configuration"]
        names = {each.name for each in fields(RunCounts)}
        told = {name: value for name, value in record.items() if name in names and value is not None}
        return cls(
            run_id=record["run_id"],
            started_at=record["started_at"],
            ended_at=record["ended_at"],
            exit_code=record["exit_code"],
            stopped=record["stopped"],
            counts=RunCounts(**told) if "files" in told else None,
            cost=record["cost"],
            currency=record["currency"],
            split=has_split(record),
            may_lack_channels=may_lack_channels(record),
            state=configuration.get("output", {}).get("state"),
            so_far=so_far_of(record),
        )


def so_far_of(record: Mapping[str, Any]) -> SoFar | None:
    """What a run that has not ended told of itself; None if it has ended, or told nothing."""
    if record["ended_at"] is not None or record.get("timeline") is None:
        return None
    try:
        timeline = Timeline.of_json(record["timeline"])
        at = datetime.fromisoformat(timeline.started_at) + timedelta(seconds=timeline.seconds)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return None  # of another version: it is worth less than the rest of the record
    totals = timeline.totals
    return SoFar(
        at.isoformat(timespec="seconds"),
        totals.recordings_found - totals.recordings_skipped - totals.recordings_still_failing,
        totals.recordings_listed > 0,
        totals.recordings_done,
        totals.segments_done,
        totals.calls,
        totals.billed_calls,
        totals.failures,
    )


@dataclass(frozen=True, slots=True)
class RowsOfRun:
    """Rows of one run that are in the dataset now."""

    transcripts: int = 0
    segments: int = 0
    failures: int = 0


def spending(runs: Sequence[RunFacts], budget_spent: int | None, prices: PriceTable) -> Spending:
    """What runs have called for and paid.

    Args:
        runs: oldest first.
        budget_spent: calls that may have been billed since the last run that finished, as
            the budget counts them; None where that is not known.
        prices: for calls that no run has told the cost of.
    """
    chain = runs[_start_of_chain(runs) :]
    silent = [run for run in runs if run.counts is None]
    told = [run.counts for run in runs if run.counts is not None]
    billed = sum(counts.billed_calls for counts in told)
    uncounted = 0
    unknown = len(silent)
    if budget_spent is not None and any(run.counts is None for run in chain):
        told_in_chain = sum(run.counts.billed_calls for run in chain if run.counts is not None)
        uncounted = max(0, budget_spent - told_in_chain)
        unknown -= sum(1 for run in chain if run.counts is None)
    return Spending(
        runs=len(runs),
        runs_without_counts=len(silent),
        calls=sum(counts.calls for counts in told),
        billed_calls=billed + uncounted,
        billed_uncounted=uncounted,
        runs_unknown=unknown,
        reused_answers=sum(counts.reused_answers for counts in told),
        throttled_seconds=round(sum(counts.throttled_seconds for counts in told), 3),
        cost=_cost(runs, uncounted, prices),
    )


def last_run(
    runs: Sequence[RunFacts], at_work: AtWork, rows_of: Callable[[str], RowsOfRun]
) -> LastRun | None:
    """The newest run, or the one at work that has no record yet; None where there is none.

    Args:
        runs: oldest first.
        at_work: who is at work now.
        rows_of: counts what a run has in the dataset.
    """
    run = runs[-1] if runs else None
    if at_work.working is Working.YES and at_work.run_id not in {each.run_id for each in runs}:
        run = RunFacts(run_id=at_work.run_id or "", started_at="")
    if run is None:
        return None
    own = rows_of(run.run_id)
    return LastRun(
        run_id=run.run_id,
        state=_state(run, at_work),
        started_at=run.started_at,
        ended_at=run.ended_at,
        exit_code=run.exit_code,
        stopped=run.stopped,
        replacing=run.is_replacing,
        files=None if run.counts is None else run.counts.files,
        files_not_started=None if run.counts is None else run.counts.files_not_started,
        segments_not_called=None if run.counts is None else run.counts.unanswered_segments,
        transcripts=own.transcripts,
        segments=own.segments,
        failures=own.failures,
        so_far=run.so_far,
    )


def _state(run: RunFacts, at_work: AtWork) -> RunState:
    if run.ended_at is not None:
        return RunState.FINISHED if run.exit_code in _GOOD else RunState.STOPPED
    if at_work.working is Working.NO or at_work.run_id not in (None, run.run_id):
        return RunState.KILLED
    return RunState.GOING_ON if at_work.working is Working.YES else RunState.UNKNOWN


def _start_of_chain(runs: Sequence[RunFacts]) -> int:
    """Where the runs begin that the budget counts: after the last that finished, but for the newest."""
    return max((at + 1 for at, run in enumerate(runs[:-1]) if run.exit_code in _GOOD), default=0)


def _cost(runs: Sequence[RunFacts], uncounted: int, prices: PriceTable) -> tuple[Money, ...]:
    amounts: dict[str, Decimal] = {}
    for run in runs:
        if run.cost is not None and run.currency is not None:
            amounts[run.currency] = amounts.get(run.currency, Decimal(0)) + Decimal(run.cost)
    if uncounted or not amounts:
        known = amounts.get(prices.currency, Decimal(0))
        amounts[prices.currency] = known + prices.cost(uncounted)
    return tuple(Money(str(amount), currency) for currency, amount in sorted(amounts.items()))
