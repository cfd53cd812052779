from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from speech_samples import RATE, heard_by, letter, noise, tone

from transforms.speech_energy import EnergyDetector, band_energies, speech_by_level


def frames(samples):
    return samples[: len(samples) // 160 * 160].reshape(-1, 160)


def test_bands_hold_the_mean_square_of_what_is_in_them():
    found = band_energies(frames(tone(700, 1, 0.5)))
    np.testing.assert_allclose(found[:, 1], (0.5 * 32767) ** 2 / 2, rtol=0.02)
    assert found[:, [0, 2, 3]].max() < 0.01 * found[:, 1].min()


def test_bands_are_the_same_at_both_rates():
    at_8_khz = band_energies(tone(1500, 1, 0.3, rate=8000).reshape(-1, 80))
    np.testing.assert_allclose(
        at_8_khz.mean(axis=0)[2], band_energies(frames(tone(1500, 1, 0.3))).mean(axis=0)[2], rtol=0.02
    )


def test_hum_below_the_bands_hides_no_speech():
    mixed = (letter() // 2 + tone(50, len(letter()) / RATE, 0.3)).astype(np.int16)
    found = heard_by(EnergyDetector(RATE), mixed)
    assert found[80:450].mean() > 0.8
    assert found[535:590].max() < 0.5


@pytest.mark.parametrize(("snr_db", "share"), [(20, 0.93), (10, 0.85), (5, 0.75)])
def test_speech_stands_out_from_noise(snr_db, share):
    clean = heard_by(EnergyDetector(RATE), letter()) >= 0.5
    speech = letter().astype(np.float64)
    level = np.sqrt(np.mean(speech**2)) / 32768 * 10 ** (-snr_db / 20)
    noisy = (speech + noise(6, len(speech) / RATE, level)).clip(-32768, 32767).astype(np.int16)
    found = heard_by(EnergyDetector(RATE), noisy) >= 0.5
    assert found[clean].mean() > share
    assert found[535:590].mean() < 0.2


@given(level=st.floats(0, 1e9), count=st.integers(1, 900))
def test_what_is_always_as_loud_is_background(level, count):
    assert speech_by_level(np.full((count, 4), level, np.float32)).max() < 0.1


@given(values=st.lists(st.floats(0, 1e9, width=32), min_size=1, max_size=60))
def test_probabilities_are_probabilities(values):
    found = speech_by_level(np.repeat(np.float32(values)[:, np.newaxis], 4, axis=1))
    assert found.shape == (len(values),)
    assert ((found >= 0) & (found <= 1)).all()
