from __future__ import annotations

import json
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray

from pipeline.service.payload import Audio
from pipeline.service.sphinx import SphinxRecognizer

RECORDING = Path(__file__).resolve().parents[2] / ".." / "shared" / "audio" / "en_librivox_0880_16k.wav"
pytestmark = pytest.mark.skipif(not RECORDING.exists(), reason="the shared recordings are not there")


@pytest.fixture(scope="module")
def sphinx() -> Iterator[SphinxRecognizer]:
    recognizer = SphinxRecognizer(workers=1)
    yield recognizer
    recognizer.close()


@pytest.fixture(scope="module")
def samples() -> NDArray[np.int16]:
    with wave.open(str(RECORDING)) as reader:
        return np.frombuffer(reader.readframes(reader.getnframes()), np.int16)


def test_real_words_at_their_times(sphinx: SphinxRecognizer, samples: NDArray[np.int16]) -> None:
    audio = Audio(samples, 16_000, "")
    heard = sphinx.recognize(audio, "")
    references = json.loads(RECORDING.with_suffix("").with_suffix(".words.json").read_text("utf-8"))
    assert heard == sphinx.recognize(audio, ""), "what was heard before must not matter"
    words = {word.word: word for word in heard.words}
    found = [each for each in references if each["word"] in words]
    assert len(found) >= 5
    for each in found:
        assert words[each["word"]].start_ms == pytest.approx(each["start"] * 1000, abs=200)
    assert all(word.word.isalpha() for word in heard.words)
    assert heard.words[-1].end_ms <= audio.duration_ms


def test_telephone_audio_is_brought_up_to_the_model_s_rate(
    sphinx: SphinxRecognizer, samples: NDArray[np.int16]
) -> None:
    heard = sphinx.recognize(Audio(soxr.resample(samples, 16_000, 8000), 8000, ""), "")
    assert heard.words
    assert heard.words[-1].end_ms <= len(samples) // 16


def test_noise_too_short_for_a_word_is_empty(sphinx: SphinxRecognizer) -> None:
    assert sphinx.recognize(Audio(np.ones(80, np.int16), 16_000, ""), "").text == ""
