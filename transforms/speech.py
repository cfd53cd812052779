"""Where there is speech: the detectors that a configuration can name."""

from __future__ import annotations

from functools import partial
from typing import Final

from transforms.speech_chapters import ChapterDetector, SpeechDetector, chapter_detector
from transforms.speech_energy import EnergyDetector
from transforms.speech_silero import SileroDetector

DETECTORS: Final = ("silero", "energy")


def open_detector(name: str, sample_rate: int) -> SpeechDetector:
    """A detector for one channel, of any length.

    Args:
        name: one of `DETECTORS`. ``silero`` finds speech in noise and tells it from other sounds;
            ``energy`` takes a third of its CPU time and no model.
        sample_rate: 16000 or 8000.

    Raises:
        ValueError: there is no such detector, or it does not know the rate.
    """
    _check(name, sample_rate)
    return ChapterDetector(partial(_open_one, name, sample_rate), sample_rate)


def open_chapter_detector(name: str, sample_rate: int, *, is_first: bool) -> SpeechDetector:
    """What `open_detector` has for one chapter; see `speech_chapters.chapter_detector`.

    Raises:
        ValueError: as `open_detector`.
    """
    _check(name, sample_rate)
    return chapter_detector(_open_one(name, sample_rate), is_first=is_first)


def _open_one(name: str, sample_rate: int) -> SpeechDetector:
    return SileroDetector(sample_rate) if name == "silero" else EnergyDetector(sample_rate)


def _check(name: str, sample_rate: int) -> None:
    if sample_rate not in (8000, 16000):
        raise ValueError(
            f"speech is detected at 8000 or 16000 Hz, not at {sample_rate}: normalize the audio first"
        )
    if name not in DETECTORS:
        raise ValueError(f"there is no speech detector {name!r}, only {' and '.join(DETECTORS)}")
