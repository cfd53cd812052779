from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config_load import load_prices
from pipeline.progress import Course, Limit, Rhythm, seconds_left
from transforms.reading import MeterReading, Reading

STARTED = "2026-01-01T00:00:00+00:00"
ORIGIN = 1000.0


def course() -> Course:
    return Course(STARTED, ORIGIN, 25.0, load_prices())


def reading(process: str, second: float, **counts: int) -> MeterReading:
    return MeterReading(process, ORIGIN, ORIGIN + second, Reading(**counts))


def test_processes_are_added_up_and_a_reading_that_comes_again_is_not():
    followed = course()
    for _ in range(3):
        followed.note(reading("a", 1, calls=3, in_flight=2))
        followed.note(reading("b", 1, calls=4, in_flight=1))
    followed.note(reading("a", 2, calls=5, in_flight=0))
    counts = followed.progress(ORIGIN + 2).counts
    assert (counts.calls, counts.in_flight) == (9, 1)
    assert followed.timeline().totals == counts


def test_calls_a_second_go_by_the_clocks_of_those_who_make_them():
    followed = course()
    for second in range(31):
        followed.note(reading("a", second, calls_started=10 * second))
        followed.note(reading("b", second - 0.7, calls_started=round(15 * (second - 0.7) * 10) // 10))
    assert followed.progress(ORIGIN + 31).calls_per_second == pytest.approx(25, abs=0.2)


def test_a_process_that_has_gone_makes_no_calls():
    followed = course()
    for second in range(10):
        followed.note(reading("a", second, calls_started=10 * second))
    assert followed.progress(ORIGIN + 9).calls_per_second == pytest.approx(10)
    assert followed.progress(ORIGIN + 60).calls_per_second == 0


def test_a_process_that_was_held_up_has_the_speed_of_all_that_time():
    followed = course()
    followed.note(reading("a", 1, calls_started=10))
    followed.note(reading("a", 31, calls_started=310))
    assert followed.progress(ORIGIN + 31).calls_per_second == pytest.approx(10)


def test_a_resumed_run_that_pays_again_is_not_taken_to_go_on_as_fast_as_it_began():
    followed = course()
    found = {"recordings_found": 1, "recordings_listed": 1, "recordings_read": 1, "segments_cut": 11_000}
    for second in range(31):
        paid_before, calls = min(second, 10) * 1000, max(0, second - 10) * 25
        followed.note(reading("a", second, **found, segments_recognized=paid_before + calls, calls=calls))
    assert followed.progress(ORIGIN + 30).seconds_left == pytest.approx(500 / 25)


def test_what_was_paid_before_does_not_make_a_resumed_run_look_fast():
    followed = course()
    found = {"recordings_found": 1, "recordings_listed": 1, "recordings_read": 1, "segments_cut": 1300}
    for second in range(31):
        paid_before, calls = min(second, 2) * 500, max(0, second - 2) * 5  # answers come slowly
        segments = paid_before + calls
        reading_now = reading(
            "a", second, **found, segments_recognized=segments, reused_answers=paid_before, calls=calls
        )
        followed.note(reading_now)
    left = 300 - 28 * 5
    assert followed.progress(ORIGIN + 30).seconds_left == pytest.approx(left / 5, rel=0.1)


def test_what_is_left_is_known_of_recordings_that_take_longer_than_a_minute_each():
    followed = course()
    for second in range(171):
        read = second // 90
        followed.note(
            reading("a", second, recordings_found=4, recordings_listed=1, recordings_read=read, calls=read,
                    segments_cut=read, segments_recognized=read)
        )  # fmt: skip
    assert followed.progress(ORIGIN + 170).seconds_left == 3 * 170


def a_run_with_budget(budget_left: int | None, *, billed_at: int = 0) -> Course:
    """10 of 100 recordings a minute, a segment each; those up to `billed_at` were paid for before."""
    followed = Course(STARTED, ORIGIN, 25.0, load_prices(), budget_left)
    for second in range(0, 61, 6):
        read = second // 6
        billed = max(0, read - billed_at)
        followed.note(
            reading("a", second, recordings_found=100, recordings_listed=1, recordings_read=read,
                    segments_cut=read, segments_recognized=read, calls=billed, billed_calls=billed)
        )  # fmt: skip
    return followed


def test_a_run_that_its_budget_will_stop_does_not_promise_to_finish():
    progress = a_run_with_budget(40).progress(ORIGIN + 60)
    assert progress.stops_at_budget
    assert progress.seconds_left == pytest.approx(180)  # 30 calls are left of the budget, 10 a minute


def test_a_budget_that_is_enough_changes_nothing():
    for enough in (None, 100, 1000):
        progress = a_run_with_budget(enough).progress(ORIGIN + 60)
        assert (progress.stops_at_budget, progress.seconds_left) == (False, pytest.approx(540))


def test_what_needs_no_call_does_not_use_up_the_budget():
    progress = a_run_with_budget(5, billed_at=10).progress(ORIGIN + 60)
    assert (progress.stops_at_budget, progress.seconds_left) == (False, pytest.approx(540))


def test_a_budget_that_was_used_up_before_leaves_no_time():
    progress = a_run_with_budget(-3).progress(ORIGIN + 60)
    assert (progress.stops_at_budget, progress.seconds_left) == (True, 0)


def test_what_waits_for_the_quota_is_limited_by_it_whatever_else_goes_on():
    busy = {"quota_wait_ms": 9000, "decode_ms": 9000, "call_ms": 9000}
    for expected in (Limit.QUOTA, Limit.DECODING, Limit.ANSWERS, None):
        followed = course()
        followed.note(reading("a", 9, **busy))
        assert followed.progress(ORIGIN + 9).limited_by is expected
        busy = dict(list(busy.items())[1:])


def test_the_cost_is_that_of_the_billed_calls():
    followed = course()
    followed.note(reading("a", 9, calls=1500, billed_calls=1000))
    progress = followed.progress(ORIGIN + 9)
    assert (float(progress.cost), progress.currency, progress.processes) == (3.2, "CNY", 1)


def test_what_was_done_before_is_none_of_the_recordings_of_this_run():
    followed = course()
    found = {"recordings_found": 10, "recordings_skipped": 6, "recordings_still_failing": 1}
    followed.note(reading("a", 1, **found))
    progress = followed.progress(ORIGIN + 1)
    assert (progress.recordings, progress.is_listed, progress.is_cut) == (3, False, False)
    followed.note(reading("a", 2, **found, recordings_listed=1, recordings_read=3))
    progress = followed.progress(ORIGIN + 2)
    assert (progress.is_listed, progress.is_cut) == (True, True)


def test_a_rhythm_is_due_once_each_time():
    rhythm = Rhythm(30.0)
    assert [second for second in range(100) if rhythm.due(second)] == [30, 60, 90]


PACES = {"segments_per_second": 2.0, "recordings_per_second": 1.0, "quota_per_second": 25.0}


def test_what_is_left_is_unknown_while_recordings_are_being_found():
    assert seconds_left(Reading(recordings_found=3), **PACES) is None


def test_what_is_left_is_unknown_before_anything_was_read_or_answered():
    listed = Reading(recordings_found=3, recordings_listed=1)
    assert seconds_left(listed, **PACES) is None
    read = Reading(recordings_found=3, recordings_listed=1, recordings_read=1, segments_cut=4)
    assert seconds_left(read, **{**PACES, "segments_per_second": 0.0}) is None


def test_nothing_is_left_when_all_was_done_before():
    done = Reading(recordings_found=3, recordings_listed=1, recordings_skipped=3)
    assert seconds_left(done, segments_per_second=0, recordings_per_second=0, quota_per_second=25) == 0


def test_the_slower_of_calls_and_decoding_decides():
    half = Reading(
        recordings_found=20,
        recordings_listed=1,
        recordings_read=10,
        segments_cut=100,
        segments_recognized=80,
        calls=80,
    )
    # 120 segments and 10 recordings are left.
    paces = {"segments_per_second": 20.0, "recordings_per_second": 5.0, "quota_per_second": 25.0}
    assert seconds_left(half, **paces) == 6
    assert seconds_left(half, **{**paces, "recordings_per_second": 0.5}) == 20
    assert seconds_left(half, **{**paces, "segments_per_second": 1000.0}) == pytest.approx(4.8)


def test_calls_that_are_repeated_count_against_the_quota():
    counts = Reading(
        recordings_found=1,
        recordings_listed=1,
        recordings_read=1,
        segments_cut=100,
        segments_recognized=50,
        calls=100,
    )
    left = seconds_left(counts, segments_per_second=50, recordings_per_second=0, quota_per_second=25)
    assert left == 50 * 2 / 25


@given(
    found=st.integers(0, 50),
    read=st.integers(0, 50),
    segments=st.integers(0, 500),
    done=st.integers(0, 500),
)
def test_what_is_left_is_never_less_than_nothing(found, read, segments, done):
    counts = Reading(
        recordings_found=max(found, read),
        recordings_listed=1,
        recordings_read=read,
        segments_cut=max(segments, done),
        segments_recognized=done,
        calls=done,
    )
    left = seconds_left(counts, **PACES)
    assert left is None or left >= 0
