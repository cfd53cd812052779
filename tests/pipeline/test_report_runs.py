from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

import pytest

from pipeline.report_course import Pace, laid_out, latency_chart, lengths_chart, rate_chart
from pipeline.report_runs import MOST_RUNS, chosen_run, course_of, microseconds, run_rows, timeline_of
from pipeline.run_record import RunCounts
from pipeline.standing_facts import AtWork, Working
from pipeline.standing_runs import RunFacts
from pipeline.timeline import Timeline, TimelineRecorder
from transforms.latency import step_of
from transforms.reading import Reading

START = "2026-01-01T00:00:00+00:00"
START_US = 1_767_225_600_000_000
RUN = RunFacts("20260101T000000Z-00000001", START, "2026-01-01T00:01:00+00:00", 0, None, RunCounts(files=2))
NOBODY = AtWork(Working.NO)


def record(timeline: object = None) -> dict[str, object]:
    return {"configuration": {"recognition": {"requests_per_second": 5.0}}, "timeline": timeline}


def nothing(begin_us: int, step_us: int) -> list[tuple[int, int]]:
    raise AssertionError("the rows are not asked where a timeline tells")


def told(*readings: tuple[float, Reading]) -> Timeline:
    """A timeline of what came to the counts until each second."""
    recorder, before = TimelineRecorder(START), 0.0
    for until, gained in readings:
        recorder.add(before, until, gained)
        before = until
    return recorder.timeline()


def test_the_newest_run_that_brought_answers_is_shown():
    older = RUN
    newer = replace(RUN, run_id="20260102T000000Z-00000002", started_at="2026-01-02T00:00:00+00:00")
    assert chosen_run([], {}) is None
    assert chosen_run([older, newer], {}) == newer
    assert chosen_run([older, newer], {older.run_id: START_US + 1}) == older
    reused = {older.run_id: START_US + 1, newer.run_id: START_US + 2}
    assert chosen_run([older, newer], reused) == older
    assert chosen_run([replace(older, started_at="then")], {older.run_id: 1}) is not None


def test_without_a_timeline_the_answers_tell_the_rate_and_the_rest_is_missing():
    asked = []

    def answers(begin_us: int, step_us: int) -> list[tuple[int, int]]:
        asked.append((begin_us, step_us))
        return [(0, 3), (9, 1)]

    course = course_of(RUN, record(), START_US + 9_500_000, answers)
    assert asked == [(START_US, 1_000_000)]
    assert course.rate is not None
    assert [row[1] for row in course.rate.rows] == ["3", *["0"] * 8, "1"]
    assert "0.42 on average, 8.4 % of the 5 that the quota allows" in course.rate.summary
    assert (course.latency, course.times) == (None, ())
    assert any("no timeline" in each for each in course.missing)


def test_answers_from_before_a_run_are_none_of_it():
    course = course_of(RUN, record(), START_US - 1, nothing)
    assert course.rate is None
    assert any("no answer of this run" in each for each in course.missing)


def test_a_timeline_tells_rate_latency_and_where_the_time_went():
    busy = Reading(
        calls_started=10, calls_throttled=2, call_ms=4000, decode_ms=1000, quota_wait_ms=5000,
        latency={step_of(500): 8},
    )  # fmt: skip
    course = course_of(RUN, record(told((2.0, busy), (4.0, Reading())).as_json()), None, nothing)
    assert course.rate is not None
    assert [row[1:] for row in course.rate.rows] == [("4", "1"), ("4", "1"), ("0", "0"), ("0", "0")]
    assert course.latency is not None
    assert course.latency.summary.startswith("Of 8 answered calls 50 % within 4")
    assert [(each.name, each.value, each.width) for each in course.times] == [
        ("calls, from sending to the answer", "4 s", 40), ("decoding and cutting", "1 s", 10),
        ("waiting for the quota", "5 s", 50),
    ]  # fmt: skip
    assert course.missing == ()
    assert [fact.value for fact in course.facts if fact.name == "In flight"] == ["1"]


def test_a_long_run_has_columns_of_several_buckets():
    course = course_of(RUN, record(told((300.0, Reading(calls_started=300))).as_json()), None, nothing)
    assert course.rate is not None
    assert [row[1] for row in course.rate.rows] == ["1"] * 60


@pytest.mark.parametrize("broken", [None, {}, {"buckets": 3}, [], "x", told().as_json()])
def test_what_is_no_timeline_is_missing(broken):
    assert timeline_of(record(broken)) is None
    assert timeline_of({}) is None


def test_runs_stand_newest_first_and_say_how_they_ended():
    def run(number: int, **changes: object) -> RunFacts:
        return replace(RUN, run_id=f"2026-{number:03}", **changes)

    killed = {"ended_at": None, "exit_code": None, "counts": None}
    runs = [run(0), run(1, exit_code=3), run(2, exit_code=4), run(3, **killed), run(4, **killed)]
    going = AtWork(Working.YES, "2026-004")
    rows = run_rows(runs, going, "2026-001")
    assert [row.state for row in rows] == [
        "going on", "never ended", "was stopped before the end", "some failed", "all transcribed",
    ]  # fmt: skip
    assert [row.is_shown for row in rows] == [False, False, False, True, False]
    assert (rows[4].lasted, rows[0].lasted) == ("1 min", "")
    assert rows[4].cells == ("2", "0", "0", "0", "")
    assert len(run_rows([RUN] * 50, NOBODY, "")) == MOST_RUNS


def test_times_of_records_may_be_no_times():
    assert microseconds(START) == START_US
    assert (microseconds("then"), microseconds(None)) == (None, None)
    assert run_rows([replace(RUN, started_at="then")], NOBODY, "")[0].lasted == ""


def test_lengths_stand_against_the_limit():
    chart = lengths_chart([(0, 2), (58, 3), (61, 1)], 59.0)
    assert chart.rows[0] == ("0 to 2 s", "2")
    assert chart.rows[-1] == ("60 to 62 s", "1")
    (limit,) = chart.limits
    assert limit.at == pytest.approx(100 * 59 / 62)
    assert "More are 58 to 60 s long than any other length" in chart.summary


def test_what_is_as_long_as_the_limit_is_drawn_within_it():
    chart = lengths_chart([(4, 2)], 5.0)
    assert chart.rows[-1] == ("4 to 5 s", "2")
    assert chart.limits[0].at == 100


def test_short_latencies_have_names_of_their_own():
    chart = latency_chart({step_of(1): 1, step_of(9): 1})
    names = [name for name, _ in chart.rows]
    assert all(low != high for low, high in (name.split(" to ") for name in names))
    assert len({tick.label for tick in chart.x_ticks}) == len(chart.x_ticks)


def test_few_calls_in_flight_are_not_none():
    busy = Reading(calls_started=1, call_ms=80)
    course = course_of(RUN, record(told((2.0, busy)).as_json()), None, nothing)
    assert [fact.value for fact in course.facts if fact.name == "In flight"] == ["0.04"]


def test_the_quota_is_in_the_picture_whatever_the_rate():
    begun = datetime(2026, 1, 1, tzinfo=timezone.utc)
    chart = rate_chart(Pace("Calls", [0.0, 2.0], [0.0, 9.0], 1, 2.0, begun), 4.0)
    assert "5.5 on average" in chart.summary
    assert [name for name, _ in chart.legend] == ["answered", "refused for frequency"]
    assert rate_chart(Pace("Calls", [1.0], [0.0], 1, 1.0, begun), 4.0).legend == ()
    assert chart.limits[0].at >= 0
    assert min(bar.top for bar in chart.bars) >= 0
    assert {bar.kind for bar in chart.bars} == {"main", "other"}
    assert "9 refused" in chart.bars[-1].tip


def test_latencies_lie_on_steps_side_by_side():
    chart = latency_chart({step_of(100): 1, step_of(800): 3})
    assert len(chart.rows) == step_of(800) - step_of(100) + 1
    assert all(0 <= limit.at <= 100 for limit in chart.limits)


def test_parts_of_nothing_are_left_out():
    assert laid_out([("a", 0, "none")]) == ()
    (only,) = laid_out([("a", 0, "none"), ("b", 2, "two")])
    assert (only.name, only.value, only.percent, only.look) == ("b", "two", "100 %", 1)
