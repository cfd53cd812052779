"""Decoding by FFmpeg, in this process through PyAV: everything that libsndfile does not read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from typing import Any

import av
import av.container
import numpy as np
from numpy.typing import NDArray

from transforms import codes
from transforms.av_complaints import Complaints
from transforms.av_container import open_container
from transforms.decode_base import (
    ShieldedStream,
    UndecodableError,
    block_frames,
    shortfall,
    without_nan,
)
from transforms.decode_packets import RENEWAL_SECONDS, WARM_UP_SECONDS, PacketDecoder, text_of
from transforms.ogg_outline import OggEntry
from transforms.samples import Floats
from transforms.sniff import Structure

# Containers that state how long their audio is, and how exactly; of others FFmpeg guesses it.
_TOLERANCE_SECONDS = {
    "mov,mp4,m4a,3gp,3g2,mj2": 0.5,
    "matroska,webm": 0.5,
    "flac": 0.0,
    "wv": 0.0,
    "tta": 0.0,
    "ape": 0.0,
}
# The first packet that is read may lie behind the place that was sought.
_EARLY_SECONDS = 1
_DURATION = re.compile(r"([0-9]{1,6}):([0-9]{1,2}):([0-9]{1,2}(?:\.[0-9]{1,9})?)")
_SCALES = {
    "u8": 1 / 128,
    "s16": 1 / 32768,
    "s32": 1 / 2147483648,
    "flt": 1.0,
    "dbl": 1.0,
}


@dataclass(frozen=True, slots=True)
class AvEntry:
    """Where decoding begins inside a stream; without arguments, at its start.

    Attributes:
        minute: of the stream's time, see `decode_packets`; what lies before is not decoded.
        page: with which the stream begins behind its headers, where that tells which sample is the first.
    """

    minute: int = 0
    page: OggEntry | None = None


@contextmanager
def open_av(
    stream: ShieldedStream, *, ignore_length: bool = False, entry: AvEntry | None = None
) -> Iterator[AvDecoder]:
    """Open the stream by its content and decode its first audio stream.

    Args:
        stream: at any position.
        ignore_length: read a wav file to its end, whatever its header says.
        entry: where decoding begins; None for the start.

    Raises:
        UndecodableError: FFmpeg does not recognise it, it has no audio, or no sample of it
            can be decoded.
        BeamscribeError, OSError: reading the stream failed.
    """
    complaints = Complaints()
    options = {"ignore_length": "1"} if ignore_length else {}
    with complaints.heard(), open_container(stream, options) as container:
        yield AvDecoder(stream, container, complaints, entry or AvEntry())


class AvDecoder:
    """A `decode_base.Decoder` on PyAV.

    Args:
        stream: what the container reads.
        container: open, with at least one audio stream; its first is decoded.
        complaints: what FFmpeg says of it.
        entry: where decoding begins.

    Attributes:
        start_frame: the number, in the whole stream, of the first frame that comes out.

    Raises:
        UndecodableError: no sample can be decoded, or none from the entry on.
        BeamscribeError, OSError: reading the stream failed.
    """

    def __init__(
        self,
        stream: ShieldedStream,
        container: av.container.InputContainer,
        complaints: Complaints,
        entry: AvEntry,
    ) -> None:
        self._stream = stream
        self._container = container
        self._audio = container.streams.audio[0]
        self.structure = _structure_of(container)
        self._complaints = complaints
        self.damage: str | None = None
        if entry.minute and stream.seekable():
            self._move_before(entry.minute)
        self._packets = PacketDecoder(container, complaints, entry.minute)
        frames = self._packets.frames()
        # Only a decoded frame tells the true rate and channels: those of the container are
        # halved in HE-AAC. And only the end of a page tells which sample it is.
        opening = _opening(frames, 0 if entry.page is None else entry.page.packets)
        stream.check()
        if not opening:
            raise UndecodableError(codes.NO_SAMPLES, self._describe_damage(0) or "it holds no samples")
        first = opening[0][1]
        if first.format.packed.name not in _SCALES:
            raise UndecodableError(codes.DECODE_FAILED, f"samples of format {first.format.name} are unknown")
        self._first: av.AudioFrame = first
        self.sample_rate: int = first.sample_rate
        self.channels: int = first.layout.nb_channels
        names = [channel.name for channel in first.layout.channels]
        self.low_frequency_channel = names.index("LFE") if "LFE" in names else None
        self.start_frame = self._start_frame(entry, opening)
        self._begins_in_step = entry != AvEntry() or first.pts == 0
        self._frames = (frame for _, frame in chain(opening[1:], frames))

    @property
    def is_damaged(self) -> bool:
        """Whether anything that was read so far is."""
        return self._packets.damaged_packets > 0 or self._packets.broken is not None

    @property
    def is_in_step(self) -> bool:
        """Whether so far each sample has the number, by count, that its time tells."""
        return self._begins_in_step and not self._packets.jumps

    def _move_before(self, minute: int) -> None:
        """Let the container read on from a while before a full minute."""
        begin = Fraction(minute * RENEWAL_SECONDS - WARM_UP_SECONDS - _EARLY_SECONDS)
        try:
            self._container.seek(int(begin / (self._audio.time_base or 1)), stream=self._audio)
        except av.FFmpegError as error:
            self._stream.check()
            raise UndecodableError(
                codes.DECODE_FAILED, f"FFmpeg cannot move in it: {text_of(error)}"
            ) from error

    def _start_frame(self, entry: AvEntry, opening: Sequence[tuple[int, av.AudioFrame]]) -> int:
        first = self._first
        if entry.page is not None:
            told = sum(frame.samples for number, frame in opening if number < entry.page.packets)
            return entry.page.end_frame - told
        if entry.minute and first.pts is not None and first.time_base is not None:
            return round(first.pts * first.time_base * self.sample_rate) - self._packets.held_back
        return 0

    def blocks(self) -> Iterator[Floats]:
        """The samples, once, as floats.

        Raises:
            BeamscribeError, OSError: reading the stream failed.
        """
        size = block_frames(self.sample_rate, self.channels)
        frames = 0
        fifo = av.AudioFifo()
        for frame in self._alike():
            # Gaps between timestamps are no error here: the samples are what counts.
            frame.pts = None
            fifo.write(frame)
            if fifo.samples >= size:
                while (block := fifo.read(size)) is not None:
                    frames += block.samples
                    yield _to_float(block)
        self._stream.check()
        rest = fifo.read()
        if rest is not None:
            frames += rest.samples
            yield _to_float(rest)
        self.damage = self._describe_damage(frames)

    def _alike(self) -> Iterator[av.AudioFrame]:
        """Frames of the first one's format, rate and channels; others are converted.

        They change inside a file where broadcasts or chained streams were joined.
        """
        first = self._first
        wanted = previous = _shape_of(first)
        resampler = None
        yield first
        for frame in self._frames:
            shape = _shape_of(frame)
            if shape != previous:
                if resampler is not None:
                    yield from self._converted(resampler, None)
                resampler = (
                    av.AudioResampler(first.format, first.layout, first.sample_rate)
                    if shape != wanted
                    else None
                )
                previous = shape
            if resampler is None:
                yield frame
                continue
            frame.pts = None
            try:
                yield from self._converted(resampler, frame)
            except av.FFmpegError:  # a shape that only a damaged header has
                self._packets.damaged_packets += 1
                resampler, previous = None, wanted
        if resampler is not None:
            yield from self._converted(resampler, None)

    def _converted(
        self, resampler: av.AudioResampler, frame: av.AudioFrame | None
    ) -> Iterator[av.AudioFrame]:
        for converted in resampler.resample(frame):
            # What collects the frames wants them alike in this too.
            converted.time_base = self._first.time_base
            yield converted

    def _describe_damage(self, frames: int) -> str | None:
        found = []
        packets = self._packets
        if packets.damaged_packets:
            found.append(f"{packets.damaged_packets} packets are broken")
        if packets.broken is not None:
            found.append(f"the container broke off: {packets.broken}")
        complaint = self._complaints.first()
        if complaint is not None:
            found.append(f"FFmpeg reported an error: {complaint}")
        seconds = self._claimed_seconds()
        tolerance = _TOLERANCE_SECONDS.get(self._container.format.name)
        if frames and tolerance is not None and seconds:
            claimed = round(seconds * self.sample_rate)
            short = shortfall(self.start_frame + frames, claimed, self.sample_rate, tolerance)
            found += [short] if short else []
        return "; ".join(found) or None

    def _claimed_seconds(self) -> Fraction:
        """How long the container says that the audio is; 0 where it does not."""
        if self._audio.duration and self._audio.time_base:
            return self._audio.duration * self._audio.time_base
        # Matroska says in a tag of the track when it ends, which is later where its audio begins late.
        stated = _DURATION.fullmatch(self._audio.metadata.get("DURATION", ""))
        if stated is None:
            return Fraction(0)
        begins = (self._audio.start_time or 0) * (self._audio.time_base or Fraction(0))
        return 3600 * int(stated[1]) + 60 * int(stated[2]) + Fraction(stated[3]) - max(begins, Fraction(0))


def _opening(frames: Iterator[tuple[int, av.AudioFrame]], packets: int) -> list[tuple[int, av.AudioFrame]]:
    """The first frame, or all up to the first that is not of so many packets."""
    result = []
    for each in frames:
        result.append(each)
        if each[0] >= packets:
            break
    return result


def _structure_of(container: av.container.InputContainer) -> Structure | None:
    if container.format.name == "ogg":
        return "ogg pages"
    coded = container.streams.audio[0].codec_context.name
    if (container.format.name, coded) in (("mp3", "mp3float"), ("mp3", "mp3"), ("aac", "aac")):
        return "mpeg frames"
    return None


def _shape_of(frame: av.AudioFrame) -> tuple[int, int, str]:
    return frame.sample_rate, frame.layout.nb_channels, frame.format.name


def _to_float(frame: av.AudioFrame) -> Floats:
    """A frame as (frames, channels); a view where its samples are floats, channel by channel."""
    kind = frame.format.packed.name
    samples: NDArray[Any] = frame.to_ndarray()
    shaped: NDArray[Any] = samples.T if frame.format.is_planar else samples.reshape(frame.samples, -1)
    if kind in ("flt", "dbl"):
        return without_nan(shaped.astype(np.float32, copy=False))
    result = shaped.astype(np.float32)
    if kind == "u8":
        result -= np.float32(128)
    result *= np.float32(_SCALES[kind])
    return result
