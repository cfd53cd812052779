"""Speech by Silero VAD, as blocks of a stream come."""

from __future__ import annotations

from functools import cache
from importlib import resources

import numpy as np
import soxr
from numpy.typing import NDArray

from transforms.onnx_weights import float_weights
from transforms.speech_gate import LONGEST_REST, SILENT_WINDOWS, Gate, window_levels
from transforms.speech_network import (
    CONTEXT_SAMPLES,
    SAMPLE_RATE,
    WINDOW_SAMPLES,
    NetworkState,
    SpeechNetwork,
)

MODEL = "silero_vad_16k_sequence.onnx"
_FRAME_SAMPLES = SAMPLE_RATE // 100
# The network always runs over so many windows (2 s): its answers then depend on nothing but the
# samples. More would take memory and save nothing.
_BATCH_WINDOWS = 64


@cache
def silero_network() -> SpeechNetwork:
    """The network, loaded once a process."""
    model = resources.files("transforms.models").joinpath(MODEL).read_bytes()
    return SpeechNetwork(float_weights(model))


class SileroDetector:
    """Probabilities of speech for each 10 ms of one channel, about 2 s behind its samples.

    A frame has the probability of the window of 32 ms that its middle lies in. Windows that the
    `Gate` leaves out have that of the last one before them.

    Args:
        sample_rate: of the samples to come, 16000 or 8000.

    Attributes:
        looked_windows: how many windows the network has run over.
    """

    def __init__(self, sample_rate: int) -> None:
        self._network = silero_network()
        self._state = NetworkState.fresh()
        self._gate = Gate()
        self._resampler = None
        if sample_rate != SAMPLE_RATE:
            self._resampler = soxr.ResampleStream(sample_rate, SAMPLE_RATE, 1, dtype="float32", quality="HQ")
        self._frame_samples = sample_rate // 100
        self._total_samples = 0
        self._heard = np.zeros(CONTEXT_SAMPLES, np.float32)  # the next window and what is before it
        self._windows = 0
        self._frames = 0
        self._last = np.zeros(1, np.float32)  # of the last window that is known
        self.looked_windows = 0

    def push(self, samples: NDArray[np.int16]) -> NDArray[np.float32]:
        """Take the next block; the probabilities of the next frames, as far as they are known."""
        self._total_samples += len(samples)
        sound = samples * np.float32(1 / 32768)
        return self._listen(self._resampler.resample_chunk(sound) if self._resampler else sound)

    def finish(self) -> NDArray[np.float32]:
        """The rest: in all, as many as there were whole frames."""
        left = self._total_samples // self._frame_samples - self._frames
        found = np.zeros(0, np.float32)
        if self._resampler:
            found = self._listen(self._resampler.resample_chunk(found, last=True))
        silence = np.zeros(_BATCH_WINDOWS * WINDOW_SAMPLES, np.float32)
        while len(found) < left:
            found = np.concatenate([found, self._listen(silence)])
        return found[:left]

    def _listen(self, sound: NDArray[np.float32]) -> NDArray[np.float32]:
        self._heard = np.concatenate([self._heard, sound])
        whole = (len(self._heard) - CONTEXT_SAMPLES) // WINDOW_SAMPLES
        windows = self._heard[CONTEXT_SAMPLES:][: whole * WINDOW_SAMPLES].reshape(whole, WINDOW_SAMPLES)
        known = [self._last]
        place = 0
        while self._gate.resting or whole - place >= _BATCH_WINDOWS:
            if self._gate.resting:
                spared = self._gate.rest(window_levels(windows[place : place + LONGEST_REST + 1]))
                known.append(np.full(spared, self._last))
                place += spared
                if self._gate.resting:
                    break
            else:
                known.append(self._look(place))
                place += _BATCH_WINDOWS
                self._last = known[-1][-1:]
                judged = slice(place - SILENT_WINDOWS, place)
                self._gate.looked(known[-1][-SILENT_WINDOWS:], window_levels(windows[judged]))
        self._heard = self._heard[place * WINDOW_SAMPLES :]
        return self._by_frame(np.concatenate(known))

    def _look(self, place: int) -> NDArray[np.float32]:
        """Run the network over the next batch, ``place`` windows behind the first that is held."""
        end = (place + _BATCH_WINDOWS) * WINDOW_SAMPLES + CONTEXT_SAMPLES
        heard = self._heard[place * WINDOW_SAMPLES : end]
        probabilities, self._state = self._network.run(heard, self._state)
        self.looked_windows += _BATCH_WINDOWS
        return probabilities

    def _by_frame(self, known: NDArray[np.float32]) -> NDArray[np.float32]:
        """Those of the frames that have become known, given the last window's and the new ones."""
        before = self._windows - 1
        self._windows += len(known) - 1
        frames = np.arange(self._frames, self._windows * WINDOW_SAMPLES // _FRAME_SAMPLES)
        self._frames += len(frames)
        return known[(frames * _FRAME_SAMPLES + _FRAME_SAMPLES // 2) // WINDOW_SAMPLES - before]
