from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.speech_gate import LEAD_WINDOWS, LONGEST_REST, SILENT_WINDOWS, Gate, window_levels


def levels(*values):
    return np.repeat(np.array(values, dtype=np.float64)[:, np.newaxis], 2, axis=1)


def judged(probability=0.01, level=1e-6):
    gate = Gate()
    gate.looked(
        np.full(SILENT_WINDOWS, probability, np.float32),
        np.full((SILENT_WINDOWS, 2), level),
    )
    return gate


def test_at_first_everything_is_looked_at():
    assert not Gate().resting


def test_it_rests_only_behind_silence():
    assert judged(0.01).resting
    assert not judged(0.2).resting
    one_word = Gate()
    one_word.looked(np.float32([0.0] * 15 + [0.9]), np.full((SILENT_WINDOWS, 2), 1e-6))
    assert not one_word.resting


def test_it_looks_again_before_the_first_louder_window():
    gate = judged()
    assert gate.rest(levels(*[1e-6] * 40, 1e-5, *[1e-6] * 5)) == 40 - LEAD_WINDOWS
    assert not gate.resting


@pytest.mark.parametrize("band", [0, 1])
def test_louder_in_all_or_in_the_treble_alone_is_louder(band):
    values = levels(*[1e-6] * 20)
    values[15, band] = 1e-5
    gate = judged()
    assert gate.rest(values) == 15 - LEAD_WINDOWS
    assert not gate.resting


def test_steady_noise_is_not_louder():
    assert judged(level=1e-2).rest(levels(*[1.3e-2] * 30)) == 30 - LEAD_WINDOWS


@pytest.mark.parametrize("band", [0, 1])
def test_softer_in_all_or_in_the_treble_alone_is_another_sound(band):
    values = levels(*[1e-2] * 20)
    values[15, band] = 1e-3
    gate = judged(level=1e-2)
    assert gate.rest(values) == 15 - LEAD_WINDOWS
    assert not gate.resting


def test_it_does_not_rest_behind_what_sways():
    ringing_that_ends = levels(*[1e-2] * 8, *[0.0] * (SILENT_WINDOWS - 8))
    gate = Gate()
    gate.looked(np.full(SILENT_WINDOWS, 0.01, np.float32), ringing_that_ends)
    assert not gate.resting


def test_it_looks_again_after_a_while_whatever_is_heard():
    gate = judged()
    assert gate.rest(levels(*[1e-6] * (LONGEST_REST + 1))) == LONGEST_REST - LEAD_WINDOWS
    assert not gate.resting


def test_digital_silence_is_silence_and_rounding_is_not_louder_than_it():
    gate = judged(level=0.0)
    assert gate.rest(levels(*[0.0] * 20, *[7e-11] * 20)) == 40 - LEAD_WINDOWS
    assert gate.rest(levels(*[7e-11] * LEAD_WINDOWS, 1e-8)) == 0
    assert not gate.resting


@given(
    louder=st.sets(st.integers(0, 200)),
    sizes=st.lists(st.integers(0, 60), max_size=12),
)
def test_windows_that_come_in_parts_are_decided_alike(louder, sizes):
    values = levels(*[1e-4 if place in louder else 1e-6 for place in range(200)])
    at_once = judged()
    expected = at_once.rest(values)
    gate, spared, known = judged(), 0, 0
    for size in [*sizes, 200]:
        known = min(200, known + size)
        spared += gate.rest(values[spared:known])
        if not gate.resting:
            break
    assert (spared, gate.resting) == (expected, at_once.resting)
    first = min(louder, default=200)
    assert spared <= max(0, min(first, LONGEST_REST) - LEAD_WINDOWS)


def test_levels_are_mean_squares_of_samples_and_of_steps():
    constant = np.full(512, 0.5, np.float32)
    alternating = np.tile(np.float32([0.5, -0.5]), 256)
    np.testing.assert_allclose(
        window_levels(np.stack([constant, alternating])), [[0.25, 0.0], [0.25, 511 / 512]], rtol=1e-6
    )
