from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.latency import from_ms, percentile_ms, step_of

TIMES = st.floats(0.0, 600_000.0)


@given(TIMES)
def test_a_time_lies_in_its_step(milliseconds):
    step = step_of(milliseconds)
    assert from_ms(step) <= milliseconds * (1 + 1e-9)
    assert milliseconds <= from_ms(step + 1) * (1 + 1e-9)


@given(st.lists(TIMES, min_size=1, max_size=50), st.floats(1, 100))
def test_a_percentile_is_off_by_less_than_a_step(times, percent):
    counts: dict[int, int] = {}
    for each in times:
        counts[step_of(each)] = counts.get(step_of(each), 0) + 1
    rank = max(1, -int(-percent / 100 * len(times) // 1))
    exact = sorted(times)[rank - 1]
    found = percentile_ms(counts, percent)
    assert found is not None
    assert from_ms(step_of(exact)) - 1e-6 <= found <= from_ms(step_of(exact) + 1) + 1e-6


def test_without_calls_there_is_no_percentile():
    assert percentile_ms({}, 50) is None


def test_half_of_the_calls_took_at_most_the_middle():
    assert percentile_ms({0: 2, 40: 2}, 50) == pytest.approx(from_ms(1))
