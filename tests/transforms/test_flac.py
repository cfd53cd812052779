from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from transforms.flac import to_flac
from transforms.sound import sound_of


@pytest.mark.parametrize("rate", [8000, 16_000])
@given(st.integers(0, 2**31), st.sampled_from([1, 2, 15, 16, 17, 4095, 4097]) | st.integers(1, 20_000))
def test_every_sample_comes_back(rate, seed, length):
    samples = np.random.default_rng(seed).integers(-32768, 32768, length).astype("<i2")
    flac = to_flac(sound_of(samples.tobytes(), rate))
    assert flac == to_flac(sound_of(samples.tobytes(), rate))
    assert flac
    found, found_rate = soundfile.read(io.BytesIO(flac), dtype="int16", always_2d=True)
    assert (found_rate, found.shape) == (rate, (length, 1))
    assert np.array_equal(found[:, 0], samples)


def test_what_is_soft_takes_less_room():
    samples = np.rint(200 * np.random.default_rng(1).standard_normal(16_000)).astype("<i2")
    flac = to_flac(sound_of(samples.tobytes(), 16_000))
    assert flac
    assert len(flac) < samples.nbytes * 0.65


def test_of_nothing_there_is_no_file():
    assert to_flac(sound_of(b"", 16_000)) is None
