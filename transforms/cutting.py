"""Cuts the blocks of a channel: `cuts` applied to AudioSegments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from transforms.cuts import CutPlanner, CutPolicy, SampleRange, frame_energies
from transforms.hold import Hold
from transforms.sound import AudioSegment, sound_of


class Cutter:
    """Cuts one channel as its blocks come, and holds its sound.

    Attributes:
        ranges: what it was cut into so far, in order; all of it after `finish`.
        total_samples: how much of it has come.
        hold: its sound.
    """

    def __init__(self, policy: CutPolicy) -> None:
        self._policy = policy
        self._planner = CutPlanner(policy)
        self._unmeasured = np.empty(0, dtype=np.int16)  # less than a frame
        self.ranges: list[SampleRange] = []
        self.total_samples = 0
        self.hold = Hold()

    def push(self, audio: AudioSegment) -> None:
        """Take the next block, 16-bit mono.

        Raises:
            OSError: the temporary folder is full (ENOSPC) or not writable.
        """
        self.hold.write(audio.raw_data)
        samples = np.frombuffer(audio.raw_data, dtype=np.int16)
        self.total_samples += len(samples)
        heard = np.concatenate([self._unmeasured, samples])
        energies = frame_energies(heard, self._policy.frame_samples)
        self._unmeasured = heard[len(energies) * self._policy.frame_samples :]
        self.ranges += self._planner.push(energies)

    def finish(self) -> None:
        """Cut what remains when the channel has ended."""
        self.ranges += self._planner.finish(self.total_samples)


def cut(blocks: Iterable[AudioSegment], policy: CutPolicy) -> Iterator[tuple[SampleRange, AudioSegment]]:
    """Cut the blocks of one channel, 16-bit mono at one rate, into pieces that tile it.

    The same blocks in other sizes give the same pieces.
    """
    cutter = Cutter(policy)
    sample_rate = 0
    for block in blocks:
        sample_rate = block.frame_rate
        cutter.push(block)
    cutter.finish()
    for found in cutter.ranges:
        yield found, sound_of(cutter.hold.read(found), sample_rate)
    cutter.hold.close()
