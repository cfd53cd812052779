from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.cut_costs import IN_SPEECH, ONE, FrameSums


def sums_of(speech: list[float], energies: list[float], sizes: tuple[int, ...] = ()) -> FrameSums:
    sums = FrameSums()
    at = 0
    for size in [*sizes, len(speech)]:
        sums.push(np.array(speech[at : at + size], dtype=np.float32), np.array(energies[at : at + size]))
        at += size
    return sums


def test_a_pause_costs_by_its_length_and_score():
    sums = sums_of([0.2] * 400, [0.0] * 400)
    costs = sums.pause_costs(np.array([0, 0, 100]), np.array([25, 50, 300])) / ONE
    wanted = [math.exp(-4 * seconds) + 0.01 * (10 - seconds) + 0.2 for seconds in (0.25, 0.5, 3.0)]
    assert costs == pytest.approx(wanted, abs=1e-5)


def test_only_the_head_of_a_long_pause_is_looked_at():
    sums = sums_of([0.2] * 1000 + [0.4] * 5000, [0.0] * 6000)
    assert sums.pause_costs(np.array([0]), np.array([6000]))[0] / ONE == pytest.approx(0.2, abs=1e-5)


def test_depth_is_the_level_in_decibels():
    sums = sums_of([0.0] * 40, [9.0] * 20 + [999.0] * 20)
    assert sums.place_depths(np.array([10, 20, 39])) / ONE == pytest.approx([0.02, 0.04, 0.06], abs=1e-5)
    assert sums.pause_depths(np.array([0]), np.array([40]))[0] / ONE == pytest.approx(0.04, abs=1e-5)


def test_a_cut_in_speech_looks_300_ms_around():
    sums = sums_of([1.0] * 30 + [0.5] * 30, [9.0] * 60)
    costs = (sums.speech_costs(np.array([15, 30, 45])) - IN_SPEECH) / ONE
    assert costs == pytest.approx([1.2, 0.95, 0.7], abs=1e-5)


@given(
    frames=st.lists(st.tuples(st.floats(0, 1, width=32), st.floats(0, 1e9)), min_size=40, max_size=80),
    sizes=st.tuples(st.integers(0, 20), st.integers(0, 20)),
    dropped=st.integers(-5, 20),
)
def test_costs_are_the_same_whatever_the_blocks_and_what_was_dropped(frames, sizes, dropped):
    speech, energies = [score for score, _ in frames], [energy for _, energy in frames]
    whole, parts = sums_of(speech, energies), sums_of(speech, energies, sizes)
    parts.drop(dropped)
    places = np.arange(36, len(frames))
    assert parts.speech_costs(places).tolist() == whole.speech_costs(places).tolist()
    assert parts.place_depths(places).tolist() == whole.place_depths(places).tolist()
