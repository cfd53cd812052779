"""Decoding by FFmpeg, in this process through PyAV: everything that libsndfile does not read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from typing import Any, NoReturn

import av
import av.container
import numpy as np
from numpy.typing import NDArray

from transforms import codes
from transforms.av_complaints import Complaints
from transforms.decode_base import (
    ShieldedStream,
    UndecodableError,
    block_frames,
    shortfall,
    without_nan,
)
from transforms.samples import Floats
from transforms.sniff import Structure

# Containers that hold their audio themselves. Playlists, concat scripts, session
# descriptions and picture sequences, which name other files or hosts, are not among them.
_DEMUXERS = (
    "aac,ac3,ac4,adx,aiff,amr,ape,asf,asf_o,au,avi,caf,dsf,dss,dts,dtshd,dv,eac3,flac,flv,gsm,gxf,"
    "iff,ircam,loas,matroska,mlp,mov,mp3,mpc,mpc8,mpeg,mpegts,mxf,nistsphere,nut,ogg,oma,qcp,rm,shn,"
    "sox,tak,truehd,tta,voc,w64,wav,webm,wtv,wv,xwma"
)
# The first is enough for nearly all files and opens short ones fast; the second is
# FFmpeg's own, for streams whose audio begins late.
_PROBE_BYTES = (1 << 16, 5_000_000)
# Containers that state how long their audio is, and how exactly; of others FFmpeg guesses it.
_TOLERANCE_SECONDS = {
    "mov,mp4,m4a,3gp,3g2,mj2": 0.5,
    "matroska,webm": 0.5,
    "flac": 0.0,
    "wv": 0.0,
    "tta": 0.0,
    "ape": 0.0,
}
# Whose packets have checksums that FFmpeg compares only when asked, and that programs write right.
_CHECKED = ("wavpack", "tta")
_DURATION = re.compile(r"([0-9]{1,6}):([0-9]{1,2}):([0-9]{1,2}(?:\.[0-9]{1,9})?)")
_SCALES = {
    "u8": 1 / 128,
    "s16": 1 / 32768,
    "s32": 1 / 2147483648,
    "flt": 1.0,
    "dbl": 1.0,
}

# Tags in other encodings are common, and of no interest here. From PyAV 19 on they are
# replaced unasked, and the argument is gone.
_TAGS: dict[str, Any] = {} if int(av.__version__.split(".")[0]) >= 19 else {"metadata_errors": "replace"}


@contextmanager
def open_av(stream: ShieldedStream, *, ignore_length: bool = False) -> Iterator[AvDecoder]:
    """Open the stream by its content and decode its first audio stream.

    Args:
        stream: at any position.
        ignore_length: read a wav file to its end, whatever its header says.

    Raises:
        UndecodableError: FFmpeg does not recognise it, it has no audio, or no sample of it
            can be decoded.
        BeamscribeError, OSError: reading the stream failed.
    """
    complaints = Complaints()
    options = {"ignore_length": "1"} if ignore_length else {}
    with complaints.heard(), _open_container(stream, options) as container:
        yield AvDecoder(stream, container, complaints)


def _open_container(stream: ShieldedStream, options: dict[str, str]) -> av.container.InputContainer:
    """Open with little probing, and with much if that did not find the audio."""
    for probe_bytes in _PROBE_BYTES:
        stream.seek(0)
        try:
            container: av.container.InputContainer = av.open(
                stream,
                "r",
                options={"format_whitelist": _DEMUXERS, "probesize": str(probe_bytes), **options},
                io_open=_refuse_other_files,
                **_TAGS,
            )
        except (av.FFmpegError, PermissionError) as error:
            stream.check()
            raise UndecodableError(codes.NOT_AUDIO, f"FFmpeg says: {_text_of(error)}") from error
        stream.check()
        audio = container.streams.audio
        if audio and audio[0].codec_context is not None and audio[0].codec_context.sample_rate:
            return container
        has_audio = bool(audio)
        kinds = ", ".join(sorted({found.type for found in container.streams}))
        container.close()
    if has_audio:
        raise UndecodableError(
            codes.NO_SAMPLES, "FFmpeg finds an audio stream of an unknown kind or no length"
        )
    raise UndecodableError(
        codes.NO_AUDIO_STREAM, f"FFmpeg finds no audio stream in it, only: {kinds or 'nothing'}"
    )


def _refuse_other_files(url: str, flags: int, options: Mapping[str, str]) -> NoReturn:
    """The door behind the list of demuxers: a recording never opens another file."""
    raise PermissionError("a recording may not refer to other files")


class AvDecoder:
    """A `decode_base.Decoder` on PyAV.

    Args:
        stream: what the container reads.
        container: open, with at least one audio stream; its first is decoded.
        complaints: what FFmpeg says of it.

    Raises:
        UndecodableError: no sample can be decoded.
        BeamscribeError, OSError: reading the stream failed.
    """

    def __init__(
        self, stream: ShieldedStream, container: av.container.InputContainer, complaints: Complaints
    ) -> None:
        self._stream = stream
        self._container = container
        self._audio = container.streams.audio[0]
        self._audio.codec_context.thread_count = 1
        if self._audio.codec_context.name in _CHECKED:
            self._audio.codec_context.options = {"err_detect": "crccheck"}
        self.structure = _structure_of(container)
        self._damaged_packets = 0
        self._broken: str | None = None
        self._complaints = complaints
        self.damage: str | None = None
        self._frames = self._decode()
        # Only a decoded frame tells the true rate and channels: those of the container are
        # halved in HE-AAC.
        first = next(self._frames, None)
        stream.check()
        if first is None:
            raise UndecodableError(codes.NO_SAMPLES, self._describe_damage(0) or "it holds no samples")
        if first.format.packed.name not in _SCALES:
            raise UndecodableError(codes.DECODE_FAILED, f"samples of format {first.format.name} are unknown")
        self._first: av.AudioFrame = first
        self.sample_rate: int = first.sample_rate
        self.channels: int = first.layout.nb_channels
        names = [channel.name for channel in first.layout.channels]
        self.low_frequency_channel = names.index("LFE") if "LFE" in names else None

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

    def _decode(self) -> Iterator[av.AudioFrame]:
        """Frames as they are; packets that cannot be decoded are counted and left out."""
        is_bare = self._audio.codec_context.name.startswith("pcm_")
        # Frames of flac carry their numbers; those with a wrong checksum come out without.
        is_numbered = self._container.format.name == "flac"
        try:
            for packet in self._container.demux(self._audio):
                # The file ends in a corrupt one, or its checksum is wrong; it may be heard yet.
                # Bare samples may end anywhere.
                damaged = packet.is_corrupt and not is_bare
                try:
                    decoded = packet.decode()
                except av.FFmpegError:
                    decoded, damaged = [], True
                self._complaints.first()
                if damaged:
                    self._damaged_packets += 1
                for frame in decoded:
                    if not damaged and (frame.is_corrupt or (is_numbered and frame.pts is None)):
                        self._damaged_packets += 1
                    if frame.samples:
                        yield frame
        except av.FFmpegError as error:
            self._broken = _text_of(error)

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
                self._damaged_packets += 1
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
        if self._damaged_packets:
            found.append(f"{self._damaged_packets} packets are broken")
        if self._broken is not None:
            found.append(f"the container broke off: {self._broken}")
        complaint = self._complaints.first()
        if complaint is not None:
            found.append(f"FFmpeg reported an error: {complaint}")
        seconds = self._claimed_seconds()
        tolerance = _TOLERANCE_SECONDS.get(self._container.format.name)
        if frames and tolerance is not None and seconds:
            claimed = round(seconds * self.sample_rate)
            short = shortfall(frames, claimed, self.sample_rate, tolerance)
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


def _text_of(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
