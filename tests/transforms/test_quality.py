from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.quality import SILENCE_DBFS, quality_of
from transforms.records import Quality
from transforms.sound import LoadedSound, sound_of


def audio(samples: np.ndarray | list[int]) -> LoadedSound:
    return LoadedSound(sound_of(np.array(samples).astype("<i2").tobytes(), 16_000))


def sine(amplitude: float) -> np.ndarray:
    return amplitude * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)


@pytest.mark.parametrize(
    ("samples", "level"),
    [
        ([-32768] * 10, 0.0),
        ([16384, -16384] * 10, -6.02),
        (sine(32767), -3.01),
        (sine(3276.7), -23.01),
        ([0] * 10, SILENCE_DBFS),
        ([0] * 16_000 + [1], SILENCE_DBFS),
        ([], SILENCE_DBFS),
    ],
    ids=["full", "half", "sine", "soft", "silent", "a click", "nothing"],
)
def test_the_level_is_that_of_full_scale(samples, level):
    assert quality_of(audio(samples)).level_dbfs == pytest.approx(level, abs=0.005)


@given(st.lists(st.integers(-32768, 32767), min_size=1, max_size=50))
def test_clipped_are_the_samples_at_the_ends_of_the_range(samples):
    found = quality_of(audio(samples))
    assert found.clipped_share == sum(each in (-32768, 32767) for each in samples) / len(samples)
    assert SILENCE_DBFS <= found.level_dbfs <= 0


def test_a_minute_at_full_scale_does_not_overflow():
    assert quality_of(audio(np.full(60 * 16_000, -32768)), 7) == Quality(7, 0.0, 1.0)
