"""Holds the sound of a channel back until there is a call for it.

Before its recording has been read to its end nothing may be paid for, and after it the
segments wait for the quota. What waits lies in a temporary file without a name, 115 MB
for an hour at 16 kHz, and takes no memory.
"""

from __future__ import annotations

import io
import os
import resource
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from transforms.records import SampleRange
from transforms.sound import BYTES_PER_SAMPLE, SLICE_SAMPLES, AudioSegment, LoadedSound, sound_of

# Sound so short stays in memory, and its file is closed: 8 s at 16 kHz. Of short recordings
# many wait at once, and each open file would count against the limit of the process.
_SHORT_BYTES = 256 * 1024
# Up to 64 channels of each recording that waits; below what macOS allows at most.
_OPEN_FILES = 8192


class Hold:
    """The normalized sound of one channel, 16-bit mono PCM, from its first sample or a later one on.

    One thread writes it; then any thread may read. Its file is closed when nobody has it
    any more.

    Args:
        file: where it lies, open for reading; None for a new temporary file.
        first_sample: of the channel, with which it begins.

    Raises:
        OSError: there is no place for temporary files.
    """

    def __init__(self, file: io.FileIO | None = None, first_sample: int = 0) -> None:
        if file is None:
            file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - see close
        self._file = file
        self.first_sample = first_sample
        self._pcm: bytes | None = None
        self._closing = weakref.finalize(self, file.close)

    def write(self, pcm: bytes) -> None:
        """Keep what follows.

        Raises:
            OSError: the temporary folder is full (ENOSPC) or not writable.
        """
        left = memoryview(pcm)
        while left:
            left = left[self._file.write(left) :]

    def settle(self) -> None:
        """All is written: short sound moves into memory. Safe to repeat."""
        if self._pcm is not None:
            return
        size = os.fstat(self._file.fileno()).st_size
        if size <= _SHORT_BYTES:
            self._pcm = self._read(0, size)
            self.close()

    @property
    def end_sample(self) -> int:
        """The first sample of the channel behind what has been written."""
        size = os.fstat(self._file.fileno()).st_size if self._pcm is None else len(self._pcm)
        return self.first_sample + size // BYTES_PER_SAMPLE

    def read(self, wanted: SampleRange) -> bytes:
        """The sound of a range; shorter where the channel ends in it."""
        start = (wanted.start_sample - self.first_sample) * BYTES_PER_SAMPLE
        size = wanted.samples * BYTES_PER_SAMPLE
        return self._read(start, size) if self._pcm is None else self._pcm[start : start + size]

    def fileno(self) -> int:
        """The descriptor of its file, by which another process can have it."""
        return self._file.fileno()

    def close(self) -> None:
        """Let the file go."""
        self._closing()

    def _read(self, start: int, size: int) -> bytes:
        # pread moves no position that threads would share.
        return os.pread(self._file.fileno(), size, start)


@dataclass(frozen=True, slots=True)
class HeldSound:
    """A `sound.Sound` that lies in a hold.

    Attributes:
        hold: the sound of its channel.
        pieces: which parts of it are joined, in order.
        sample_rate: samples per second.
    """

    hold: Hold
    pieces: tuple[SampleRange, ...]
    sample_rate: int

    @property
    def samples(self) -> int:
        """How long it is: as much of the pieces as is there."""
        return sum(piece.samples for piece in self._present())

    def slices(self) -> Iterator[bytes]:
        """The pieces, read little by little as they are asked for. Any thread may ask.

        Raises:
            OSError: the temporary file cannot be read.
        """
        for piece in self._present():
            for start in range(piece.start_sample, piece.end_sample, SLICE_SAMPLES):
                yield self.hold.read(SampleRange(start, min(start + SLICE_SAMPLES, piece.end_sample)))

    def _present(self) -> Iterator[SampleRange]:
        # Cuts of an earlier version may reach a little beyond what is decoded now.
        end = self.hold.end_sample
        for piece in self.pieces:
            if piece.start_sample < end:
                yield SampleRange(piece.start_sample, min(piece.end_sample, end))

    def load(self) -> AudioSegment:
        """The pieces, joined. Any thread may ask.

        Raises:
            OSError: the temporary file cannot be read.
        """
        return sound_of(joined(self.hold, self.pieces), self.sample_rate)

    def __reduce__(self) -> tuple[type[LoadedSound], tuple[AudioSegment]]:
        """Pickled with its sound, as Beam does now and then to learn the size of what has no type."""
        return LoadedSound, (self.load(),)


def joined(hold: Hold, pieces: Sequence[SampleRange]) -> bytes:
    """The PCM of some ranges of a channel, one behind the other."""
    return b"".join(map(hold.read, pieces))


def allow_many_files() -> None:
    """Let this process hold as many files open as its hard limit allows, within reason.

    Every channel that waits is an open file, and the usual soft limit is 1,024, on macOS 256.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
