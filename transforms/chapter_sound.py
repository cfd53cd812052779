"""A stretch of a long recording, decoded from its middle: the samples that one piece has there."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from transforms import codes
from transforms.chapters import Border, Chapters, Stretch
from transforms.checksum import read_error
from transforms.chosen import ChannelChoice, Chosen, chosen_of
from transforms.decode_base import Decoder, ShieldedStream, UndecodableError
from transforms.decode_mpeg import MpegDecoder
from transforms.decode_sndfile import SndfileDecoder
from transforms.errors import RecordingError
from transforms.mpeg_outline import MpegPlaces
from transforms.normalize import channel_numbers
from transforms.records import Stage
from transforms.resampling import open_resampler
from transforms.samples import Samples, to_int16
from transforms.speech_chapters import WARM_UP_SECONDS


class _Watched:
    """A border, and what is found at it.

    Args:
        border: in the stretch.
        samples: how many before it count.
    """

    def __init__(self, border: Border, samples: int) -> None:
        self.border = border
        self.memory = b""
        self._first = border.sample - samples
        self._samples = blake3()

    def take(self, place: int, samples: NDArray[np.int16]) -> None:
        """Take the next samples, of which the first has this place."""
        first, end = max(0, self._first - place), max(0, self.border.sample - place)
        self._samples.update(np.ascontiguousarray(samples[first:end]).tobytes())

    def digest(self) -> bytes:
        """Of all that came before the border."""
        return blake3(self.memory).update(self._samples.digest()).digest()


@dataclass(frozen=True, slots=True)
class StretchBlock:
    """The next samples of a stretch.

    Attributes:
        start_sample: of the recording, which the first of them is.
        samples: 16-bit, little-endian, shape ``(samples, channels)``.
    """

    start_sample: int
    samples: NDArray[np.int16]


class StretchSound:
    """Decodes a stretch; iterate once.

    Args:
        stream: the recording's bytes; it is not closed.
        name: what messages call it.
        chapters: of the recording.
        stretch: which.
        choice: what becomes of the channels.

    Attributes:
        numbers: of the channels, in order; known after the first block.
    """

    def __init__(
        self, stream: BinaryIO, name: str, chapters: Chapters, stretch: Stretch, choice: ChannelChoice
    ) -> None:
        self._stream = ShieldedStream(stream)
        self._name = name
        self._chapters = chapters
        self._stretch = stretch
        self._choice = choice
        self._watched: list[_Watched] = []
        self.numbers: range = range(0)

    def watch(self, border: Border | None) -> None:
        """Say before the first block that `digest_at` will be asked for a border in the stretch."""
        if border is not None:
            self._watched.append(_Watched(border, WARM_UP_SECONDS * self._chapters.sample_rate))

    def digest_at(self, border: Border | None) -> bytes:
        """Of the samples before a border, and of what is remembered there; empty for none."""
        return b"".join(each.digest() for each in self._watched if each.border == border)

    def __iter__(self) -> Iterator[StretchBlock]:
        """Decode, mix or split, resample.

        Raises:
            RecordingError: of stage decode: not as the header says; of stage read: it cannot be read.
            OSError: there is no room for what is read.
        """
        try:
            yield from self._blocks()
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):  # no reading of a file says so
                raise
            raise read_error(self._name, error) from error

    def _blocks(self) -> Iterator[StretchBlock]:
        try:
            with self._opened() as decoder:
                self._check(decoder)
                self.numbers = channel_numbers(decoder, self._choice, self._name)
                yield from self._cut_to_size(self._resampled(decoder))
        except UndecodableError as error:
            raise self._odd(error.reason) from error

    def _opened(self) -> AbstractContextManager[Decoder]:
        """By what decodes in one piece, too."""
        outline, first = self._chapters.outline, self._stretch.first_frame
        if outline.places is None:
            return closing(SndfileDecoder(self._stream, outline.low_frequency_channel, start_frame=first))
        if isinstance(outline.places, MpegPlaces):
            return closing(
                MpegDecoder(self._stream, outline.places, outline.frames, outline.sample_rate, first)
            )
        # Imported when first needed, as in `decode`.
        from transforms.decode_entered import open_entered

        return open_entered(self._stream, outline.places, outline.sample_rate, first)

    def _resampled(self, decoder: Decoder) -> Iterator[Samples]:
        """From the first frame that is resampled to the recording's end; taken as far as it is needed."""
        chosen = chosen_of(
            self._choice,
            channels=decoder.channels,
            low_frequency_channel=decoder.low_frequency_channel,
            sample_rate=decoder.sample_rate,
        )
        resampler = open_resampler(decoder.sample_rate, self._chapters.sample_rate, len(self.numbers))
        early = self._stretch.first_resampled - self._stretch.first_frame
        for block in self._mixed(decoder, chosen):
            dropped = min(early, len(block))
            early -= dropped
            yield resampler.resample(block[dropped:])
        yield resampler.finish()

    def _mixed(self, decoder: Decoder, chosen: Chosen) -> Iterator[Samples]:
        frame = self._stretch.first_frame
        for block in decoder.blocks():
            end = frame + len(block)
            for watched in self._watched:
                turn = watched.border.frame
                if frame < turn <= end:
                    mixed = chosen.take(block[: turn - frame])
                    watched.memory = chosen.memory()
                    block, frame = block[turn - frame :], turn
                    yield mixed
            yield chosen.take(block)
            frame = end
        if decoder.damage is not None or frame != self._chapters.outline.frames:
            raise self._odd(decoder.damage or f"it ends at frame {frame}")
        yield chosen.finish()

    def _cut_to_size(self, blocks: Iterator[Samples]) -> Iterator[StretchBlock]:
        stretch, outline = self._stretch, self._chapters.outline
        # A whole number: the resampler begins at a multiple of its period.
        place = stretch.first_resampled * self._chapters.sample_rate // outline.sample_rate
        for block in blocks:
            whole = to_int16(block[: max(0, stretch.end_sample - place)])
            for watched in self._watched:
                watched.take(place, whole)
            inside = whole[max(0, stretch.first_sample - place) :]
            if len(inside):
                yield StretchBlock(place + len(whole) - len(inside), inside)
            place += len(whole)
            if place >= stretch.end_sample and not stretch.is_last:
                return
        if place != stretch.end_sample:
            raise self._odd(f"it has {place} samples")

    def _check(self, decoder: Decoder) -> None:
        outline = self._chapters.outline
        if (decoder.sample_rate, decoder.channels) != (outline.sample_rate, outline.channels):
            raise self._odd(f"{decoder.channels} channels at {decoder.sample_rate} Hz come out of it")

    def _odd(self, reason: str) -> RecordingError:
        return RecordingError(
            Stage.DECODE,
            codes.DECODE_FAILED,
            f"{self._name} is not as its header says ({reason}). Perhaps it was changed meanwhile: run the "
            "same command again.",
            retryable=True,
        )
