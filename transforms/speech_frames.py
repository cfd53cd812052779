"""Which frames of a channel are speech, a bit for each: 45 KB for an hour. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transforms.records import SampleRange


@dataclass(frozen=True, slots=True)
class SpeechFrames:
    """Which frames of a channel are speech.

    Attributes:
        frame_samples: the length of a frame.
        bits: of the first eight frames, the next eight and so on; the first one of them is
            the highest bit. What lies behind them is none.
    """

    frame_samples: int
    bits: bytes

    def samples_in(self, part: SampleRange) -> int:
        """How many samples of a part of the channel are speech."""
        size = self.frame_samples
        first = part.start_sample // size
        end = -(-part.end_sample // size)
        packed = np.frombuffer(self.bits, np.uint8)[first // 8 : -(-end // 8)]
        speech = np.flatnonzero(np.unpackbits(packed)[first % 8 :][: end - first]) + first
        starts = np.maximum(speech * size, part.start_sample)
        ends = np.minimum((speech + 1) * size, part.end_sample)
        return int((ends - starts).sum())


class SpeechCollector:
    """Takes the frames of a channel as they come.

    Args:
        frame_samples: the length of a frame.
    """

    def __init__(self, frame_samples: int) -> None:
        self._frame_samples = frame_samples
        self._bits = bytearray()
        self._left: NDArray[np.bool_] = np.zeros(0, np.bool_)  # less than a byte

    def push(self, is_speech: NDArray[np.bool_]) -> None:
        """Take the next frames, shape ``(frames,)``."""
        frames = np.concatenate((self._left, is_speech))
        whole = len(frames) // 8 * 8
        self._bits += np.packbits(frames[:whole]).tobytes()
        self._left = frames[whole:]

    def collected(self) -> SpeechFrames:
        """All that came."""
        return SpeechFrames(self._frame_samples, bytes(self._bits) + np.packbits(self._left).tobytes())
