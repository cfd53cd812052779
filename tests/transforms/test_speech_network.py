from __future__ import annotations

import numpy as np
import pytest

from transforms.speech_network import CONTEXT_SAMPLES, WINDOW_SAMPLES, NetworkState, SpeechNetwork
from transforms.speech_silero import silero_network

WINDOWS = 40


@pytest.fixture
def samples():
    count = CONTEXT_SAMPLES + WINDOWS * WINDOW_SAMPLES
    return (np.random.default_rng(5).standard_normal(count) * 0.1).astype(np.float32)


def part(samples, first, last):
    return samples[first * WINDOW_SAMPLES : last * WINDOW_SAMPLES + CONTEXT_SAMPLES]


def test_one_probability_comes_for_each_window(samples):
    found, state = silero_network().run(samples, NetworkState.fresh())
    assert (found.shape, found.dtype) == ((WINDOWS,), np.float32)
    assert ((found > 0) & (found < 1)).all()
    assert state.hidden.shape == state.cell.shape == (128,)


def test_the_state_carries_on(samples):
    network = silero_network()
    whole, end = network.run(samples, NetworkState.fresh())
    first, state = network.run(part(samples, 0, 17), NetworkState.fresh())
    second, last = network.run(part(samples, 17, WINDOWS), state)
    np.testing.assert_allclose(np.concatenate([first, second]), whole, atol=1e-5)
    np.testing.assert_allclose(last.hidden, end.hidden, atol=1e-5)
    forgetful, _ = network.run(part(samples, 17, WINDOWS), NetworkState.fresh())
    assert np.abs(forgetful - second).max() > 1e-3


def test_a_run_leaves_its_arguments_as_they_were(samples):
    network = silero_network()
    _, state = network.run(samples, NetworkState.fresh())
    hidden, cell, before = state.hidden.copy(), state.cell.copy(), samples.copy()
    network.run(samples, state)
    np.testing.assert_array_equal(state.hidden, hidden)
    np.testing.assert_array_equal(state.cell, cell)
    np.testing.assert_array_equal(samples, before)


def test_weights_of_another_model_are_refused():
    with pytest.raises(KeyError):
        SpeechNetwork({"encoder.0.weight": np.zeros((128, 129, 3), np.float32)})
