"""The runs of a dataset, and how one of them went, as the report shows them. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pipeline import page_text
from pipeline.charts import time_step
from pipeline.outcome import ExitCode
from pipeline.report_course import MOST_COLUMNS, Pace, laid_out, latency_chart, rate_chart
from pipeline.report_facts import Course, Fact, RunRow
from pipeline.standing_facts import AtWork, Working
from pipeline.standing_runs import RunFacts
from pipeline.timeline import Timeline
from transforms.reading import Reading

MOST_RUNS = 20
"""Runs in the table, the newest."""

END_WORDS: Mapping[int, str] = {
    ExitCode.DONE: "all transcribed",
    ExitCode.UNFORESEEN: "broke off",
    ExitCode.SOME_FAILED: "some failed",
    ExitCode.STOPPED: "was stopped before the end",
}
"""How a run ended, by its exit code."""
_NO_TIMELINE = (
    "Latencies and where the time went: the record of this run has no timeline. The run has not ended, was "
    "killed, or was made by an earlier release."
)


def microseconds(text: str | None) -> int | None:
    """An ISO 8601 time in microseconds since 1970; None if it is none."""
    try:
        return round(datetime.fromisoformat(text or "").timestamp() * 1_000_000)
    except ValueError:
        return None


def chosen_run(records: Sequence[RunFacts], last_answers_us: Mapping[str, int]) -> RunFacts | None:
    """The newest run that brought answers, else the newest; None without any.

    Args:
        records: oldest first.
        last_answers_us: when each run's last answer came; one that is older than the run was
            paid for by an earlier one.
    """
    for run in reversed(records):
        started_us = microseconds(run.started_at)
        if started_us is not None and last_answers_us.get(run.run_id, -1) >= started_us:
            return run
    return records[-1] if records else None


def run_rows(records: Sequence[RunFacts], at_work: AtWork, shown_id: str) -> tuple[RunRow, ...]:
    """The newest runs, the newest first."""
    return tuple(
        RunRow(
            run.run_id,
            run.started_at,
            _state(run, at_work),
            _lasted(run),
            _cells(run),
            run.run_id == shown_id,
        )
        for run in records[: -MOST_RUNS - 1 : -1]
    )


def _state(run: RunFacts, at_work: AtWork) -> str:
    if run.exit_code is not None and run.ended_at is not None:
        return END_WORDS.get(run.exit_code, f"exit code {run.exit_code}")
    if at_work.working is Working.YES and at_work.run_id == run.run_id:
        return "going on"
    return "has not said that it ended" if at_work.working is Working.UNKNOWN else "never ended"


def _lasted(run: RunFacts) -> str:
    begun_us, ended_us = microseconds(run.started_at), microseconds(run.ended_at)
    if begun_us is None or ended_us is None:
        return ""
    return page_text.duration((ended_us - begun_us) / 1e6)


def _cells(run: RunFacts) -> tuple[str, ...]:
    counts = run.counts
    if counts is None:
        return ("",) * 5
    cost = "" if run.cost is None else f"{run.cost} {run.currency}"
    numbers = (counts.files, counts.calls, counts.billed_calls, counts.reused_answers)
    return (*map(page_text.count, numbers), cost)


def course_of(
    run: RunFacts,
    record: Mapping[str, Any],
    last_answer_us: int | None,
    answers: Callable[[int, int], Sequence[tuple[int, int]]],
) -> Course:
    """How a run went, as far as its timeline tells, or else the times of its answers.

    Args:
        run: the run.
        record: all that its record says.
        last_answer_us: when its last answer came; None where no row of it is left.
        answers: counts its answers by step, from a beginning on, both in microseconds.
    """
    recognition = record.get("configuration", {}).get("recognition", {})
    quota = float(recognition.get("requests_per_second", 25))
    timeline = timeline_of(record)
    if timeline is not None:
        return _course_of_timeline(run, timeline, quota)
    started_us = microseconds(run.started_at)
    facts = tuple(_run_facts(run, quota))
    if started_us is None or last_answer_us is None or last_answer_us < started_us:
        missing = ("The rate over time: no answer of this run is in the dataset.", _NO_TIMELINE)
        return Course(run.run_id, facts, None, missing=missing)
    seconds = (last_answer_us - started_us) / 1e6 + 1e-6
    step = time_step(seconds, MOST_COLUMNS)
    answered = [0.0] * int(seconds // step + 1)
    for number, found in answers(started_us, step * 1_000_000):
        answered[number] = float(found)
    started_at = datetime.fromisoformat(run.started_at)
    rate = rate_chart(Pace("Answers", answered, [0.0] * len(answered), step, seconds, started_at), quota)
    return Course(run.run_id, facts, rate, missing=(_NO_TIMELINE,))


def timeline_of(record: Mapping[str, Any]) -> Timeline | None:
    """The timeline in the record of a run; None where it has none that can be shown."""
    try:
        timeline = Timeline.of_json(record["timeline"])
        datetime.fromisoformat(timeline.started_at)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    return timeline if timeline.buckets and timeline.seconds > 0 else None


def _course_of_timeline(run: RunFacts, timeline: Timeline, quota: float) -> Course:
    totals = timeline.totals
    facts = _run_facts(run, quota)
    if totals.call_ms:
        in_flight = page_text.count(totals.call_ms / 1000 / timeline.seconds)
        facts.append(Fact("In flight", in_flight, "calls on average"))
    joined = math.ceil(len(timeline.buckets) / MOST_COLUMNS)
    starts = range(0, len(timeline.buckets), joined)
    pieces = [timeline.buckets[start : start + joined] for start in starts]
    refused = [sum(each.calls_throttled for each in piece) for piece in pieces]
    # The quota counts calls as they start; a refusal comes at once, nearly always in the same piece.
    made = [sum(each.calls_started for each in piece) for piece in pieces]
    pace = Pace(
        "Calls",
        [max(0, calls - bad) for calls, bad in zip(made, refused, strict=True)],
        refused,
        joined * timeline.bucket_seconds,
        timeline.seconds,
        datetime.fromisoformat(timeline.started_at),
    )
    missing = () if totals.latency else ("Latencies: no call of this run was answered.",)
    return Course(
        run.run_id,
        tuple(facts),
        rate_chart(pace, quota),
        latency=latency_chart(totals.latency) if totals.latency else None,
        times=laid_out([(name, ms, page_text.duration(ms / 1000)) for name, ms in _times(totals)]),
        missing=missing,
    )


def _times(totals: Reading) -> tuple[tuple[str, int], ...]:
    return (
        ("calls, from sending to the answer", totals.call_ms),
        ("decoding and cutting", totals.decode_ms),
        ("waiting for the quota", totals.quota_wait_ms),
        ("pausing before a repeat", totals.pause_ms),
    )


def _run_facts(run: RunFacts, quota: float) -> list[Fact]:
    facts = [Fact("Began", page_text.instant(run.started_at))]
    if lasted := _lasted(run):
        facts.append(Fact("Lasted", lasted))
    facts.append(Fact("Quota", f"{quota:g}", "calls a second"))
    if run.counts is not None:
        facts.append(Fact("Calls", page_text.count(run.counts.calls), f"{run.counts.billed_calls:,} billed"))
        repeats = sum(run.counts.retries.values())
        codes = ", ".join(f"{code} {times:,}" for code, times in sorted(run.counts.retries.items()))
        facts.append(Fact("Repeated", page_text.count(repeats), codes))
        facts.append(Fact("Throttled", page_text.duration(run.counts.throttled_seconds), "waited in all"))
    return facts
