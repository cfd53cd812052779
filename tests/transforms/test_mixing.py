from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from media_files import tone

from transforms.mixing import finish_mix, mix, start_mix

RATE = 8000


def mixed(samples, sizes=()):
    state = start_mix(RATE, samples.shape[1])
    edges = [0, *np.minimum(np.cumsum(sizes, dtype=int), len(samples)).tolist(), len(samples)]
    parts = []
    for start, end in pairwise(edges):
        state, part = mix(state, samples[start:end])
        parts.append(part)
    return np.concatenate((*parts, finish_mix(state)))


def cut_short_in_place(samples, sizes):
    """As `mixed`, of blocks that all come in one array."""
    state = start_mix(RATE, samples.shape[1])
    block = np.empty((max(sizes, default=1), samples.shape[1]), samples.dtype)
    parts, start = [], 0
    while start < len(samples):
        for size in sizes or [1000]:
            some = samples[start : start + size]
            block[: len(some)] = some
            state, part = mix(state, block[: len(some)])
            block[:] = 77
            parts.append(part)
            start += size
    return np.concatenate((*parts, finish_mix(state)))


def stereo(left, right):
    return np.stack((left, right), axis=1).astype(np.float32)


def rms(samples):
    return float(np.sqrt(np.mean(samples.astype(np.float64) ** 2)))


def noise(seed, samples=RATE, level=0.1):
    return (np.random.default_rng(seed).standard_normal(samples) * level).clip(-1, 1).astype(np.float32)


whole_numbers = st.lists(st.integers(-32768, 32767), min_size=1, max_size=1200)


@given(whole_numbers)
def test_of_equal_channels_the_mix_is_either_bit_for_bit(values):
    one = np.array(values, np.float32) / 32768
    assert np.array_equal(mixed(stereo(one, one)), one)


@given(whole_numbers, st.booleans())
def test_a_channel_that_speaks_alone_keeps_its_level_from_the_start(values, on_the_left):
    one = np.array(values, np.float32) / 32768
    silence = np.zeros_like(one)
    assert np.array_equal(mixed(stereo(one, silence) if on_the_left else stereo(silence, one)), one)


@given(
    values=whole_numbers,
    other=whole_numbers,
    sizes=st.lists(st.integers(1, 700), min_size=1, max_size=5),
)
def test_whole_numbers_are_mixed_as_floats_and_no_block_is_kept(values, other, sizes):
    length = min(len(values), len(other))
    samples = np.array([values[:length], other[:length]], np.int16).T
    expected = mixed(samples.astype(np.float32) / 32768)
    assert np.array_equal(mixed(samples, sizes), expected)
    assert np.array_equal(cut_short_in_place(samples, sizes), expected)
    assert np.array_equal(cut_short_in_place(samples.astype(np.float32) / 32768, sizes), expected)


def test_antiphase_is_not_silence():
    one = noise(1)
    assert np.array_equal(mixed(stereo(one, -one)), one)
    assert rms(mixed(stereo(one, -0.3 * one))) == pytest.approx(rms(one), rel=0.01)


def test_antiphase_that_begins_later_is_turned_within_half_a_second():
    one = noise(1, 3 * RATE)
    right = np.concatenate((one[:RATE], -one[RATE:]))
    result = mixed(stereo(one, right))
    assert rms(result[RATE + RATE // 2 :]) == pytest.approx(rms(one), rel=0.02)


def test_antiphase_behind_a_silent_channel_is_found():
    one = noise(1)
    result = mixed(np.stack((np.zeros_like(one), one, -one), axis=1))
    assert rms(result) == pytest.approx(rms(one), rel=0.01)


def test_two_voices_are_both_kept():
    left, right = tone(300, RATE, 2.0), tone(1000, RATE, 2.0)
    result = mixed(stereo(left, right))
    for voice in (left, right):
        gain = float(np.dot(result, voice) / np.dot(voice, voice))
        assert gain == pytest.approx(np.sqrt(0.5), rel=0.02)


def test_speakers_that_take_turns_keep_their_level():
    left, right = noise(1, 4 * RATE), noise(2, 4 * RATE)
    left[2 * RATE :] = 0
    right[: 2 * RATE] = 0
    result = mixed(stereo(left, right))
    assert rms(result[: 2 * RATE]) == pytest.approx(rms(left[: 2 * RATE]), rel=0.01)
    assert rms(result[2 * RATE + RATE // 2 :]) == pytest.approx(rms(right[2 * RATE :]), rel=0.01)


@given(
    seed=st.integers(0, 2**32 - 1),
    channels=st.integers(2, 6),
    level=st.floats(0.01, 2.0),
    total=st.integers(0, 3000),
)
@settings(max_examples=50)
def test_nothing_exceeds_full_scale_and_the_length_stays(seed, channels, level, total):
    samples = np.stack([noise(seed + number, total, level) for number in range(channels)], axis=1)
    result = mixed(samples)
    assert len(result) == total
    assert np.abs(result).max(initial=0) <= 1 + 1e-6


@given(
    seed=st.integers(0, 2**32 - 1),
    channels=st.integers(2, 4),
    sizes=st.lists(st.integers(0, 700), max_size=20),
    start=st.integers(0, 2000),
    opposed=st.booleans(),
)
@settings(max_examples=50)
def test_how_it_is_split_makes_no_difference(seed, channels, sizes, start, opposed):
    samples = np.stack([noise(seed + number, 5000, 0.4) for number in range(channels)], axis=1)
    samples[:start, 1] = 0
    if opposed:
        samples[2500:, 1] = -samples[2500:, 0]
    assert np.array_equal(mixed(samples, sizes), mixed(samples))


@given(
    level=st.floats(0.3, 1.0),
    seed=st.integers(0, 2**32 - 1),
    sizes=st.lists(st.integers(0, 9000), max_size=5),
)
@settings(max_examples=50)
def test_a_channel_that_turns_over_again_and_again_never_exceeds_full_scale(level, seed, sizes):
    one = noise(seed, 3 * RATE, level)
    phase = np.where(np.arange(len(one)) // (RATE // 2) % 2, -1, 1)
    result = mixed(stereo(one, phase * one), sizes)
    assert np.abs(result).max() <= 1 + 1e-6
    assert np.array_equal(result, mixed(stereo(one, phase * one)))


def test_only_what_would_exceed_full_scale_is_lowered():
    left, right = tone(300, RATE, 1.0, 0.7), tone(300, RATE, 1.0, 0.7)
    right[RATE // 2 :] *= -1
    assert rms(mixed(stereo(left, right))[: RATE // 4]) == pytest.approx(rms(left), rel=0.001)
    # Their peaks never meet: together they stay within full scale, though 0.9 and 0.9 would not.
    apart = [tone(50, RATE, 1.0, 0.9) * (np.arange(RATE) % 160 // 80 == half) for half in (0, 1)]
    expected = (apart[0] + apart[1]) * np.sqrt(0.5)
    assert np.abs(mixed(stereo(*apart)) - expected)[800:].max() < 0.01


@pytest.mark.parametrize("huge", [1e3, 1e20, 1e30])
@pytest.mark.filterwarnings("error")
def test_values_far_beyond_full_scale_cost_only_their_place(huge):
    samples = stereo(noise(1, 4 * RATE), noise(2, 4 * RATE))
    expected = mixed(samples)
    samples[RATE : RATE + 100] *= huge
    result = mixed(samples, [5000] * 5)
    assert np.abs(result).max() <= 1 + 1e-6
    assert result[2 * RATE :] == pytest.approx(expected[2 * RATE :], abs=0.01)


def test_gains_change_without_a_step():
    left = tone(100, RATE, 2.0, 0.4)
    # The right channel comes in, at half the level, where it crosses zero.
    right = 0.5 * left * (np.arange(len(left)) >= RATE)
    steepest = np.abs(np.diff(left)).max()
    assert np.abs(np.diff(mixed(stereo(left, right)))).max() < 1.6 * steepest
