from __future__ import annotations

import numpy as np
import pytest

from transforms.resampling import open_resampler, resampling_period

RATES = [8000, 11000, 12000, 22050, 24000, 32000, 37800, 44100, 48000, 50000, 88200, 96000, 192000]


@pytest.mark.parametrize("from_rate", RATES)
def test_one_that_begins_at_a_multiple_of_its_period_goes_on_as_one_that_heard_all(from_rate):
    period = resampling_period(from_rate, 16000)
    assert period is not None
    samples = np.random.default_rng(1).standard_normal((period + 2 * from_rate, 2)).astype(np.float32)
    whole = open_resampler(from_rate, 16000, 2).resample(samples)
    late = open_resampler(from_rate, 16000, 2).resample(samples[period:])
    begin, rest = divmod(period * 16000, from_rate)
    assert rest == 0
    settled = 16000 * 15 // 100
    assert len(late) > 2 * settled
    assert np.array_equal(late[settled:], whole[begin + settled : begin + len(late)])


def test_nothing_is_resampled_at_the_same_rate():
    assert resampling_period(16000, 16000) == 1
