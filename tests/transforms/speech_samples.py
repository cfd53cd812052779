from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import soundfile
import soxr

RATE = 16000
LETTER = Path(__file__).resolve().parents[1] / "recordings" / "letter_16k.wav"
REAL_RECORDINGS = Path(__file__).resolve().parents[3] / "shared" / "audio"


@cache
def letter():
    """Ten seconds of speech, 16-bit at 16 kHz."""
    return soundfile.read(LETTER, dtype="int16")[0]


@cache
def real_speech(seconds=90.0):
    """Real recordings with pauses of faint noise between, 16-bit at 16 kHz; None if absent."""
    names = sorted(path for path in REAL_RECORDINGS.glob("*") if path.suffix in (".wav", ".flac"))
    parts = []
    for path in names:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        mono = soxr.resample(samples[: 8 * rate].mean(axis=1), rate, RATE)
        mono *= 0.5 / np.abs(mono).max()
        parts += [mono, noise(len(parts), 3.0, 0.001) / np.float32(32768)]
    if not parts:
        return None
    joined = np.concatenate(parts)[: round(seconds * RATE)]
    return (joined * 32767).astype(np.int16)


def noise(seed, seconds, level, rate=RATE):
    """White noise of a level from 0 to 1, 16-bit."""
    values = np.random.default_rng(seed).standard_normal(round(seconds * rate)) * level * 32768
    return values.clip(-32768, 32767).astype(np.int16)


def tone(frequency, seconds, level, rate=RATE):
    times = np.arange(round(seconds * rate)) / rate
    return (np.sin(2 * np.pi * frequency * times) * level * 32767).astype(np.int16)


def heard_by(detector, samples, sizes=()):
    """All probabilities when the samples come in blocks of these sizes, the last block taking the rest."""
    parts, start = [], 0
    for size in sizes:
        parts.append(detector.push(samples[start : start + size]))
        start += size
    return np.concatenate([*parts, detector.push(samples[start:]), detector.finish()])
