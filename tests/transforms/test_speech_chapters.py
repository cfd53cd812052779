from __future__ import annotations

import numpy as np
import pytest

from transforms import speech_chapters
from transforms.speech import DETECTORS, open_chapter_detector, open_detector

CHAPTER, WARM_UP = 20, 5


@pytest.fixture(autouse=True)
def _short_chapters(monkeypatch):
    monkeypatch.setattr(speech_chapters, "CHAPTER_SECONDS", CHAPTER)


def sound(rate: int, seconds: float) -> np.ndarray:
    random = np.random.default_rng(7)
    length = round(rate * seconds)
    loudness = np.repeat(random.uniform(1, 4000, length // (rate // 2) + 1), rate // 2)[:length]
    return np.clip(random.standard_normal(length) * loudness, -32768, 32767).astype(np.int16)


def heard(detector, samples: np.ndarray, block: int) -> np.ndarray:
    blocks = (samples[start : start + block] for start in range(0, len(samples), block))
    return np.concatenate([*map(detector.push, blocks), detector.finish()])


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize("seconds", [19.99, 20.0, 38.1, 40.0, 51.234])
def test_a_channel_is_scored_as_its_chapters_are_by_themselves(name, rate, seconds):
    samples = sound(rate, seconds)
    whole = heard(open_detector(name, rate), samples, 7777)
    assert len(whole) == len(samples) // (rate // 100)
    found = []
    for begin in range(0, len(samples), CHAPTER * rate):
        detector = open_chapter_detector(name, rate, is_first=begin == 0)
        first = max(0, begin - WARM_UP * rate)
        found.append(heard(detector, samples[first : begin + CHAPTER * rate], 96_000))
    assert np.array_equal(np.concatenate(found), whole)
