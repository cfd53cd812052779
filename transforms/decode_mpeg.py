"""Decoding an mp3 file from a place inside it: the samples that come out there when all is decoded."""

from __future__ import annotations

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
from transforms.spliced import Spliced

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

# Until a decoder has all bits of a frame, and what of one sounds into the next: 10 frames at most.
_EARLY_SECONDS: Final = 2
_TAG_BYTES: Final = 128


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
        seen, entered = stream, None
        if entry:
            # A tag that says nothing of it stands for the delay of decoders alone.
            self._untold += places.skipped - first * places.frame_samples - DECODER_DELAY
            self._behind = (places.count - first) * places.frame_samples - DECODER_DELAY
            entered = _entered(stream, places, first)
            seen = ShieldedStream(cast(BinaryIO, entered))
        self._decoder = SndfileDecoder(seen)
        if entered is not None:
            entered.is_open = True
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


class _Entered(Spliced):
    """The frames of a file as if it began with one inside it.

    libmpg123 looks for a tag in the last 128 bytes when it opens a file. Here the frames end with the file,
    so there is none, and nothing is read there: the end may be far away.

    Attributes:
        is_open: whether it has looked.
    """

    is_open = False

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        left = self.size() - self.tell()
        if self.is_open or not 0 < left <= _TAG_BYTES:
            return super().readinto(view)
        view = view[:left]
        view[:] = bytes(len(view))
        self.seek(len(view), os.SEEK_CUR)
        return len(view)


def _entered(stream: ShieldedStream, places: MpegPlaces, first: int) -> _Entered:
    place = places.entries[first // places.step]
    stream.seek(place)
    front, replaced = lead_in(stream.read(LEAD_BYTES), places.count - first)
    return _Entered(front, stream, place + replaced, places.end)
