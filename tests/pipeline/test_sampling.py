from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.plan_sample import figures
from benchmarks.sample_corpora import CORPORA
from pipeline.sampling import LEAST_SAMPLE, Figure, draw, estimate, student_quantile

TRIALS = 100


@pytest.mark.parametrize("name", CORPORA)
@pytest.mark.parametrize("reads", [LEAST_SAMPLE, 150])
def test_of_100_trials_at_least_90_hold_the_truth(name, reads):
    corpus = CORPORA[name](np.random.default_rng(3), 1500)
    held = dict.fromkeys(("hours", "speech", "calls"), 0)
    for seed in range(TRIALS):
        for what, (figure, truth) in figures(corpus, reads, seed).items():
            held[what] += figure.low <= truth <= figure.high
    assert min(held.values()) >= 90, held


@pytest.mark.parametrize("name", ["log-normal", "wav, mp3 and opus", "minutes and hours", "heavy tail"])
def test_estimates_lie_about_the_truth_and_larger_samples_know_more(name):
    corpus = CORPORA[name](np.random.default_rng(3), 1500)
    widths = []
    for reads in (LEAST_SAMPLE, 300):
        found = [figures(corpus, reads, seed)["hours"] for seed in range(40)]
        truth = found[0][1]
        assert np.mean([figure.value for figure, _ in found]) == pytest.approx(truth, rel=0.05)
        widths.append(np.median([figure.high - figure.low for figure, _ in found]))
    assert widths[1] < widths[0] / 1.5


sizes = st.lists(st.one_of(st.just(float("nan")), st.floats(0, 1e12)), min_size=1, max_size=400)


@settings(max_examples=150, deadline=None)
@given(sizes=sizes, kinds=st.integers(1, 6), reads=st.integers(LEAST_SAMPLE, 120), seed=st.integers(0, 99))
def test_every_recording_is_in_one_stratum_and_no_more_are_read_than_asked_for(sizes, kinds, reads, seed):
    chance = np.random.default_rng(seed)
    count = len(sizes)
    strata = draw(np.array(sizes), chance.integers(0, kinds, count), reads, chance)
    assert sum(each.count for each in strata) == count
    read = np.concatenate([each.read for each in strata])
    assert len(set(read.tolist())) == len(read) <= min(reads, count)
    assert len(read) > min(reads, count) * 0.7
    assert all(len(each.read) >= min(2, each.count) for each in strata)
    one_each = estimate(strata, np.ones(count), np.ones(count))
    assert one_each.low <= count <= one_each.high
    if reads >= count:
        assert one_each == Figure.known(count)


def test_the_same_seed_reads_the_same_and_another_one_others():
    corpus = CORPORA["log-normal"](np.random.default_rng(1), 500)

    def read(seed: int) -> list[int]:
        strata = draw(corpus.sizes, corpus.kinds, 60, np.random.default_rng(seed))
        return [int(place) for each in strata for place in each.read]

    assert read(1) == read(1)
    assert read(1) != read(2)


def test_the_largest_are_read_always():
    sizes = np.full(1000, 10.0)
    sizes[[3, 500]] = 10_000
    for seed in range(20):
        strata = draw(sizes, np.zeros(1000, dtype=np.int64), 50, np.random.default_rng(seed))
        assert [each.read.tolist() for each in strata if each.largest] == [[3, 500]]


def test_what_a_sample_has_not_seen_is_not_held_for_impossible():
    strata = draw(np.full(1000, 10.0), np.zeros(1000, dtype=np.int64), 100, np.random.default_rng(1))
    nothing = estimate(strata, np.zeros(1000), np.ones(1000))
    assert (nothing.value, nothing.low) == (0, 0)
    assert 30 <= nothing.high <= 80  # the rule of three, and more
    all_alike = estimate(strata, np.ones(1000), np.ones(1000))
    assert all_alike.low < 970
    assert all_alike.value == pytest.approx(1000)


@pytest.mark.parametrize(("degrees", "quantile"), [(3, 3.182), (5, 2.571), (10, 2.228), (30, 2.042)])
def test_students_quantiles_are_those_of_the_tables(degrees, quantile):
    assert student_quantile(degrees) == pytest.approx(quantile, rel=0.01)
