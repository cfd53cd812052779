from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from transforms.samples import floats_of, planes_of, to_int16

whole = st.tuples(st.integers(0, 50), st.integers(1, 4)).flatmap(lambda shape: arrays(np.int16, shape))


@given(whole)
def test_whole_numbers_come_through_every_form_bit_for_bit(samples):
    floats = floats_of(samples)
    assert floats.dtype == np.float32
    assert np.array_equal(floats.astype(np.float64) * 32768, samples)
    for form in (samples, floats, np.asfortranarray(samples), np.asfortranarray(floats)):
        planes = planes_of(form)
        assert planes.dtype == np.float32
        assert np.array_equal(planes.T, floats)
        assert np.array_equal(to_int16(form), samples)


@given(st.data(), arrays(np.int16, st.tuples(st.integers(1, 50), st.integers(1, 4))))
def test_a_part_of_a_block_has_the_planes_of_that_part(data, samples):
    start = data.draw(st.integers(0, len(samples)))
    for block in (samples, floats_of(samples), np.asfortranarray(floats_of(samples))):
        assert np.array_equal(planes_of(block[start:]), planes_of(block)[:, start:])


def test_channels_that_are_in_one_piece_are_not_copied():
    planes = np.zeros((3, 100), np.float32)
    assert np.shares_memory(planes_of(planes.T), planes)
    assert np.shares_memory(planes_of(planes.T[20:60]), planes)
    assert floats_of(planes) is planes


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_planes_can_be_taken_apart_into_frames_without_a_copy(channels):
    block = np.zeros((100, channels), np.int16)
    planes = planes_of(block)
    assert np.shares_memory(planes.reshape(channels, -1, 10), planes)


def test_beyond_full_scale_is_clipped_and_not_wrapped():
    values = np.array([-9.0, -1.0, -0.99998, 0.0, 0.4 / 32768, 0.6 / 32768, 1.0, 9.0], np.float32)
    assert to_int16(values).tolist() == [-32768, -32768, -32767, 0, 0, 1, 32767, 32767]
