"""Cuts the blocks of a channel into pieces: `cuts` applied to AudioSegments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from transforms.cuts import CutPlanner, CutPolicy, SampleRange, frame_energies
from transforms.sound import AudioSegment, sound_of

BYTES_PER_SAMPLE = 2


@dataclass(frozen=True, slots=True)
class Piece:
    """A range of a channel and its sound, 16-bit mono PCM."""

    range: SampleRange
    pcm: bytes = field(repr=False)


class Cutter:
    """Cuts one channel as its blocks come, holding at most one window of sound."""

    def __init__(self, policy: CutPolicy) -> None:
        self._policy = policy
        self._planner = CutPlanner(policy)
        self._pcm = bytearray()  # since the last cut
        self._unmeasured = np.empty(0, dtype=np.int16)  # less than a frame
        self.total_samples = 0

    def push(self, audio: AudioSegment) -> Iterator[Piece]:
        """Take the next block, 16-bit mono; the pieces that are decided by it."""
        samples = np.frombuffer(audio.raw_data, dtype=np.int16)
        self.total_samples += len(samples)
        self._pcm += audio.raw_data
        heard = np.concatenate([self._unmeasured, samples])
        energies = frame_energies(heard, self._policy.frame_samples)
        self._unmeasured = heard[len(energies) * self._policy.frame_samples :]
        yield from self._take(self._planner.push(energies))

    def finish(self) -> Iterator[Piece]:
        """The pieces that remain when the channel has ended."""
        yield from self._take(self._planner.finish(self.total_samples))

    def _take(self, ranges: list[SampleRange]) -> Iterator[Piece]:
        for decided in ranges:
            size = decided.samples * BYTES_PER_SAMPLE
            pcm = bytes(self._pcm[:size])
            del self._pcm[:size]
            yield Piece(decided, pcm)


def cut(blocks: Iterable[AudioSegment], policy: CutPolicy) -> Iterator[tuple[SampleRange, AudioSegment]]:
    """Cut the blocks of one channel, 16-bit mono at one rate, into pieces that tile it.

    The same blocks in other sizes give the same pieces.
    """
    cutter = Cutter(policy)
    sample_rate = 0
    for block in blocks:
        sample_rate = block.frame_rate
        for piece in cutter.push(block):
            yield piece.range, sound_of(piece.pcm, sample_rate)
    for piece in cutter.finish():
        yield piece.range, sound_of(piece.pcm, sample_rate)
