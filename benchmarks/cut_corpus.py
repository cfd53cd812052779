"""Long recordings of which every word is known: speech joined with known pauses, under noise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import soxr
from numpy.typing import NDArray

from benchmarks.corpus import SAMPLE_RATE
from benchmarks.cut_speech import Floats, Spoken, Words

PAUSES_SECONDS = (0.05, 3.0)
"""Bounds of the pauses between utterances: short ones as frequent as long ones (log-uniform)."""

# Each utterance is spoken anew, that much slower or faster: no two are alike.
_SPEEDS = (0.92, 1.08)
_SPEECH_DBFS = -26.0  # of the words, the usual level of telephony
_ROOM_DBFS = -70.0
# What is kept of a recording's own sound before its first and behind its last word.
_CONTEXT_SECONDS = 0.1
_FADE_SECONDS = 0.02
_SPLICE_SECONDS = 0.003


@dataclass(frozen=True, slots=True)
class Joined:
    """A long recording and its words.

    Attributes:
        samples: at `SAMPLE_RATE`, shape ``(samples,)``, in [-1, 1].
        words: where its words are, in order.
    """

    samples: Floats
    words: Words


def join(speech: Sequence[Spoken], seconds: float, seed: int) -> Joined:
    """Utterances in random order with random pauses between them, in a quiet room.

    Args:
        speech: each recording is an utterance, with the pauses inside it.
        seconds: the result is no longer.
        seed: another one gives another order, other pauses and speeds.
    """
    random = np.random.default_rng(seed)
    length = round(seconds * SAMPLE_RATE)
    samples = _room(length, random)
    context = round(_CONTEXT_SECONDS * SAMPLE_RATE)
    words: list[Words] = []
    pause = _pause(random)
    at = pause  # where the next word begins
    for utterance in _utterances(speech, random):
        first, last = utterance.words[0, 0], utterance.words[-1, 1]
        if at + last - first >= length:
            break
        next_pause = _pause(random)
        lead = min(context, pause // 2, first)
        tail = min(context, next_pause // 2, len(utterance.samples) - last, length - (at + last - first))
        sound = _faded(utterance.samples[first - lead : last + tail], lead, tail)
        samples[at - lead : at - lead + len(sound)] += sound
        words.append(utterance.words - first + at)
        pause, at = next_pause, at + int(last - first) + next_pause
    return Joined(samples, np.concatenate(words))


def butt(speech: Sequence[Spoken], seconds: float, seed: int) -> Joined:
    """Speech without any pause: word upon word, what lay between them is taken out."""
    random = np.random.default_rng(seed)
    length = round(seconds * SAMPLE_RATE)
    samples = _room(length, random)
    splice = round(_SPLICE_SECONDS * SAMPLE_RATE)
    words: list[tuple[int, int]] = []
    at = 0
    for utterance in _utterances(speech, random):
        for start, end in utterance.words:
            if at + end - start > length:
                return Joined(samples[:at], np.array(words, dtype=np.int64))
            samples[at : at + end - start] += _faded(utterance.samples[start:end], splice, splice)
            words.append((at, at + int(end - start)))
            at = words[-1][1]
    raise AssertionError("utterances never end")


def with_noise(joined: Joined, noise: Floats, snr_db: float) -> Joined:
    """The same words under noise.

    Args:
        joined: what is heard through it.
        noise: of any loudness, repeated as often as needed.
        snr_db: power of the words to power of the noise.
    """
    added = np.resize(noise, len(joined.samples))
    power = np.mean(np.square(added, dtype=np.float64))
    gain = np.sqrt(_power_of_words(joined) / power) * 10 ** (-snr_db / 20)
    return Joined(joined.samples + np.float32(gain) * added, joined.words)


def to_pcm(samples: Floats) -> NDArray[np.int16]:
    """16-bit samples, clipped."""
    whole: NDArray[np.int16] = np.clip(np.round(samples * np.float32(32768)), -32768, 32767).astype(np.int16)
    return whole


def _utterances(speech: Sequence[Spoken], random: np.random.Generator) -> Iterator[Spoken]:
    """All of them in a random order, then again in another, without end."""
    while True:
        for number in random.permutation(len(speech)):
            yield _anew(speech[number], float(random.uniform(*_SPEEDS)))


def _anew(spoken: Spoken, speed: float) -> Spoken:
    samples = soxr.resample(spoken.samples, SAMPLE_RATE * speed, SAMPLE_RATE).astype(np.float32)
    words = np.minimum(np.round(spoken.words / speed).astype(np.int64), len(samples))
    gain = 10 ** (_SPEECH_DBFS / 20) / np.sqrt(_power_of_words(Joined(samples, words)))
    return Spoken(spoken.name, samples * np.float32(gain), words, spoken.is_tight)


def _power_of_words(joined: Joined) -> float:
    # The sum of squares until each sample; a word's is the difference of two.
    sums = np.concatenate([[0.0], np.cumsum(np.square(joined.samples, dtype=np.float64))])
    energy = sums[joined.words[:, 1]] - sums[joined.words[:, 0]]
    return float(energy.sum() / np.diff(joined.words, axis=1).sum())


def _pause(random: np.random.Generator) -> int:
    low, high = np.log(PAUSES_SECONDS)
    return round(float(np.exp(random.uniform(low, high))) * SAMPLE_RATE)


def _room(length: int, random: np.random.Generator) -> Floats:
    room: Floats = random.standard_normal(length, dtype=np.float32) * np.float32(10 ** (_ROOM_DBFS / 20))
    return room


def _faded(sound: Floats, lead: int, tail: int) -> Floats:
    """Fade in and out over what lies before and behind the words, no longer than usual."""
    fade = round(_FADE_SECONDS * SAMPLE_RATE)
    envelope = np.ones(len(sound), dtype=np.float32)
    rise, fall = min(lead, fade), min(tail, fade)
    envelope[:rise] = np.linspace(0, 1, rise, endpoint=False, dtype=np.float32)
    envelope[len(sound) - fall :] = np.linspace(1, 0, fall, dtype=np.float32)
    faded: Floats = sound * envelope
    return faded
