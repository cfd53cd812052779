from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from transforms.cuts import CutPolicy, frame_energies
from transforms.cutting import Cutter, cut
from transforms.sound import sound_of

RATE = 8000
POLICY = CutPolicy.for_rate(RATE, max_samples=RATE, skip_silence=False)


class Lagging:
    """Calls every second frame speech, and tells of it in its own time."""

    def __init__(self, lags: list[int]) -> None:
        self._lags = itertools.cycle(lags or [0])
        self._samples = 0
        self._told = 0

    def push(self, samples: NDArray[np.int16]) -> NDArray[np.float32]:
        self._samples += len(samples)
        return self._tell(self._samples // 80 - next(self._lags))

    def finish(self) -> NDArray[np.float32]:
        return self._tell(self._samples // 80)

    def _tell(self, end: int) -> NDArray[np.float32]:
        first, self._told = self._told, max(self._told, end)
        return (np.arange(first, self._told) % 2).astype(np.float32)


class Noting:
    """A planner that takes what it gets and plans nothing."""

    def __init__(self, policy: CutPolicy) -> None:
        self.speech: list[NDArray[np.float32]] = []
        self.energies: list[NDArray[np.float64]] = []
        self.total_samples = 0

    def push(self, speech: NDArray[np.float32], energies: NDArray[np.float64]) -> list[object]:
        assert len(speech) == len(energies)
        self.speech.append(speech)
        self.energies.append(energies)
        return []

    def finish(self, total_samples: int) -> list[object]:
        self.total_samples = total_samples
        return []


def blocks_of(samples: NDArray[np.int16], sizes: list[int]) -> list[NDArray[np.int16]]:
    return np.split(samples, np.minimum(np.cumsum(sizes), len(samples)))


def noise(seed: int, total: int) -> NDArray[np.int16]:
    return np.random.default_rng(seed).integers(-32768, 32768, total).astype("<i2")


@given(
    seed=st.integers(0, 2**32 - 1),
    total=st.integers(0, 30_000),
    sizes=st.lists(st.integers(0, 9000), max_size=8),
)
def test_segments_join_to_the_channel_whatever_the_blocks(seed, total, sizes):
    samples = noise(seed, total)
    blocks = [sound_of(block.tobytes(), RATE) for block in blocks_of(samples, sizes)]
    pieces = list(cut(blocks, POLICY, detector="energy"))
    assert b"".join(audio.raw_data for _, audio in pieces) == samples.tobytes()
    for planned, audio in pieces:
        assert audio.frame_count() == planned.sent_samples <= RATE
        assert (audio.frame_rate, audio.channels, audio.sample_width) == (RATE, 1, 2)
    whole = cut([sound_of(samples.tobytes(), RATE)], POLICY, detector="energy")
    assert [planned for planned, _ in pieces] == [planned for planned, _ in whole]


@given(
    total=st.integers(0, 20_000),
    sizes=st.lists(st.integers(0, 3000), max_size=10),
    lags=st.lists(st.integers(0, 60), max_size=4),
)
def test_levels_and_speech_of_a_frame_come_together_however_the_detector_lags(total, sizes, lags):
    samples = noise(total, total)
    cutter = Cutter(POLICY, Lagging(lags))
    planner = cutter._planner = Noting(POLICY)
    for block in blocks_of(samples, sizes):
        cutter.push(sound_of(block.tobytes(), RATE))
    cutter.finish()
    frames = total // 80
    assert np.concatenate(planner.speech).tolist() == [number % 2 for number in range(frames)]
    assert np.array_equal(np.concatenate(planner.energies), frame_energies(samples, 80))
    assert planner.total_samples == cutter.total_samples == total


def test_no_blocks_are_no_segments():
    assert list(cut([], POLICY)) == []


def test_silence_is_no_segment_unless_it_is_kept():
    silence = sound_of(bytes(2 * 5 * RATE), RATE)
    skipping = CutPolicy.for_rate(RATE, max_samples=RATE)
    assert list(cut([silence], skipping, detector="energy")) == []
    assert len(list(cut([silence], POLICY, detector="energy"))) >= 5
