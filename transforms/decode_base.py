"""What the decoders have in common: their interface, their blocks, the stream under them."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from transforms.errors import BeamscribeError
from transforms.samples import Samples
from transforms.sniff import Structure

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

# Each costs some Python by itself, and takes memory several times.
BLOCK_SECONDS = 6
# A block of many channels or of a high rate is shorter: 4 MiB of float32.
_BLOCK_VALUES = 1 << 20
_FAILURES = (BeamscribeError, OSError, ValueError)
# What is read at once fits a core's cache while it is checksummed and copied.
_PIECE_BYTES = 256 << 10


class Decoder(Protocol):
    """A recording being decoded.

    Attributes:
        sample_rate: frames per second.
        channels: how many, in the order of the file.
        low_frequency_channel: the index of the subwoofer's channel, if the file says that
            it has one. It holds no speech.
        structure: what the stream is made of, where that can be checked by itself.
        damage: what was missing or broken; None for nothing. Known after the last block.
    """

    sample_rate: int
    channels: int
    low_frequency_channel: int | None
    structure: Structure | None
    damage: str | None

    def blocks(self) -> Iterator[Samples]:
        """The samples, once; a block is good until the next one is asked for, which may take its place."""
        ...


class UndecodableError(Exception):
    """A decoder can make nothing of the stream.

    Args:
        code: which of the codes for recordings (`codes`) it comes to.
        reason: what the decoder said, a clause without a full stop.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class ShieldedStream(io.RawIOBase):
    """A stream that is read from inside a C library.

    An exception cannot pass through the library: libsndfile would take it for the end of
    the file, and a recording would be cut short silently. It is kept, the library sees the
    end, and `check` raises it.

    The stream is moved only when it is read somewhere else: FFmpeg asks for the size before
    every packet of a wav file, by a jump to the end and back, which would empty the buffers
    below each time.

    Args:
        stream: what is read; needs ``read``, ``readinto`` and ``seek``.
        start: what lies before this byte is not shown; positions count from here.
    """

    def __init__(self, stream: BinaryIO, start: int = 0) -> None:
        super().__init__()
        self._stream = cast(io.BufferedIOBase, stream)
        self._start = start
        self._failure: BeamscribeError | OSError | ValueError | None = None
        self._position = 0
        self._size: int | None = None
        self._stream_position: int | None = None

    def readable(self) -> bool:
        """Yes; that and the next are asked for by `io.BufferedReader`."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Up to ``size`` bytes; none at the end and after a failure."""
        data = b""
        try:
            if self._is_in_place():
                data = self._stream.read(size)
        except _FAILURES as error:
            self._failure = error
        self._moved(len(data))
        return data

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill the buffer as far as there are bytes, and say how many there were."""
        view = memoryview(buffer)
        filled = 0
        try:
            if self._is_in_place():
                # Straight into the buffer: by way of `read` it would be copied twice more.
                while size := self._stream.readinto(view[filled : filled + _PIECE_BYTES]):
                    filled += size
        except _FAILURES as error:
            self._failure = error
        self._moved(filled)
        return filled

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move, and say where to."""
        start = 0
        if whence == os.SEEK_CUR:
            start = self._position
        elif whence == os.SEEK_END:
            start = self._end()
        self._position = max(0, start + offset)
        return self._position

    def tell(self) -> int:
        """Where the next byte is read."""
        return self._position

    def check(self) -> None:
        """Raise what the stream raised since it was opened, if anything."""
        if self._failure is not None:
            raise self._failure

    def _is_in_place(self) -> bool:
        """Move the stream to where the next byte is read; whether there can be one."""
        # A size in a damaged header leads beyond what any file system can name.
        if self._failure is not None or self._start + self._position > sys.maxsize:
            return False
        if self._stream_position != self._position:
            self._stream.seek(self._start + self._position)
            self._stream_position = self._position
        return True

    def _moved(self, size: int) -> None:
        self._position += size
        if size:
            self._stream_position = self._position

    def _end(self) -> int:
        if self._size is None:
            try:
                self._size = max(0, self._stream.seek(0, os.SEEK_END) - self._start)
            except _FAILURES as error:
                self._failure = error
                self._size = 0
            self._stream_position = None
        return self._size


def block_frames(sample_rate: int, channels: int) -> int:
    """How many frames a block holds: `BLOCK_SECONDS`, less where that takes too much memory."""
    return max(1, min(BLOCK_SECONDS * sample_rate, _BLOCK_VALUES // channels))


def shortfall(frames: int, claimed_frames: float, sample_rate: int, tolerance_seconds: float) -> str | None:
    """Say that the file claims more than could be decoded; None if it does not."""
    if frames >= claimed_frames - tolerance_seconds * sample_rate:
        return None
    return (
        f"the file announces {claimed_frames / sample_rate:.2f} s of audio, "
        f"{frames / sample_rate:.2f} s could be decoded"
    )


def without_nan(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Replace what is not a number in float samples by silence.

    One such value would spread through the resampler's whole filter.
    """
    # A sum of squares is finite only if all of it is; those of huge values may overflow without harm.
    values = samples.ravel(order="K")
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(np.dot(values, values)):
            return samples
    return np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0)
