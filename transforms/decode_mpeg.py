"""Decoding an mp3 file from a place inside it: the samples that come out there when all is decoded."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from transforms import codes
from transforms.decode_base import ShieldedStream, UndecodableError
from transforms.decode_sndfile import SndfileDecoder
from transforms.mpeg_entry import LEAD_BYTES, lead_in
from transforms.mpeg_outline import DECODER_DELAY, MpegPlaces
from transforms.samples import Samples
from transforms.sniff import Structure

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

# Until a decoder has all bits of a frame, and what of one sounds into the next: 10 frames at most.
_EARLY_SECONDS: Final = 2


class MpegDecoder:
    """A `decode_base.Decoder` of an mp3 file, by libsndfile as in one piece, from a frame on.

    Args:
        stream: the file.
        places: where its frames lie.
        frames: how many samples come out of each channel in all.
        sample_rate: of it.
        start_frame: the first sample that is wanted.

    Raises:
        UndecodableError: libsndfile does not open it, or finds another number of samples.
        BeamscribeError, OSError: reading the stream failed.
    """

    def __init__(
        self, stream: ShieldedStream, places: MpegPlaces, frames: int, sample_rate: int, start_frame: int
    ) -> None:
        early = start_frame + places.skipped - _EARLY_SECONDS * sample_rate
        entry = max(0, early // (places.frame_samples * places.step))
        first = entry * places.step
        self._left = frames - start_frame
        self._untold = start_frame
        self._behind = frames
        seen = stream
        if entry:
            # A tag that says nothing of it stands for the delay of decoders alone.
            self._untold += places.skipped - first * places.frame_samples - DECODER_DELAY
            self._behind = (places.count - first) * places.frame_samples - DECODER_DELAY
            seen = ShieldedStream(_entered(stream, places, first))
        self._decoder = SndfileDecoder(seen)
        stream.check()
        announced = self._decoder.announced_frames
        if not entry and (announced < frames or (places.is_tagged and announced != frames)):
            self._decoder.close()
            raise UndecodableError(codes.DECODE_FAILED, f"libsndfile says that it has {announced} frames")
        self.sample_rate = self._decoder.sample_rate
        self.channels = self._decoder.channels
        self.low_frequency_channel: int | None = None
        self.structure: Structure | None = self._decoder.structure
        self.damage: str | None = None

    def blocks(self) -> Iterator[Samples]:
        """The samples from the first one that is wanted on; see `decode_base.Decoder.blocks`."""
        decoded = 0
        for block in self._decoder.blocks():
            decoded += len(block)
            untold = min(self._untold, len(block))
            self._untold -= untold
            told = block[untold : untold + self._left]
            self._left -= len(told)
            if len(told):
                yield told
        self.damage = self._decoder.damage
        if self.damage is None and decoded != self._behind:
            self.damage = f"{decoded} samples come out of it instead of {self._behind}"

    def close(self) -> None:
        """Free what libsndfile holds; the stream stays open."""
        self._decoder.close()


def _entered(stream: ShieldedStream, places: MpegPlaces, first: int) -> BinaryIO:
    """The file as if it began with a frame inside it."""
    place = places.entries[first // places.step]
    stream.seek(place)
    front, replaced = lead_in(stream.read(LEAD_BYTES), places.count - first)
    return cast(BinaryIO, _Spliced(front, stream, place + replaced))


class _Spliced(io.RawIOBase):
    """Some bytes, and then those of a stream from a place on."""

    def __init__(self, front: bytes, stream: ShieldedStream, start: int) -> None:
        self._front = front
        self._stream = stream
        self._shift = start - len(front)
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position}.get(whence)
        if base is None:
            base = self._stream.seek(0, os.SEEK_END) - self._shift
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        front = self._front[self._position : self._position + len(view)]
        if front:
            view[: len(front)] = front
            size = len(front)
        else:
            self._stream.seek(self._position + self._shift)
            size = self._stream.readinto(view)
        self._position += size
        return size
