from __future__ import annotations

import hashlib
import subprocess
import sys
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from speech_samples import RATE, heard_by, letter, noise, real_speech, tone

import transforms.models
from transforms import speech_silero
from transforms.speech_gate import Gate
from transforms.speech_silero import MODEL, SileroDetector


class NeverResting(Gate):
    def looked(self, probabilities, levels):
        pass


class Remembering(Gate):
    """Notes which windows were left out."""

    seen = 0
    left_out: list[int]

    def looked(self, probabilities, levels):
        super().looked(probabilities, levels)
        self.seen += speech_silero._BATCH_WINDOWS

    def rest(self, levels):
        spared = super().rest(levels)
        self.left_out.extend(range(self.seen, self.seen + spared))
        self.seen += spared
        return spared


def looking_everywhere(monkeypatch, samples):
    with monkeypatch.context() as patch:
        patch.setattr(speech_silero, "Gate", NeverResting)
        return heard_by(SileroDetector(RATE), samples)


def test_the_model_is_the_one_that_its_docstring_names():
    folder = resources.files("transforms.models")
    model = folder.joinpath(MODEL).read_bytes()
    assert hashlib.sha256(model).hexdigest() in str(transforms.models.__doc__)
    assert len(model) == 1_246_165
    assert "MIT License" in folder.joinpath("silero_vad_LICENSE").read_text(encoding="utf-8")


def test_it_says_what_the_model_says(monkeypatch):
    # What onnxruntime 1.32 makes of the same file, one value for each window of 512 samples.
    reference = np.loadtxt(Path(__file__).with_name("silero_letter_16k.txt"), dtype=np.float32)
    found = looking_everywhere(monkeypatch, letter())
    frames = np.arange(len(found))
    np.testing.assert_allclose(found, reference[(frames * 160 + 80) // 512], atol=1e-4)


def test_silence_is_mostly_left_out():
    detector = SileroDetector(RATE)
    minute = heard_by(detector, noise(0, 60, 0.003))
    assert minute.max() < 0.35
    assert detector.looked_windows * 512 < 0.42 * 60 * RATE


@pytest.mark.parametrize("softer", [2, 5, 20])
@pytest.mark.parametrize("before", [tone(425, 2.2, 0.4), noise(1, 2.2, 0.15), tone(425, 4.1, 0.4)])
def test_speech_that_is_softer_than_what_ends_before_it_is_found(monkeypatch, before, softer):
    samples = np.concatenate([before, letter() // softer])
    everywhere = looking_everywhere(monkeypatch, samples) >= 0.5
    found = heard_by(SileroDetector(RATE), samples) >= 0.5
    assert everywhere.sum() > 500
    assert (everywhere & ~found).sum() <= 3


@pytest.mark.parametrize("snr_db", [None, 20, 10, 5])
def test_where_it_does_not_look_there_is_no_speech(monkeypatch, snr_db):
    speech = real_speech()
    if speech is None:
        pytest.skip("the real recordings are not beside this checkout")
    samples = speech
    if snr_db is not None:
        level = np.sqrt(np.mean(speech.astype(np.float64) ** 2)) / 32768 * 10 ** (-snr_db / 20)
        samples = (speech.astype(np.int32) + noise(4, len(speech) / RATE, level)).clip(-32768, 32767)
        samples = samples.astype(np.int16)
    everywhere = looking_everywhere(monkeypatch, samples)
    left_out: list[int] = []
    monkeypatch.setattr(Remembering, "left_out", left_out, raising=False)
    monkeypatch.setattr(speech_silero, "Gate", Remembering)
    found = heard_by(SileroDetector(RATE), samples)
    windows = (np.arange(len(found)) * 160 + 80) // 512
    assert everywhere[np.isin(windows, left_out)].max() < 0.5
    assert len(left_out) > 0.05 * windows[-1]
    missed = (everywhere >= 0.5) & (found < 0.35)
    assert missed.sum() <= 0.002 * (everywhere >= 0.5).sum()


def test_nothing_is_printed_and_nothing_else_is_loaded():
    code = (
        "import sys, numpy as np; from transforms.speech import open_detector;"
        "open_detector('silero', 8000).push(np.zeros(90000, np.int16));"
        "print(*sorted({m.partition('.')[0] for m in sys.modules} & {'apache_beam', 'onnxruntime', 'torch'}))"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
    assert (done.stdout.strip(), done.stderr) == ("", "")
