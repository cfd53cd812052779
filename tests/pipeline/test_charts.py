from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.charts import Layer, across_ticks, columns, nice_step, shares, time_step, up_ticks


@given(st.floats(1e-3, 1e9), st.integers(1, 50))
def test_a_step_divides_a_span_into_at_most_so_many(span, most):
    step = nice_step(span, most)
    assert span / step <= most * (1 + 1e-6)
    assert span / step >= most / 2.6


@given(st.floats(1e-3, 1e9))
def test_the_axis_holds_the_highest_value_and_begins_at_0(highest):
    top, ticks = up_ticks(highest)
    assert highest <= top * (1 + 1e-6) <= highest * 5
    assert ticks[0].label == "0"
    assert (ticks[0].at, ticks[-1].at) == (100, 0)
    assert len({tick.label for tick in ticks}) == len(ticks)


def test_labels_are_short():
    assert [tick.label for tick in up_ticks(600_000)[1]] == ["0", "200k", "400k", "600k"]
    assert [tick.label for tick in up_ticks(0.9)[1]] == ["0", "0.25", "0.50", "0.75", "1.00"]
    assert up_ticks(0) == (1.0, up_ticks(0)[1])


@pytest.mark.parametrize(
    ("highest", "labels"),
    [(1, ["0", "1"]), (2, ["0", "1", "2"]), (10, ["0", "5", "10"]), (100, ["0", "50", "100"])],
)
def test_things_are_counted_in_whole_numbers(highest, labels):
    assert [tick.label for tick in up_ticks(highest, whole=True)[1]] == labels


@pytest.mark.parametrize(("seconds", "step"), [(0.5, 1), (59, 1), (61, 2), (86_400, 1800), (1e7, 172_800)])
def test_steps_of_time_are_usual_ones(seconds, step):
    assert time_step(seconds, 60) == step


@given(st.lists(st.tuples(st.floats(0, 50), st.floats(0, 50)), min_size=1, max_size=80))
def test_columns_stay_in_the_plot_and_stand_on_each_other(values):
    layers = [Layer("a", [a for a, _ in values]), Layer("b", [b for _, b in values], "other")]
    for bar in columns(layers, ["tip"] * len(values), 100.0):
        assert 0 <= bar.left < bar.left + bar.width <= 100 + 1e-9
        assert -1e-9 <= bar.top <= bar.top + bar.height <= 100 + 1e-9


def test_a_column_is_as_high_as_its_values():
    below, above = columns([Layer("a", [5.0]), Layer("b", [2.0], "other")], ["tip"], 10.0)
    assert (below.top, below.height, below.kind) == (50, 50, "main")
    assert (above.top, above.height, above.kind) == (30, 20, "other")


def test_on_a_phone_some_labels_give_way_and_the_first_stays():
    ticks = across_ticks((at / 8, str(at)) for at in range(9))
    assert [tick.label for tick in ticks if not tick.minor] == ["0", "2", "4", "6", "8"]


def test_shares_fill_the_whole():
    laid = shares([("a", 1), ("b", 3)])
    assert laid == (("a", 1, 0.0, 25.0), ("b", 3, 25.0, 75.0))
    assert shares([("a", 0)]) == (("a", 0, 0.0, 0.0),)
