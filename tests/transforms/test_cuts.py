from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from transforms.cuts import CutPlanner, CutPolicy, SampleRange, frame_energies, quietest_cut

POLICY = CutPolicy(max_samples=1000, search_samples=300, frame_samples=10, pause_samples=60)


def plan(energies: np.ndarray, total_samples: int, policy: CutPolicy, sizes: list[int]) -> list[SampleRange]:
    planner = CutPlanner(policy)
    ranges = []
    at = 0
    for size in sizes:
        ranges += planner.push(energies[at : at + size])
        at += size
    ranges += planner.push(energies[at:])
    return ranges + planner.finish(total_samples)


channels = st.tuples(st.lists(st.floats(0, 1e9), max_size=600), st.integers(0, POLICY.frame_samples - 1))


@given(channel=channels, sizes=st.lists(st.integers(1, 200), max_size=10))
def test_ranges_tile_the_channel_and_keep_the_limit_whatever_the_blocks(channel, sizes):
    levels, extra = channel
    energies = np.array(levels, dtype=np.float64)
    total = len(levels) * POLICY.frame_samples + extra
    ranges = plan(energies, total, POLICY, sizes)
    edges = [0, *(found.end_sample for found in ranges)]
    assert [found.start_sample for found in ranges] == edges[:-1]
    assert edges[-1] == total
    assert all(0 < found.samples <= POLICY.max_samples for found in ranges)
    assert ranges == plan(energies, total, POLICY, [])


@given(channel=channels)
def test_no_range_but_the_last_is_shorter_than_the_search_allows(channel):
    levels, extra = channel
    total = len(levels) * POLICY.frame_samples + extra
    ranges = plan(np.array(levels, dtype=np.float64), total, POLICY, [])
    shortest = POLICY.max_samples - POLICY.search_samples
    assert all(found.samples >= shortest for found in ranges[:-1])


def test_the_cut_falls_into_the_pause():
    energies = np.full(120, 1e6)
    energies[84:92] = 10.0
    assert quietest_cut(energies, POLICY) in range(87, 90)


def test_among_equal_pauses_the_latest_is_taken():
    energies = np.full(120, 1e6)
    energies[74:82] = 0.0
    energies[90:98] = 0.0
    assert quietest_cut(energies, POLICY) in range(93, 96)


def test_digital_silence_is_cut_at_the_limit():
    assert quietest_cut(np.zeros(120), POLICY) == POLICY.max_frames


def test_the_usual_policy_counts_in_samples_of_the_rate():
    policy = CutPolicy.for_rate(16000, max_samples=944000, search_seconds=12.0)
    assert (policy.frame_samples, policy.search_samples, policy.pause_samples) == (160, 192000, 4800)


def test_energies_are_mean_squares_of_whole_frames():
    samples = np.array([3, 4, 0, 0, 32767, -32768, 7], dtype=np.int16)
    energies = frame_energies(samples, 2)
    assert np.allclose(energies, [12.5, 0.0, (32767.0**2 + 32768.0**2) / 2])


def test_short_segments_are_not_cut_to_crumbs():
    policy = CutPolicy.for_rate(16000, max_samples=80000, search_seconds=12.0)
    assert policy.search_samples == 40000
