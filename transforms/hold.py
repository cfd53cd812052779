"""Holds the sound of a channel back until its recording has been read to its end.

Only then are its checksum and its soundness known, and only then may a call be
paid for. Short recordings stay in memory, longer ones go to an anonymous
temporary file: 115 MB for an hour at 16 kHz.
"""

from __future__ import annotations

import tempfile

from transforms.cuts import SampleRange

BYTES_PER_SAMPLE = 2

_MEMORY_BYTES = 4 * 2**20


class Hold:
    """The normalized sound of one channel, 16-bit mono PCM, from its first sample on."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_MEMORY_BYTES)  # noqa: SIM115 - see close
        self._end_byte = 0

    def write(self, pcm: bytes) -> None:
        """Keep what follows.

        Raises:
            OSError: the temporary folder is full (ENOSPC) or not writable.
        """
        self._file.seek(self._end_byte)
        self._file.write(pcm)
        self._end_byte += len(pcm)

    def read(self, wanted: SampleRange) -> bytes:
        """The sound of a range; shorter where the channel ends in it."""
        self._file.seek(wanted.start_sample * BYTES_PER_SAMPLE)
        return self._file.read(wanted.samples * BYTES_PER_SAMPLE)

    def close(self) -> None:
        """Let it go."""
        self._file.close()
