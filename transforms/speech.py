"""Where there is speech: the detectors that a configuration can name."""

from __future__ import annotations

from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from transforms.speech_energy import EnergyDetector
from transforms.speech_silero import SileroDetector

DETECTORS: Final = ("silero", "energy")


class SpeechDetector(Protocol):
    """Listens to one channel as its blocks come.

    The same samples in other blocks give the same probabilities.
    """

    def push(self, samples: NDArray[np.int16]) -> NDArray[np.float32]:
        """Take the next block, of any length.

        Args:
            samples: 16-bit mono at the rate that the detector was opened for.

        Returns:
            The probabilities, in [0, 1], of the next frames of 10 ms, as far as they are known.
        """
        ...

    def finish(self) -> NDArray[np.float32]:
        """The rest, when the channel has ended: in all, as many as it has whole frames."""
        ...


def open_detector(name: str, sample_rate: int) -> SpeechDetector:
    """A detector for one channel.

    Args:
        name: one of `DETECTORS`. ``silero`` finds speech in noise and tells it from other sounds;
            ``energy`` takes a third of its CPU time and no model.
        sample_rate: 16000 or 8000.

    Raises:
        ValueError: there is no such detector, or it does not know the rate.
    """
    if sample_rate not in (8000, 16000):
        raise ValueError(
            f"speech is detected at 8000 or 16000 Hz, not at {sample_rate}: normalize the audio first"
        )
    if name == "silero":
        return SileroDetector(sample_rate)
    if name == "energy":
        return EnergyDetector(sample_rate)
    raise ValueError(f"there is no speech detector {name!r}, only {' and '.join(DETECTORS)}")
