from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.corpus import SAMPLE_RATE
from benchmarks.cut_corpus import PAUSES_SECONDS, butt, join, with_noise
from benchmarks.cut_judge import bad_cuts, best_plan, judge
from benchmarks.cut_noise import noises, pink
from benchmarks.cut_rivals import fit, join_up, plain, rivals
from benchmarks.cut_speech import MEASURED_RECORDINGS, Spoken, real_speech, shipped_speech, tighten
from transforms.records import PlannedSegment, SampleRange

REPOSITORY = Path(__file__).resolve().parent.parent
MILLISECOND = SAMPLE_RATE // 1000

needs_recordings = pytest.mark.skipif(
    not MEASURED_RECORDINGS.is_dir(), reason=f"the real recordings are not in {MEASURED_RECORDINGS}"
)


def hum(*sounding_ms: tuple[int, int], length_ms: int) -> np.ndarray:
    """A loud tone at given times in a quiet room."""
    samples = np.random.default_rng(0).standard_normal(length_ms * MILLISECOND).astype(np.float32) * 1e-4
    for start, end in sounding_ms:
        times = np.arange((end - start) * MILLISECOND) / SAMPLE_RATE
        samples[start * MILLISECOND : end * MILLISECOND] += 0.3 * np.sin(2 * np.pi * 200 * times)
    return samples


def words_ms(*places: tuple[int, int]) -> np.ndarray:
    return np.array(places, dtype=np.int64).reshape(-1, 2) * MILLISECOND


def of_ms(*ranges: tuple[int, int]) -> list[SampleRange]:
    return [SampleRange(start * MILLISECOND, end * MILLISECOND) for start, end in ranges]


def segment_ms(own: tuple[int, int], *sent: tuple[int, int]) -> PlannedSegment:
    return PlannedSegment(of_ms(own)[0], tuple(of_ms(*(sent or (own,)))))


def judged(plan: list[PlannedSegment], words: np.ndarray, max_ms: int = 10_000):
    return judge(
        plan,
        words,
        max_samples=max_ms * MILLISECOND,
        tolerance=30 * MILLISECOND,
        padding=300 * MILLISECOND,
    )


class TestTightening:
    @pytest.mark.parametrize(
        ("said", "heard"),
        [
            pytest.param((400, 1000), (500, 800), id="inward on both sides"),
            pytest.param((560, 740), (500, 800), id="outward on both sides"),
            pytest.param((500, 800), (500, 800), id="as it is"),
        ],
    )
    def test_moves_edges_to_the_sound(self, said, heard):
        (word,) = tighten(hum((500, 800), length_ms=2000), words_ms(said))
        assert np.abs(word - words_ms(heard)[0]).max() <= 15 * MILLISECOND

    def test_keeps_the_closure_of_a_stop_but_takes_in_no_breath(self):
        samples = hum((500, 700), (760, 800), (830, 1200), length_ms=2000)
        (word,) = tighten(samples, words_ms((500, 790)))
        assert np.abs(word - words_ms((500, 800))[0]).max() <= 15 * MILLISECOND

    @pytest.mark.parametrize(
        ("sounding", "said", "heard"),
        [
            pytest.param([(500, 520), (640, 900)], (500, 900), (640, 900), id="of the one before"),
            pytest.param([(500, 900), (1020, 1040)], (500, 1040), (500, 900), id="of the next"),
            pytest.param([(500, 600), (720, 900)], (500, 900), (500, 900), id="too long for a tail"),
            pytest.param([(500, 520), (590, 900)], (500, 900), (500, 900), id="only a closure between"),
        ],
    )
    def test_leaves_out_the_tail_of_a_neighbour(self, sounding, said, heard):
        (word,) = tighten(hum(*sounding, length_ms=2000), words_ms(said))
        assert np.abs(word - words_ms(heard)[0]).max() <= 15 * MILLISECOND

    def test_moves_no_edge_outward_by_more_than_80_ms(self):
        (word,) = tighten(hum((500, 1500), length_ms=2000), words_ms((800, 1200)))
        assert word.tolist() == words_ms((720, 1280))[0].tolist()

    def test_leaves_neighbours_alone_and_silence_where_it_was(self):
        samples = hum((500, 1050), length_ms=2000)
        tight = tighten(samples, words_ms((520, 800), (800, 1000), (1400, 1500)))
        assert tight[0, 1] == tight[1, 0] == 800 * MILLISECOND
        assert tight[2].tolist() == words_ms((1400, 1500))[0].tolist()

    @given(st.lists(st.integers(1, 60), min_size=3, max_size=12))
    def test_words_stay_in_order(self, steps):
        edges = np.cumsum(steps) * 20
        places = [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=False)]
        samples = hum((100, 300), (320, 700), (1000, 1100), length_ms=int(edges[-1]) + 1200)
        tight = tighten(samples, words_ms(*places))
        assert np.all(tight[:, 0] < tight[:, 1])
        assert np.all(tight[1:, 0] >= tight[:-1, 1])

    @needs_recordings
    def test_finds_the_edges_of_the_real_words(self):
        speech = real_speech()
        assert len(speech) == 12
        assert [spoken.name for spoken in speech if not spoken.is_tight] == ["en_nemo_audio_1.opus"]
        for spoken in speech:
            if spoken.is_tight:
                within = np.concatenate([spoken.samples[start:end] for start, end in spoken.words])
                outside = np.delete(spoken.samples, np.r_[tuple(slice(*word) for word in spoken.words)])
                assert np.mean(within**2) > 30 * np.mean(outside**2), spoken.name


@pytest.fixture(scope="module")
def speech() -> list[Spoken]:
    return shipped_speech(["letter_16k.wav", "evening_48k.flac"])


class TestJoining:
    def test_aligns_the_words_that_are_said(self, speech):
        assert [len(spoken.words) for spoken in speech] == [30, 29]
        for spoken in speech:
            assert spoken.is_tight
            assert np.all(spoken.words[1:, 0] >= spoken.words[:-1, 1])

    def test_words_are_where_it_says(self, speech):
        joined = join(speech, 60.0, seed=3)
        in_words = np.zeros(len(joined.samples), dtype=bool)
        for start, end in joined.words:
            assert 0 <= start < end <= len(joined.samples)
            in_words[start:end] = True
        loud = np.mean(joined.samples[in_words] ** 2)
        assert 10 * np.log10(loud) == pytest.approx(-26.0, abs=0.5)
        assert np.mean(joined.samples[~in_words] ** 2) < loud / 100

    def test_pauses_are_within_the_bounds_and_seeded(self, speech):
        single = [replace(speech[0], words=speech[0].words[:1])]  # then every gap is a pause that was made
        joined = join(single, 120.0, seed=3)
        gaps = (joined.words[1:, 0] - joined.words[:-1, 1]) / SAMPLE_RATE
        assert PAUSES_SECONDS[0] - 0.001 <= gaps.min() < 0.2
        assert 1.5 < gaps.max() <= PAUSES_SECONDS[1] + 0.001
        assert np.array_equal(join(single, 120.0, seed=3).samples, joined.samples)
        assert not np.array_equal(join(single, 120.0, seed=4).words[:5], joined.words[:5])

    def test_continuous_speech_has_no_pause(self, speech):
        joined = butt(speech, 30.0, seed=1)
        assert np.array_equal(joined.words[1:, 0], joined.words[:-1, 1])
        assert (joined.words[0, 0], joined.words[-1, 1]) == (0, len(joined.samples))
        assert 25.0 < len(joined.samples) / SAMPLE_RATE <= 30.0

    @pytest.mark.parametrize("snr_db", [20, 5])
    def test_noise_is_as_loud_as_asked(self, speech, snr_db):
        joined = join(speech, 30.0, seed=1)
        noise = noises(speech, seed=1)["babble"]
        added = with_noise(joined, noise, snr_db).samples - joined.samples
        words = np.concatenate([joined.samples[start:end] for start, end in joined.words])
        measured_db = 10 * np.log10(np.mean(words**2) / np.mean(added**2))
        assert measured_db == pytest.approx(snr_db, abs=1.0)

    def test_pink_noise_loses_three_decibels_an_octave(self):
        power = np.abs(np.fft.rfft(pink(2**18, np.random.default_rng(1)))) ** 2
        octaves = [power[low : 2 * low].sum() for low in (2**10, 2**12, 2**14)]
        assert max(octaves) / min(octaves) < 1.2

    @needs_recordings
    def test_music_comes_from_the_recording_that_has_some(self):
        assert sorted(noises(real_speech(), seed=1)) == ["babble", "music", "pink"]


class TestJudging:
    words = words_ms((1000, 1400), (1400, 1800), (3000, 3500))

    def test_a_plan_without_fault(self):
        verdict = judged([segment_ms((700, 2100)), segment_ms((2700, 3800))], self.words)
        assert (verdict.segments, verdict.cuts, verdict.bad_cuts, verdict.lost_words) == (2, 1, 0, 0)
        assert (verdict.words, verdict.silent_samples) == (3, 0)
        assert verdict.sent_samples == 2500 * MILLISECOND

    @pytest.mark.parametrize(
        ("end", "bad"), [(1429, 0), (1431, 1), (1600, 1), (1769, 1), (1771, 0), (1400, 0), (2500, 0)]
    )
    def test_a_cut_is_bad_from_30_ms_inside_a_word(self, end, bad):
        verdict = judged([segment_ms((700, end)), segment_ms((end, 3800))], self.words)
        assert (verdict.bad_cuts, verdict.lost_words) == (bad, 0)

    def test_both_edges_of_a_cut_are_judged(self):
        plan = [segment_ms((700, 2100)), segment_ms((3100, 3800))]
        verdict = judged(plan, self.words)
        assert (verdict.bad_cuts, verdict.lost_words) == (1, 1)
        assert bad_cuts(plan, self.words, tolerance=30 * MILLISECOND) == [
            (2100 * MILLISECOND, 3100 * MILLISECOND)
        ]

    def test_a_word_that_nobody_hears_is_lost_without_a_bad_cut(self):
        verdict = judged([segment_ms((0, 1400)), segment_ms((1900, 3800))], self.words)
        assert (verdict.bad_cuts, verdict.lost_words) == (0, 1)

    def test_an_overlap_saves_a_word_if_the_segment_that_keeps_it_hears_it_whole(self):
        saved = [segment_ms((700, 1650), (700, 1850)), segment_ms((1650, 3800), (1550, 3800))]
        assert judged(saved, self.words).bad_cuts == 0
        kept_by_the_other = [segment_ms((700, 1550), (700, 1850)), segment_ms((1550, 3800), (1500, 3800))]
        verdict = judged(kept_by_the_other, self.words)
        assert (verdict.bad_cuts, verdict.lost_words) == (1, 0)

    def test_a_word_kept_by_nobody_is_lost_though_it_is_heard(self):
        plan = [segment_ms((700, 1500), (700, 2000)), segment_ms((1700, 3800))]
        assert judged(plan, self.words).lost_words == 1

    def test_a_squeezed_pause_is_a_cut_too(self):
        plan = [segment_ms((700, 3800), (700, 1700), (2900, 3800))]
        verdict = judged(plan, self.words)
        assert (verdict.segments, verdict.cuts, verdict.bad_cuts) == (1, 1, 1)
        assert verdict.sent_samples == 1900 * MILLISECOND

    def test_silence_beyond_the_padding_is_counted(self):
        verdict = judged([segment_ms((0, 5000))], self.words)
        assert verdict.silent_samples == (700 + 600 + 1200) * MILLISECOND

    def test_no_plan_loses_everything(self):
        verdict = judged([], self.words)
        assert (verdict.lost_words, verdict.cuts, verdict.sent_samples) == (3, 0, 0)

    def test_sums_up(self):
        one = judged([segment_ms((700, 1600)), segment_ms((1600, 3800))], self.words)
        both = one + one
        assert (both.segments, both.bad_cuts, both.words) == (4, 2, 6)

    @pytest.mark.parametrize(
        "plan",
        [
            pytest.param([segment_ms((0, 10_001))], id="too long"),
            pytest.param([segment_ms((0, 900)), segment_ms((800, 2000))], id="overlapping"),
            pytest.param([segment_ms((900, 900))], id="empty"),
        ],
    )
    def test_an_illegal_plan_is_refused(self, plan):
        with pytest.raises(ValueError, match=r"samples|before"):
            judged(plan, self.words)


def fewest_by_trying_all(words: np.ndarray, max_samples: int, padding: int, min_pause: int) -> int:
    gaps = words[1:, 0] - words[:-1, 1]
    pads = np.minimum(padding, gaps // 2)
    fewest = len(words) + 1
    for chosen in product([False, True], repeat=len(gaps)):
        if any(gap < min_pause for gap, cut in zip(gaps, chosen, strict=True) if cut):
            continue
        cuts = [number for number, cut in enumerate(chosen) if cut]
        starts = [max(0, words[0, 0] - padding), *(words[cut + 1, 0] - pads[cut] for cut in cuts)]
        ends = [*(words[cut, 1] + pads[cut] for cut in cuts), words[-1, 1] + padding]
        if all(end - start <= max_samples for start, end in zip(starts, ends, strict=True)):
            fewest = min(fewest, len(starts))
    return fewest


class TestBestPlan:
    @given(
        st.lists(st.tuples(st.integers(0, 90), st.integers(5, 60)), min_size=1, max_size=8),
        st.integers(60, 300),
        st.integers(0, 40),
        st.integers(0, 40),
    )
    def test_no_other_choice_of_pauses_has_fewer(self, steps, max_samples, padding, min_pause):
        edges = np.cumsum(np.array(steps).ravel())
        words = edges.reshape(-1, 2)
        fewest = fewest_by_trying_all(words, max_samples, padding, min_pause)
        if fewest > len(words):
            with pytest.raises(ValueError, match="without a pause"):
                best_plan(words, max_samples=max_samples, padding=padding, min_pause=min_pause)
        else:
            plan = best_plan(words, max_samples=max_samples, padding=padding, min_pause=min_pause)
            assert len(plan) == fewest
            verdict = judge(plan, words, max_samples=max_samples, tolerance=0, padding=padding)
            assert (verdict.bad_cuts, verdict.lost_words) == (0, 0)


class TestRivals:
    def test_what_is_too_long_is_cut_at_the_limit(self):
        assert fit([SampleRange(5, 30)], 10) == [SampleRange(5, 15), SampleRange(15, 25), SampleRange(25, 30)]

    def test_joins_as_many_as_fit(self):
        ranges = [SampleRange(0, 4), SampleRange(5, 10), SampleRange(11, 12), SampleRange(20, 41)]
        assert join_up(ranges, 10) == [
            SampleRange(0, 10),
            SampleRange(11, 12),
            SampleRange(20, 30),
            SampleRange(30, 40),
            SampleRange(40, 41),
        ]

    @pytest.mark.parametrize("method", ["fixed length", "pydub.split_on_silence, joined", "auditok, joined"])
    def test_cut_within_the_limit_and_in_order(self, method):
        max_samples = 2 * SAMPLE_RATE
        cut = rivals(max_samples).get(method)
        if cut is None:
            pytest.skip("auditok is not installed")
        samples = hum((500, 1500), (2500, 4000), (4500, 7500), length_ms=9000)
        plan = cut((samples * 32767).astype(np.int16))
        assert plan == plain([segment.own for segment in plan])
        assert all(0 < segment.sent_samples <= max_samples for segment in plan)
        assert all(a.own.end_sample <= b.own.start_sample for a, b in pairwise(plan))
        assert judged(plan, words_ms((600, 1400), (2600, 3900), (4600, 7400)), 2000).lost_words == 0


@pytest.mark.thorough
@pytest.mark.parametrize("speech_of", [pytest.param([], marks=needs_recordings), ["--shipped"]])
def test_prints_its_figures_beside_the_best_plan(speech_of):
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks.cutting", "--quick", *speech_of],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    for row in ("the true words (reference)", "detector silero", "detector energy", "fixed length"):
        found = [line for line in lines if line.startswith(f"{row}  ")]
        assert len(found) >= 3
        assert all(" of " in line and "s/h" in line for line in found)
    assert any(line.startswith("detector silero, overlap of 1 s") for line in lines)
    assert any(line.startswith("silero, 5 dB over pink: ") for line in lines)
