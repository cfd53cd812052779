"""Recordings made for a test, and what the local service hears in them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.service.recognizers import digest_text
from tests.transforms.media_files import sound_file

RATE = 16_000


def chatter(seconds: float, seed: int = 0, rate: int = RATE) -> NDArray[np.int16]:
    """Noise in bursts of half a second, as loud and quiet as speech; never silent."""
    random = np.random.default_rng(seed)
    length = round(seconds * rate)
    loudness = np.repeat(random.uniform(50, 5000, length // (rate // 2) + 1), rate // 2)[:length]
    samples = np.rint(random.standard_normal(length) * loudness)
    return np.clip(samples, -32767, 32767).astype(np.int16)


def write_wav(path: Path, samples: NDArray[np.int16], rate: int = RATE) -> Path:
    path.write_bytes(sound_file(samples, rate, subtype="PCM_16"))
    return path


def some_wavs(folder: Path, count: int, seconds: float = 1.0) -> Path:
    """A folder of short recordings that all differ."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        write_wav(folder / f"{number:03}.wav", chatter(seconds, seed=number))
    return folder


def heard(samples: NDArray[np.int16]) -> str:
    """What the digest recognizer makes of exactly these samples, sent as wav or pcm."""
    return digest_text(hashlib.sha256(samples.astype("<i2").tobytes()).hexdigest())
