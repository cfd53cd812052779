"""How a segment sounds, in numbers by which poor ones can be left out. Pure."""

from __future__ import annotations

import math

import numpy as np

from transforms.records import Quality
from transforms.sound import Sound

SILENCE_DBFS = -100.0
"""The level of digital silence, and of what is softer still."""

_FULL_SCALE = 32768


def quality_of(sound: Sound, speech_samples: int | None = None) -> Quality:
    """Measure a segment.

    Its level is the root of the mean square over all of it, pauses included, in decibels of full
    scale: 0 is a square wave as loud as 16 bits can be, a sine is 3 less. Clipped are the
    samples at either end of the range. Where there are no samples it is silent.

    Args:
        sound: of the segment.
        speech_samples: how much of it is taken for speech; None if nobody looked.
    """
    samples = squares = clipped = 0
    for pcm in sound.slices():
        piece = np.frombuffer(pcm, "<i2")
        samples += len(piece)
        squares += int(np.einsum("i,i->", piece, piece, dtype=np.int64))
        clipped += np.count_nonzero((piece == _FULL_SCALE - 1) | (piece == -_FULL_SCALE))
    level = SILENCE_DBFS
    if squares:
        mean = squares / samples / _FULL_SCALE**2
        level = max(SILENCE_DBFS, round(10 * math.log10(mean), 2))
    return Quality(speech_samples, level, clipped / max(1, samples))
