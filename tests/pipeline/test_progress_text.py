from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.progress import Limit
from pipeline.progress_text import (
    before_of,
    clock_time,
    codes_of,
    cost_of,
    left_of,
    line_of,
    recordings_of,
    rough_time,
    segments_of,
)
from tests.pipeline.progress_samples import NOW, progress_at


def test_a_line_begins_with_the_time_in_utc_and_leaves_out_what_did_not_happen():
    assert line_of(progress_at(5.0), NOW) == (
        "2026-03-01T02:15:31Z recordings 0 of 0 so far, segments 0 of 0 so far, 0.0 of 25 calls/s, "
        "0 in flight, cost CNY 0.0160, time left: not known yet"
    )


def test_so_far_goes_when_all_is_found_and_cut():
    found = {"recordings_found": 3, "recordings_skipped": 1, "segments_cut": 9}
    listing = progress_at(1.0, **found)
    assert (recordings_of(listing), segments_of(listing)) == ("0 of 2 so far", "0 of 9 so far")
    cutting = progress_at(2.0, **found, recordings_listed=1, recordings_read=1)
    assert (recordings_of(cutting), segments_of(cutting)) == ("0 of 2", "0 of 9 so far")
    cut = progress_at(3.0, **found, recordings_listed=1, recordings_read=2)
    assert (recordings_of(cut), segments_of(cut)) == ("0 of 2", "0 of 9")
    assert before_of(cut) == "1 done before"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "less than a minute"),
        (59, "less than a minute"),
        (60, "about 1 min"),
        (119, "about 2 min"),
        (3700, "about 1 h 2 min"),
        (90_000, "about 1 d 1 h"),
    ],
)
def test_a_time_that_is_estimated_is_rough(seconds, text):
    assert rough_time(seconds) == text


@given(st.floats(0, 10**7))
def test_a_measured_time_has_minutes_and_seconds_below_sixty(seconds):
    hours, minutes, rest = map(int, clock_time(seconds).split(":"))
    assert hours * 3600 + minutes * 60 + rest == int(seconds)
    assert max(minutes, rest) < 60


def test_the_most_frequent_code_comes_first():
    assert codes_of({"A": 1, "B": 3000, "C": 1}) == "B 3,000, A 1, C 1"


@pytest.mark.parametrize(
    ("cost", "text"), [("0", "CNY 0.00"), ("0.0032", "CNY 0.0032"), ("1234.5678", "CNY 1,234.57")]
)
def test_small_costs_are_told_exactly(cost, text):
    assert cost_of(replace(progress_at(1.0), cost=Decimal(cost))) == text


@pytest.mark.parametrize("limit", Limit)
def test_what_decides_the_time_left_is_told(limit):
    left = left_of(replace(progress_at(1.0), seconds_left=100.0, limited_by=limit))
    assert left.startswith("about 2 min (")


def test_a_budget_that_ends_the_run_first_is_told_with_the_time_until_then():
    progress = replace(progress_at(1.0), seconds_left=100.0, limited_by=Limit.QUOTA, stops_at_budget=True)
    assert left_of(progress) == "about 2 min, then the budget is used up"
