"""Decoding by libsndfile: wav, flac, mp3, aiff, au, w64, caf, RF64."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from transforms import codes
from transforms.decode_base import (
    ShieldedStream,
    UndecodableError,
    block_frames,
    shortfall,
    without_nan,
)
from transforms.sniff import RawFormat, Structure

# What may hold something that is no number.
_FLOATS = ("FLOAT", "DOUBLE")
_BUFFER_BYTES = 1 << 16
# libsndfile says so many frames when a FLAC header does not know.
_FRAMES_UNKNOWN = 1 << 60
# The order that these formats prescribe for 5.1 and more.
_LOW_FREQUENCY_CHANNELS = {
    ("FLAC", 6): 3,
    ("FLAC", 7): 3,
    ("FLAC", 8): 3,
}
# Those of flac are exact.
_TOLERANCE_SECONDS = 0.15


class _ForwardFile(soundfile.SoundFile):
    """A file that is only read on.

    soundfile moves to where it stands after every read of a file that can be moved in. In an
    mp3 libmpg123 then starts anew, without the bits that the frames before kept for the next:
    it prints errors, and the first samples of a block come out wrong.
    """

    def seekable(self) -> bool:
        """No."""
        return False


class SndfileDecoder:
    """A `decode_base.Decoder` on libsndfile.

    Args:
        stream: at any position.
        low_frequency_channel: the subwoofer's channel if the caller knows it.
        raw: the stream is bare samples, of this encoding.

    Raises:
        UndecodableError: libsndfile does not open it, or gets no sample out of it.
        BeamscribeError, OSError: reading the stream failed.
    """

    def __init__(
        self,
        stream: ShieldedStream,
        low_frequency_channel: int | None = None,
        raw: RawFormat | None = None,
    ) -> None:
        self._stream = stream
        stream.seek(0)
        # libsndfile reads an mp3 file in pieces of 4 to 400 bytes: from here, not through all below.
        buffered = io.BufferedReader(stream, _BUFFER_BYTES)
        try:
            if raw is None:
                self._file = _ForwardFile(buffered, "r")
            else:
                self._file = _ForwardFile(
                    buffered, "r", raw.sample_rate, raw.channels, raw.subtype, endian="LITTLE", format="RAW"
                )
        except soundfile.LibsndfileError as error:
            stream.check()
            raise UndecodableError(codes.NOT_AUDIO, f"libsndfile says: {_text_of(error)}") from error
        self.sample_rate: int = self._file.samplerate
        self.channels: int = self._file.channels
        self.low_frequency_channel = low_frequency_channel
        if low_frequency_channel is None:
            self.low_frequency_channel = _LOW_FREQUENCY_CHANNELS.get((self._file.format, self.channels))
        is_mp3 = self._file.format in ("MP3", "MPEG")
        self.structure: Structure | None = "mpeg frames" if is_mp3 else None
        self.damage: str | None = None
        self._first = self._read_block()
        if not len(self._first):
            self._file.close()
            raise UndecodableError(codes.NO_SAMPLES, self.damage or "libsndfile finds no sample in it")

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """The samples, once, as arrays of shape (frames, channels) in [-1, 1).

        Raises:
            BeamscribeError, OSError: reading the stream failed.
        """
        frames = 0
        block = self._first
        while len(block):
            frames += len(block)
            yield block
            block = self._read_block()
        # Of an mp3 file without an encoder's tag it is a guess; `mpeg_frames` reads the tag.
        if self.damage is None and self.structure is None and self._file.frames < _FRAMES_UNKNOWN:
            tolerance = 0 if self._file.format == "FLAC" else _TOLERANCE_SECONDS
            self.damage = shortfall(frames, self._file.frames, self.sample_rate, tolerance)

    def close(self) -> None:
        """Free what libsndfile holds; the stream stays open."""
        self._file.close()

    def _read_block(self) -> NDArray[np.float32]:
        """The next block; an empty one at the end and where the decoder breaks off."""
        # 16-bit samples are fetched as such: in one read instead of many small ones, and
        # numpy makes floats of them faster.
        is_16_bit = self._file.subtype == "PCM_16"
        shape = (block_frames(self.sample_rate, self.channels), self.channels)
        samples = np.empty(shape, np.int16 if is_16_bit else np.float32)
        try:
            frames = self._file.buffer_read_into(samples, dtype=samples.dtype.name)
        except soundfile.LibsndfileError as error:
            self.damage = f"libsndfile broke off: {_text_of(error)}"
            frames = 0
        self._stream.check()
        if is_16_bit:
            return _to_float(samples[:frames])
        floats: NDArray[np.float32] = samples[:frames].astype(np.float32, copy=False)
        return without_nan(floats) if self._file.subtype in _FLOATS else floats


def _to_float(samples: NDArray[Any]) -> NDArray[np.float32]:
    """16-bit samples as floats; of stereo each channel by itself in memory."""
    frames, channels = samples.shape
    if channels != 2 or sys.byteorder != "little":
        scaled: NDArray[np.float32] = np.multiply(samples, np.float32(1 / 32768), dtype=np.float32)
        return scaled
    # Both samples of a frame as one number, of which the left one is the lower half: numpy
    # takes longer to pick every other sample.
    pairs = samples.view(np.int32)[:, 0]
    planes: NDArray[np.float32] = np.empty((2, frames), np.float32)
    planes[0] = pairs << 16
    planes[1] = pairs & -65536
    planes *= np.float32(2**-31)
    stereo: NDArray[np.float32] = planes.T
    return stereo


def _text_of(error: soundfile.LibsndfileError) -> str:
    return str(error.error_string).removeprefix("Error : ").rstrip(".")
