from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.transforms.cut_reference import Channel, Rules, cost_of, exhaustive_best, quadratic_best, runs_of
from transforms import cut_search, cuts
from transforms.cuts import CutPlanner, CutPolicy, frame_energies
from transforms.records import PlannedSegment, SampleRange

FRAME = 10
slowly = settings(deadline=None, max_examples=60)


def plan(channel: Channel, policy: CutPolicy, sizes: list[int] | None = None) -> list[PlannedSegment]:
    planner = CutPlanner(policy)
    edges = [0, *itertools.accumulate(sizes or []), len(channel.speech)]
    found = []
    for begin, end in itertools.pairwise(edges):
        found += planner.push(channel.speech[begin:end], channel.energies[begin:end])
    return found + planner.finish(channel.total_samples)


def policies(most_frames: int, padding: int = 4) -> st.SearchStrategy[CutPolicy]:
    return st.builds(
        CutPolicy,
        max_samples=st.integers(FRAME, most_frames * FRAME),
        frame_samples=st.just(FRAME),
        pad_samples=st.integers(0, padding * FRAME),
        min_pause_samples=st.integers(0, 3 * FRAME),
        threshold=st.just(0.5),
        skip_silence=st.booleans(),
        overlap_samples=st.integers(0, 6 * FRAME),
        squeeze_samples=st.none() | st.integers(0, 6 * FRAME),
    )


def channels(most_frames: int) -> st.SearchStrategy[Channel]:
    frame = st.tuples(st.sampled_from([0.0, 0.05, 0.3, 0.6, 0.9]), st.sampled_from([0.0, 7.0, 300.0, 1e6]))
    return st.builds(
        lambda frames, part: Channel(
            np.array([score for score, _ in frames], dtype=np.float32),
            np.array([energy for _, energy in frames], dtype=np.float64),
            len(frames) * FRAME + part,
        ),
        st.lists(frame, max_size=most_frames),
        st.integers(0, FRAME - 1),
    )


def talk(seed: int, frames: int, speech: float, silence: float) -> Channel:
    """Runs and pauses of random lengths, so many frames each in the mean."""
    rng = np.random.default_rng(seed)
    turns = max(2, int(3 * frames / (speech + silence)))
    lengths = 1 + rng.exponential([[speech, silence]], (turns, 2)).ravel()
    lengths = np.minimum(lengths, frames).astype(int)
    levels = np.repeat(np.tile([0.9, 0.1], turns), lengths)[:frames]
    scores = np.clip(levels + rng.normal(0, 0.05, len(levels)), 0, 1).astype(np.float32)
    energies = np.where(levels > 0.5, 1e6, 100.0) * rng.gamma(2, 1, len(levels))
    return Channel(scores, energies, len(levels) * FRAME + int(rng.integers(FRAME)))


talks = st.builds(
    talk,
    st.integers(0, 2**32 - 1),
    st.integers(1, 4000),
    st.sampled_from([3.0, 30.0, 300.0, 3000.0]),
    st.sampled_from([1.0, 10.0, 100.0, 2000.0]),
)


def assert_legal(segments: list[PlannedSegment], channel: Channel, policy: CutPolicy) -> None:
    rules = Rules(channel, policy)
    total = channel.total_samples
    owned = np.zeros(total, dtype=int)
    for segment in segments:
        assert 0 <= segment.own.start_sample < segment.own.end_sample <= total
        assert 0 < segment.sent_samples <= policy.max_samples
        assert all(0 <= piece.start_sample < piece.end_sample <= total for piece in segment.sent)
        assert all(a.end_sample < b.start_sample for a, b in itertools.pairwise(segment.sent))
        if not policy.overlap_samples and policy.squeeze_samples is None:
            assert segment.sent == (segment.own,)
        owned[segment.own.start_sample : segment.own.end_sample] += 1
    assert [s.own.start_sample for s in segments] == sorted(s.own.start_sample for s in segments)
    assert owned.max(initial=0) <= 1
    speech = np.repeat(rules.speech >= np.float32(0.5), FRAME)[:total]
    assert owned[speech].all()
    heard = np.zeros(total, dtype=bool)
    for piece in itertools.chain(*(segment.sent for segment in segments)):
        heard[piece.start_sample : piece.end_sample] = True
    assert heard[speech].all()
    if not policy.skip_silence:
        assert owned.all()
    elif not speech.any():
        assert not segments
    cuts_at = {segment.own.end_sample for segment in segments[:-1]}
    for start, end in rules.runs:
        if rules.at(end) - rules.at(start) <= policy.max_samples:
            assert not cuts_at & set(range(rules.at(start) + 1, rules.at(end)))


@given(channel=channels(40), policy=policies(12))
def test_a_plan_is_legal_and_covers_all_speech(channel, policy):
    assert_legal(plan(channel, policy), channel, policy)


@slowly
@given(channel=talks, policy=policies(60))
def test_a_long_plan_is_legal_and_covers_all_speech(channel, policy):
    assert_legal(plan(channel, policy), channel, policy)


@slowly
@given(channel=channels(11), policy=policies(6))
def test_no_plan_is_better_by_trying_all(channel, policy):
    rules = Rules(channel, policy)
    assume(len(rules.places()) <= 14)
    segments = plan(channel, policy)
    if not rules.runs and not policy.skip_silence and policy.squeeze_samples is not None:
        assert len(segments) == min(channel.total_samples, 1)
        return
    count, cost = exhaustive_best(rules)
    assert len(segments) == count
    assert cost_of(rules, segments) == pytest.approx(cost, abs=1e-3)


@slowly
@given(
    channel=st.builds(
        talk,
        st.integers(0, 2**32 - 1),
        st.integers(1, 150),
        st.sampled_from([3.0, 10.0, 40.0]),
        st.sampled_from([1.0, 5.0, 20.0]),
    ),
    policy=policies(30, padding=8),
    size=st.integers(1, 150),
)
def test_no_plan_is_better_by_looking_at_all_predecessors(channel, policy, size):
    rules = Rules(channel, policy)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cuts, "_FRAMES_AT_ONCE", size)
        segments = plan(channel, policy, [size] * (len(channel.speech) // size))
    if not rules.runs and not policy.skip_silence and policy.squeeze_samples is not None:
        assert len(segments) == 1
        return
    count, cost = quadratic_best(rules)
    assert len(segments) == count
    assert cost_of(rules, segments) == pytest.approx(cost, abs=1e-3)


@slowly
@given(
    channel=talks,
    policy=policies(80),
    at_once=st.sampled_from([7, 100, 1000]),
    sizes=st.lists(st.integers(0, 1500), max_size=8),
)
def test_the_plan_is_the_same_whatever_the_blocks(channel, policy, at_once, sizes):
    assume(sum(sizes) <= len(channel.speech))
    whole = plan(channel, policy)
    assert plan(channel, policy, sizes) == whole
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cuts, "_FRAMES_AT_ONCE", at_once)
        assert plan(channel, policy, [at_once] * (len(channel.speech) // at_once)) == whole


@slowly
@given(channel=talks, policy=policies(40))
def test_what_is_given_up_to_stay_small_is_never_a_segment(channel, policy):
    whole = plan(channel, policy)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cut_search, "PENDING_LEVELS", 3)
        patch.setattr(cut_search, "_DECIDED_AT_ONCE", 2)
        small = plan(channel, policy)
    assert_legal(small, channel, policy)
    assert len(small) == len(whole)


def held_values(thing: object, seen: set[int]) -> int:
    """How many numbers and objects a planner holds."""
    if id(thing) in seen:
        return 0
    seen.add(id(thing))
    if isinstance(thing, np.ndarray):
        return 1 + (thing.size if thing.base is None else held_values(thing.base, seen))
    parts = list(thing) if isinstance(thing, list | tuple) else [*getattr(thing, "__dict__", {}).values()]
    parts += [getattr(thing, name) for name in getattr(type(thing), "__slots__", ())]
    return 1 + sum(held_values(part, seen) for part in parts)


@pytest.mark.parametrize("kind", ["talk", "speech", "silence"])
@pytest.mark.parametrize("options", [{}, {"skip_silence": False}, {"squeeze_seconds": 0.5}])
def test_ten_hours_are_planned_in_bounded_state(kind, options):
    policy = CutPolicy.for_rate(8000, max_samples=59 * 8000, **options)
    planner = CutPlanner(policy)
    hour = 360_000
    channel = talk(1, hour, *{"talk": (400, 100), "speech": (1e7, 1), "silence": (1, 1e7)}[kind])
    held = []
    for _ in range(10):
        for begin in range(0, hour, 1000):
            planner.push(channel.speech[begin : begin + 1000], channel.energies[begin : begin + 1000])
        held.append(held_values(planner, set()))
    assert max(held) < 200_000  # ten hours have 3,600,000 frames
    assert len(planner.finish(10 * hour * 80)) <= 10 * 64


def test_the_bound_is_reached_and_kept():
    policy = CutPolicy(40 * FRAME, FRAME, 2 * FRAME, FRAME, 0.5)
    planner = CutPlanner(policy)
    channel = talk(1, 1000, 1e7, 1)  # no pause at all: the ways never meet
    held = []
    for _ in range(120):
        planner.push(channel.speech, channel.energies)
        held.append(held_values(planner, set()))
    assert max(held[60:]) <= 1.1 * max(held[:60])


def policy_of(**options) -> CutPolicy:
    return CutPolicy.for_rate(16000, **{"max_samples": 59 * 16000, **options})


def channel_of(*parts: tuple[float, float], energies: dict[int, float] | None = None) -> Channel:
    """Stretches of a score, in seconds, at 16 kHz."""
    scores = np.concatenate([np.full(round(seconds * 100), score) for score, seconds in parts])
    levels = np.where(scores > 0.5, 1e6, 100.0)
    for frame, energy in (energies or {}).items():
        levels[frame] = energy
    return Channel(scores.astype(np.float32), levels, len(scores) * 160)


def owns(segments: list[PlannedSegment]) -> list[tuple[float, float]]:
    return [(s.own.start_sample / 16000, s.own.end_sample / 16000) for s in segments]


def test_no_speech_no_segment():
    planner = CutPlanner(policy_of())
    assert planner.push(np.zeros(5000, dtype=np.float32), np.ones(5000)) == []
    assert planner.finish(5000 * 160) == []
    assert planner.speech_samples == 0


def test_nothing_at_all():
    for options in ({}, {"skip_silence": False}, {"skip_silence": False, "squeeze_seconds": 1.0}):
        assert CutPlanner(policy_of(**options)).finish(0) == []


def test_less_than_a_frame_still_tiles():
    assert CutPlanner(policy_of()).finish(99) == []
    assert owns(CutPlanner(policy_of(skip_silence=False)).finish(99)) == [(0, 99 / 16000)]


def test_silence_that_must_tile_is_cut_into_the_fewest_pieces():
    segments = plan(channel_of((0, 300.0)), policy_of(skip_silence=False))
    assert len(segments) == 6
    assert_tiles(segments, 300 * 16000)


def assert_tiles(segments: list[PlannedSegment], total: int) -> None:
    edges = [0, *(s.own.end_sample for s in segments)]
    assert [s.own.start_sample for s in segments] == edges[:-1]
    assert edges[-1] == total


def test_silence_that_must_tile_and_may_be_squeezed_is_one_piece():
    segments = plan(channel_of((0, 300.0)), policy_of(skip_silence=False, squeeze_seconds=2.0))
    assert segments == [PlannedSegment(SampleRange(0, 4_800_000), (SampleRange(0, 32000),))]


def test_edges_keep_their_padding_and_nothing_more():
    assert owns(plan(channel_of((0, 5), (1, 2), (0, 7)), policy_of())) == [(4.7, 7.3)]
    assert owns(plan(channel_of((0, 0.1), (1, 2), (0, 0.2)), policy_of())) == [(0, 2.3)]


def test_the_longest_of_the_pauses_is_cut():
    channel = channel_of((1, 20), (0, 0.4), (1, 15), (0, 1.2), (1, 10), (0, 0.5), (1, 30))
    assert owns(plan(channel, policy_of())) == [(0, 35.7), (36.3, 77.1)]


def test_of_equally_long_pauses_the_surer_one_is_cut():
    channel = channel_of((1, 20), (0.3, 1), (1, 15), (0.05, 1), (1, 10), (0.3, 1), (1, 30))
    assert owns(plan(channel, policy_of())) == [(0, 36.3), (36.7, 78)]


def test_one_bad_pause_is_cut_rather_than_a_segment_added():
    channel = channel_of((1, 30), (0, 3), (1, 10), (0, 3), (1, 15), (0.4, 0.12), (1, 57))
    assert len(plan(channel, policy_of())) == 3
    channel = channel_of((1, 10), (0, 3), (1, 45.5), (0.4, 0.12), (1, 57))
    assert len(plan(channel, policy_of())) == 2


def test_a_short_pause_is_divided_at_its_quietest_place():
    quiet = dict.fromkeys(range(4022, 4032), 0.0)
    channel = channel_of((1, 40), (0.1, 0.4), (1, 40), energies=quiet)
    (_, first_end), (second_start, _) = owns(plan(channel, policy_of()))
    assert first_end == pytest.approx(40.27, abs=0.011)
    assert second_start in (first_end, pytest.approx(40.27, abs=0.011))


def test_speech_without_a_pause_is_cut_where_there_is_least_of_it():
    channel = channel_of((1, 40), (0.6, 0.3), (1, 50))
    assert owns(plan(channel, policy_of())) == [(0, 40.15), (40.15, 90.3)]


def test_a_cut_in_speech_is_heard_at_both_sides():
    channel = channel_of((1, 40), (0.6, 0.3), (1, 50))
    segments = plan(channel, policy_of(overlap_seconds=2.0))
    assert owns(segments) == [(0, 40.15), (40.15, 90.3)]
    assert segments[0].sent == (SampleRange(0, round(41.15 * 16000)),)
    assert segments[1].sent == (SampleRange(round(39.15 * 16000), round(90.3 * 16000)),)


def test_a_run_that_just_fits_is_not_cut_for_its_padding():
    channel = channel_of((0, 3), (1, 58.8), (0, 3))
    assert owns(plan(channel, policy_of())) == [(2.9, 61.9)]


def test_squeezed_silence_keeps_half_at_each_side():
    channel = channel_of((1, 10), (0, 9), (1, 10))
    [segment] = plan(channel, policy_of(squeeze_seconds=1.0))
    assert segment.own == SampleRange(0, 29 * 16000)
    assert segment.sent == (SampleRange(0, 168000), SampleRange(296000, 29 * 16000))


def test_squeezing_saves_segments():
    channel = channel_of(*[(1, 4), (0, 4)] * 30)
    assert len(plan(channel, policy_of())) == 5
    assert len(plan(channel, policy_of(squeeze_seconds=0.6))) == 3


def test_speech_samples_count_the_part_of_a_frame():
    planner = CutPlanner(policy_of())
    planner.push(np.array([0.1, 0.9, 0.5], dtype=np.float32), np.ones(3))
    planner.finish(3 * 160 + 33)
    assert planner.speech_samples == 2 * 160 + 33


def test_the_usual_policy_counts_in_samples_of_the_rate():
    policy = CutPolicy.for_rate(16000, max_samples=944000, overlap_seconds=1.0, squeeze_seconds=0.5)
    assert (policy.frame_samples, policy.pad_samples, policy.min_pause_samples) == (160, 4800, 960)
    assert (policy.overlap_samples, policy.squeeze_samples) == (16000, 8000)


@pytest.mark.parametrize("seconds", [0.01, 0.05, 0.5, 1.0])
def test_tiny_limits_leave_room_for_speech(seconds):
    policy = policy_of(max_samples=round(seconds * 16000), overlap_seconds=5.0)
    channel = channel_of((0, 1), (1, 3.3), (0, 0.4), (1, 1.7), (0, 2))
    assert_legal_at_16k(plan(channel, policy), channel, policy)


def assert_legal_at_16k(segments: list[PlannedSegment], channel: Channel, policy: CutPolicy) -> None:
    assert all(0 < s.sent_samples <= policy.max_samples and s.own.samples > 0 for s in segments)
    covered = set(
        itertools.chain(*(range(s.own.start_sample // 160, s.own.end_sample // 160) for s in segments))
    )
    for start, end in runs_of(channel.speech >= 0.5, policy.limits.min_pause):
        assert covered >= set(range(start, end))


def test_energies_are_mean_squares_of_whole_frames():
    samples = np.array([3, 4, 0, 0, 32767, -32768, 7], dtype=np.int16)
    energies = frame_energies(samples, 2)
    assert np.allclose(energies, [12.5, 0.0, (32767.0**2 + 32768.0**2) / 2])
