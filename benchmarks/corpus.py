"""Recordings to measure with: the shipped speech, never twice the same.

Every recording differs from every other in all of its pieces, so that nothing is saved
by recognizing what was heard before.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile
from numpy.typing import NDArray

from transforms.chosen import ChannelChoice
from transforms.normalize import normalize

SAMPLE_RATE = 16_000
"""Samples per second of all that is made here, mono."""

RECORDINGS = Path(__file__).resolve().parent.parent / "tests" / "recordings"

_SPEECH = ("letter_16k.wav", "restaurant_44k.mp3", "city_48k_long.mp3")
# As loud as the noise of a quiet room, in steps of 16 bits.
_NOISE = 4.0


@cache
def speech() -> NDArray[np.int16]:
    """Some of the shipped recordings one after the other, shape ``(samples,)``."""
    parts = []
    for name in _SPEECH:
        with (RECORDINGS / name).open("rb") as stream:
            blocks = normalize(stream, name=name, sample_rate=SAMPLE_RATE, channels=ChannelChoice.mix())
            parts += [np.frombuffer(block.audio.raw_data, np.int16) for block in blocks]
    return np.concatenate(parts)


def sound(seconds: float, seed: int) -> NDArray[np.int16]:
    """Speech of any length under noise of its own, shape ``(samples,)``.

    Args:
        seconds: its length.
        seed: another one gives another sound everywhere.
    """
    random = np.random.default_rng(seed)
    length = round(seconds * SAMPLE_RATE)
    begun = np.roll(speech(), -int(random.integers(len(speech()))))
    noise = random.standard_normal(length, dtype=np.float32) * np.float32(_NOISE)
    mixed = np.resize(begun, length) + noise
    clipped: NDArray[np.int16] = np.clip(mixed, -32768, 32767).astype(np.int16)
    return clipped


def make_recordings(
    folder: Path, count: int, seconds: float, *, kind: Literal["wav", "flac"] = "wav"
) -> None:
    """Write recordings into a new folder, 16-bit mono.

    Args:
        folder: is made.
        count: how many.
        seconds: the length of each.
        kind: flac takes a third of the disk.
    """
    folder.mkdir(parents=True)
    for number in range(count):
        path = folder / f"recording-{number:06d}.{kind}"
        with soundfile.SoundFile(path, "w", SAMPLE_RATE, 1, "PCM_16") as file:
            # By the minute: hours need not fit into memory.
            for minute, start in enumerate(np.arange(0.0, seconds, 60.0)):
                file.write(sound(min(60.0, seconds - start), seed=number * 1000 + minute))
