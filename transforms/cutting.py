"""Cuts the blocks of a channel: `cuts` and `speech` applied to AudioSegments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from transforms.cuts import CutPlanner, CutPolicy, frame_energies
from transforms.hold import HeldSound, Hold
from transforms.records import PlannedSegment
from transforms.sound import AudioSegment
from transforms.speech import open_detector
from transforms.speech_chapters import SpeechDetector
from transforms.speech_frames import SpeechFrames


class Cutter:
    """Cuts one channel as its blocks come, and holds its sound.

    Args:
        policy: the limits.
        detector: tells speech from silence; it has heard nothing yet.

    Attributes:
        segments: what it was cut into so far, in order; all of it after `finish`.
        total_samples: how much of it has come.
        hold: its sound.
    """

    def __init__(self, policy: CutPolicy, detector: SpeechDetector) -> None:
        self._frame_samples = policy.frame_samples
        self._planner = CutPlanner(policy)
        self._detector = detector
        self._unmeasured: NDArray[np.int16] = np.empty(0, np.int16)  # less than a frame
        # Of the frames that the planner has not seen: the detector may lag behind the levels.
        self._energies: NDArray[np.float64] = np.empty(0, np.float64)
        self._speech: NDArray[np.float32] = np.empty(0, np.float32)
        self.segments: list[PlannedSegment] = []
        self.total_samples = 0
        self.hold = Hold()

    @property
    def speech_samples(self) -> int:
        """How much of it is taken for speech so far."""
        return self._planner.speech_samples

    @property
    def speech(self) -> SpeechFrames:
        """Which frames are taken for speech; all of them after `finish`."""
        return self._planner.speech

    def push(self, audio: AudioSegment) -> None:
        """Take the next block, 16-bit mono.

        Raises:
            OSError: the temporary folder is full (ENOSPC) or not writable.
        """
        self.hold.write(audio.raw_data)
        samples = np.frombuffer(audio.raw_data, dtype=np.int16)
        self.total_samples += len(samples)
        heard = np.concatenate((self._unmeasured, samples))
        energies = frame_energies(heard, self._frame_samples)
        self._unmeasured = heard[len(energies) * self._frame_samples :]
        self._energies = np.concatenate((self._energies, energies))
        self._plan(self._detector.push(samples))

    def finish(self) -> None:
        """Cut what remains when the channel has ended."""
        self._plan(self._detector.finish())
        assert not len(self._energies), "a detector tells of every frame in the end"
        self.segments += self._planner.finish(self.total_samples)

    def _plan(self, speech: NDArray[np.float32]) -> None:
        """Give the planner the frames of which both level and speech are known."""
        self._speech = np.concatenate((self._speech, speech))
        known = min(len(self._speech), len(self._energies))
        self.segments += self._planner.push(self._speech[:known], self._energies[:known])
        self._speech = self._speech[known:]
        self._energies = self._energies[known:]


def cut(
    blocks: Iterable[AudioSegment], policy: CutPolicy, *, detector: str = "silero"
) -> Iterator[tuple[PlannedSegment, AudioSegment]]:
    """Cut the blocks of one channel, 16-bit mono at one rate.

    The same blocks in other sizes give the same segments. Without speech there are none,
    unless the policy keeps silence.

    Args:
        blocks: the channel, in order.
        policy: the limits, made for its rate.
        detector: what tells speech from silence, one of `speech.DETECTORS`.

    Raises:
        OSError: the temporary folder is full or not writable.
    """
    cutter: Cutter | None = None
    sample_rate = 0
    for block in blocks:
        if cutter is None:
            sample_rate = block.frame_rate
            cutter = Cutter(policy, open_detector(detector, sample_rate))
        cutter.push(block)
    if cutter is None:
        return
    cutter.finish()
    for planned in cutter.segments:
        yield planned, HeldSound(cutter.hold, planned.sent, sample_rate).load()
