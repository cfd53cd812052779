"""Recordings in which the time of every word is known, and a service that hears it.

A word is a chirp of 40 ms that begins at a certain sample of the recording, in a voice of
noise; a matched filter finds it again to a few microseconds, at any rate, behind any codec.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.service.payload import Audio
from pipeline.service.recognizers import Heard, HeardWord

TICK_SECONDS = 0.04
# Within the band of a telephone, and far above the voice.
_LOW_HERTZ, _HIGH_HERTZ = 500.0, 3000.0
_TICK_LEVEL, _VOICE_LEVEL = 0.5, 0.03
# Syllables: loud and faint in turn, as speech is and noise is not, and never long enough faint for a pause.
_LOUD_SECONDS, _FAINT_SECONDS = 0.3, 0.1
_WAV_HEADER_BYTES = 44


@dataclass(frozen=True)
class Spoken:
    """Phrases of ticks.

    Attributes:
        samples: 16 bits, shape (samples,).
        ticks: at which second each word begins.
        phrases: from which second to which somebody speaks.
    """

    samples: NDArray[np.int16]
    ticks: tuple[float, ...]
    phrases: tuple[tuple[float, float], ...]


def tick(sample_rate: int, offset: float = 0.0) -> NDArray[np.float64]:
    """The sound of a word, which begins ``offset`` samples after the first one, 0 to 1."""
    time = (np.arange(round(TICK_SECONDS * sample_rate) + 1) - offset) / sample_rate
    window = np.where((time >= 0) & (time <= TICK_SECONDS), np.sin(np.pi * time / TICK_SECONDS) ** 2, 0)
    sweep = (_HIGH_HERTZ - _LOW_HERTZ) / (2 * TICK_SECONDS)
    sound: NDArray[np.float64] = window * np.sin(2 * np.pi * (_LOW_HERTZ + sweep * time) * time)
    return sound


def phrases_of_ticks(sample_rate: int, seconds: float, seed: int, *, pauses: bool = True) -> Spoken:
    """Speech from the first sample to the last, with pauses of 0.4 to 4 s in a faint noise or none."""
    random = np.random.default_rng(seed)
    length = round(seconds * sample_rate)
    samples = random.standard_normal(length) * 3e-5
    ticks: list[float] = []
    phrases: list[tuple[float, float]] = []
    start = 0
    while start < length:
        end = start + round(random.uniform(0.8, 5.0) * sample_rate) if pauses else length
        if end + 5 * sample_rate > length:
            end = length
        samples[start:end] += random.standard_normal(end - start) * _loudness(end - start, sample_rate)
        phrases.append((start / sample_rate, end / sample_rate))
        at = start
        while at + round(TICK_SECONDS * sample_rate) + 1 <= end:
            sound = tick(sample_rate)
            samples[at : at + len(sound)] += _TICK_LEVEL * sound
            ticks.append(at / sample_rate)
            at += round(random.uniform(0.25, 1.0) * sample_rate)
        start = end + round(random.uniform(0.4, 4.0) * sample_rate)
    return Spoken((samples * 32767).astype(np.int16), tuple(ticks), tuple(phrases))


def _loudness(length: int, sample_rate: int) -> NDArray[np.float64]:
    time = np.arange(length) / sample_rate
    return np.where(time % (_LOUD_SECONDS + _FAINT_SECONDS) < _LOUD_SECONDS, _VOICE_LEVEL, 0.0)


def seconds_of_ticks(samples: NDArray[np.int16], sample_rate: int) -> list[float]:
    """When the ticks in a sound begin, to fractions of a sample."""
    sought = tick(sample_rate)
    size = 1 << (len(samples) + len(sought)).bit_length()
    spectrum = np.fft.rfft(samples / 32768, size) * np.conj(np.fft.rfft(sought, size))
    fit = np.fft.irfft(spectrum, size) / np.sum(sought**2)
    near = round(TICK_SECONDS * sample_rate)
    found = []
    for place in np.flatnonzero(fit > _TICK_LEVEL / 2):
        around = fit[np.arange(place - near, place + near + 1) % size]
        if fit[place] == around.max():
            before, there, behind = fit[place - 1], fit[place], fit[(place + 1) % size]
            exact = place + 0.5 * (before - behind) / (before - 2 * there + behind)
            found.append((exact if place < size // 2 or exact < len(samples) else exact - size) / sample_rate)
    return sorted(found)


class TickRecognizer:
    """Hears a word in every tick; stands in for a recognizer of the local service."""

    def recognize(self, audio: Audio, payload_sha256: str) -> Heard:
        begun = [max(0.0, second) for second in seconds_of_ticks(audio.samples, audio.sample_rate)]
        words = tuple(
            HeardWord("tick", round(second * 1000), round((second + TICK_SECONDS) * 1000)) for second in begun
        )
        return Heard(" ".join(word.word for word in words), words)

    def close(self) -> None:
        """Holds nothing."""


def sparse_wav(
    path: Path, sample_rate: int, seconds: float, pieces: Iterable[tuple[int, NDArray[np.int16]]]
) -> Path:
    """Hours of digital silence, which take no room on the disk, with pieces of sound in them.

    Args:
        path: is written, 16-bit mono.
        sample_rate: samples per second.
        seconds: length of it all.
        pieces: first sample and sound of each.
    """
    data_bytes = 2 * round(seconds * sample_rate)
    fmt = struct.pack("<HHIIHH", 1, 1, sample_rate, 2 * sample_rate, 2, 16)
    with path.open("wb") as file:
        file.write(b"RIFF" + struct.pack("<I", data_bytes + 36) + b"WAVEfmt " + struct.pack("<I", 16) + fmt)
        file.write(b"data" + struct.pack("<I", data_bytes))
        for start, samples in pieces:
            file.seek(_WAV_HEADER_BYTES + 2 * start)
            file.write(samples.astype("<i2").tobytes())
        file.truncate(_WAV_HEADER_BYTES + data_bytes)
    return path
