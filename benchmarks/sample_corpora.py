"""Made-up corpora of recordings: sizes, kinds, and what reading each of them would find."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

_SEGMENT_SECONDS = 57.0
_LEAST_SPEECH_SECONDS = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class Corpus:
    """What a listing tells of each recording, and behind it what only reading tells.

    Attributes:
        sizes: bytes; NaN where nobody knows.
        kinds: a number for each format.
        seconds: of sound.
        speech_seconds: of it.
        segments: into which it is cut.
        calls: of these that have to be paid for.
    """

    sizes: Numbers
    kinds: NDArray[np.int64]
    seconds: Numbers
    speech_seconds: Numbers
    segments: Numbers
    calls: Numbers


def _corpus(
    chance: np.random.Generator,
    seconds: Numbers,
    bytes_per_second: Numbers | float = 32_000.0,
    *,
    kinds: NDArray[np.int64] | None = None,
    speech: tuple[float, float] = (6, 2),
    empty: float = 0.02,
    paid: float = 0.0,
) -> Corpus:
    count = len(seconds)
    shares = np.where(chance.random(count) < empty, 0.0, chance.beta(*speech, count))
    spoken = seconds * shares
    segments = np.where(spoken <= _LEAST_SPEECH_SECONDS, 0.0, np.ceil(spoken / _SEGMENT_SECONDS))
    return Corpus(
        sizes=np.round(seconds * bytes_per_second) + 44,
        kinds=np.zeros(count, dtype=np.int64) if kinds is None else kinds,
        seconds=seconds,
        speech_seconds=spoken,
        segments=segments,
        calls=np.where(chance.random(count) < paid, 0.0, segments),
    )


def _log_normal(chance: np.random.Generator, count: int) -> Corpus:
    return _corpus(chance, chance.lognormal(4, 1.3, count))


def _mixed_formats(chance: np.random.Generator, count: int) -> Corpus:
    kinds = chance.integers(0, 3, count)
    # wav, mp3 and opus; the bit rates of the last two differ from file to file.
    rate = np.array([32_000.0, 8000.0, 4000.0])[kinds]
    rate = rate * np.where(kinds == 0, 1.0, chance.lognormal(0, 0.25, count))
    return _corpus(chance, chance.lognormal(4.5, 1, count), rate, kinds=kinds, speech=(4, 2), empty=0.05)


def _minutes_and_hours(chance: np.random.Generator, count: int) -> Corpus:
    minutes, hours = chance.uniform(20, 80, count), chance.uniform(3000, 4200, count)
    return _corpus(chance, np.where(chance.random(count) < 0.03, hours, minutes))


def _few_hours_among_clips(chance: np.random.Generator, count: int) -> Corpus:
    clips, hours = chance.uniform(2, 12, count), chance.uniform(3000, 20_000, count)
    return _corpus(chance, np.where(chance.random(count) < 0.002, hours, clips))


def _mostly_silence(chance: np.random.Generator, count: int) -> Corpus:
    return _corpus(chance, chance.lognormal(5, 1, count), speech=(1, 5), empty=0.4)


def _clips(chance: np.random.Generator, count: int) -> Corpus:
    return _corpus(chance, chance.uniform(2, 12, count), speech=(8, 2), empty=0.01)


def _heavy_tail(chance: np.random.Generator, count: int) -> Corpus:
    return _corpus(chance, 20 * (chance.pareto(1.1, count) + 1))


def _unequal_wav(chance: np.random.Generator, count: int) -> Corpus:
    """One ending, bytes per second from 8 kHz mu-law to 48 kHz stereo."""
    rate = chance.choice([8000.0, 32_000.0, 176_400.0, 192_000.0], count, p=[0.1, 0.3, 0.3, 0.3])
    return _corpus(chance, chance.lognormal(4, 1.2, count), rate)


def _rare_telephone(chance: np.random.Generator, count: int) -> Corpus:
    rate = chance.choice([8000.0, 192_000.0], count, p=[0.03, 0.97])
    return _corpus(chance, chance.lognormal(4, 1, count), rate)


def _duplicates(chance: np.random.Generator, count: int) -> Corpus:
    """Copies of copies: each call is divided by the number of its recording's copies."""
    copies = np.minimum(chance.zipf(1.8, count), count // 20)
    original = np.repeat(np.arange(count), copies)[:count]
    once = _corpus(chance, chance.lognormal(4, 1, count))
    times = np.bincount(original, minlength=count)[original]
    return Corpus(
        once.sizes[original],
        once.kinds[original],
        once.seconds[original],
        once.speech_seconds[original],
        once.segments[original],
        once.calls[original] / times,
    )


def _mostly_paid(chance: np.random.Generator, count: int) -> Corpus:
    return _corpus(chance, chance.lognormal(4, 1.2, count), paid=0.9)


def _no_sizes(chance: np.random.Generator, count: int) -> Corpus:
    known = _corpus(chance, chance.lognormal(4, 1, count))
    nobody = np.full(count, np.nan)
    return Corpus(nobody, known.kinds, known.seconds, known.speech_seconds, known.segments, known.calls)


CORPORA: dict[str, Callable[[np.random.Generator, int], Corpus]] = {
    "log-normal": _log_normal,
    "wav, mp3 and opus": _mixed_formats,
    "minutes and hours": _minutes_and_hours,
    "a few hours among clips": _few_hours_among_clips,
    "mostly silence": _mostly_silence,
    "clips only": _clips,
    "heavy tail": _heavy_tail,
    "wav of many rates": _unequal_wav,
    "few telephone lines": _rare_telephone,
    "copies of copies": _duplicates,
    "nine of ten paid": _mostly_paid,
    "no sizes known": _no_sizes,
}
"""By name; each takes chance and the number of recordings."""
