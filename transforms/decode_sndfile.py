"""Decoding by libsndfile: wav, flac, mp3, aiff, au, w64, caf, RF64."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import soundfile

from transforms import codes
from transforms.decode_base import (
    ShieldedStream,
    UndecodableError,
    block_frames,
    shortfall,
    without_nan,
)
from transforms.samples import Samples, floats_of
from transforms.sniff import RawFormat, Structure

# What may hold something that is no number.
_FLOATS = ("FLOAT", "DOUBLE")
# As much as the checksum's reader hands on without a copy of its own: 2 % of the time of mp3 and flac.
_BUFFER_BYTES = 1 << 18
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

    def _init_virtual_io(self, file: io.BufferedReader) -> Any:
        """What libsndfile calls; with less around each of the many small reads of an mp3 file.

        These take 7 % of the time that decoding takes as soundfile has them, 3 % so.
        """
        callbacks = super()._init_virtual_io(file)
        readinto, buffer = file.readinto, soundfile._ffi.buffer
        callbacks.read = self._read = soundfile._ffi.callback(
            "sf_vio_read", lambda address, size, _: readinto(buffer(address, size))
        )
        return callbacks

    def seekable(self) -> bool:
        """No."""
        return False


class SndfileDecoder:
    """A `decode_base.Decoder` on libsndfile.

    Args:
        stream: at any position.
        low_frequency_channel: the subwoofer's channel if the caller knows it.
        raw: the stream is bare samples, of this encoding.
        start_frame: where it begins; only PCM and flac can be moved in to the frame.

    Attributes:
        announced_frames: how many libsndfile says that there are, which may be a guess.

    Raises:
        UndecodableError: libsndfile does not open it, or gets no sample out of it.
        BeamscribeError, OSError: reading the stream failed.
    """

    def __init__(
        self,
        stream: ShieldedStream,
        low_frequency_channel: int | None = None,
        raw: RawFormat | None = None,
        start_frame: int = 0,
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
            if start_frame:
                self._file.seek(start_frame)
        except soundfile.LibsndfileError as error:
            stream.check()
            raise UndecodableError(codes.NOT_AUDIO, f"libsndfile says: {_text_of(error)}") from error
        self.sample_rate: int = self._file.samplerate
        self.channels: int = self._file.channels
        self.announced_frames: int = self._file.frames
        self.low_frequency_channel = low_frequency_channel
        if low_frequency_channel is None:
            self.low_frequency_channel = _LOW_FREQUENCY_CHANNELS.get((self._file.format, self.channels))
        is_mp3 = self._file.format in ("MP3", "MPEG")
        self.structure: Structure | None = "mpeg frames" if is_mp3 else None
        self.damage: str | None = None
        self._start_frame = start_frame
        # 16-bit samples are fetched as such: in one read instead of many small ones. Of flac
        # libsndfile makes floats faster than these.
        is_16_bit = self._file.subtype == "PCM_16" and self._file.format != "FLAC"
        shape = (block_frames(self.sample_rate, self.channels), self.channels)
        self._samples: Samples = np.empty(shape, np.int16) if is_16_bit else np.empty(shape, np.float32)
        self._first = self._read_block()
        if not len(self._first):
            self._file.close()
            raise UndecodableError(codes.NO_SAMPLES, self.damage or "libsndfile finds no sample in it")

    def blocks(self) -> Iterator[Samples]:
        """The samples, once; each block takes the place of the one before.

        Raises:
            BeamscribeError, OSError: reading the stream failed.
        """
        frames = self._start_frame
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

    def _read_block(self) -> Samples:
        """The next block, in place of the last one; empty at the end and where the decoder breaks off."""
        samples = self._samples
        try:
            frames = self._file.buffer_read_into(samples, dtype=samples.dtype.name)
        except soundfile.LibsndfileError as error:
            self.damage = f"libsndfile broke off: {_text_of(error)}"
            frames = 0
        self._stream.check()
        return without_nan(floats_of(samples[:frames])) if self._file.subtype in _FLOATS else samples[:frames]


def _text_of(error: soundfile.LibsndfileError) -> str:
    return str(error.error_string).removeprefix("Error : ").rstrip(".")
