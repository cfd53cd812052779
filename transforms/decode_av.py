"""Decoding by FFmpeg, in this process through PyAV: everything that libsndfile does not read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn

import av
import av.container
import numpy as np
from numpy.typing import NDArray

from transforms import codes
from transforms.decode_base import ShieldedStream, UndecodableError, block_frames, shortfall, without_nan

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
# Containers that state how long their audio is; of others FFmpeg guesses it.
_KNOW_THEIR_LENGTH = ("mov,mp4,m4a,3gp,3g2,mj2", "ogg", "flac")
_TOLERANCE_SECONDS = 0.5
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
def open_av(stream: ShieldedStream) -> Iterator[AvDecoder]:
    """Open the stream by its content and decode its first audio stream.

    Args:
        stream: at any position.

    Raises:
        UndecodableError: FFmpeg does not recognise it, it has no audio, or no sample of it
            can be decoded.
        BeamscribeError, OSError: reading the stream failed.
    """
    with _open_container(stream) as container:
        yield AvDecoder(stream, container)


def _open_container(stream: ShieldedStream) -> av.container.InputContainer:
    """Open with little probing, and with much if that did not find the audio."""
    for probe_bytes in _PROBE_BYTES:
        stream.seek(0)
        try:
            container: av.container.InputContainer = av.open(
                stream,
                "r",
                options={"format_whitelist": _DEMUXERS, "probesize": str(probe_bytes)},
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
        kinds = ", ".join(sorted({found.type for found in container.streams}))
        container.close()
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

    Raises:
        UndecodableError: no sample can be decoded.
        BeamscribeError, OSError: reading the stream failed.
    """

    def __init__(self, stream: ShieldedStream, container: av.container.InputContainer) -> None:
        self._stream = stream
        self._container = container
        self._audio = container.streams.audio[0]
        self._audio.codec_context.thread_count = 1
        self._damaged_packets = 0
        self._broken: str | None = None
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

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """The samples, once, as arrays of shape (frames, channels) in [-1, 1).

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
        try:
            for packet in self._container.demux(self._audio):
                try:
                    decoded = packet.decode()
                except av.FFmpegError:
                    self._damaged_packets += 1
                    continue
                for frame in decoded:
                    self._damaged_packets += frame.is_corrupt
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
                    yield from resampler.resample(None)
                resampler = (
                    av.AudioResampler(first.format, first.layout, first.sample_rate)
                    if shape != wanted
                    else None
                )
                previous = shape
            if resampler is None:
                yield frame
            else:
                frame.pts = None
                yield from resampler.resample(frame)

    def _describe_damage(self, frames: int) -> str | None:
        found = []
        if self._damaged_packets:
            found.append(f"{self._damaged_packets} packets could not be decoded")
        if self._broken is not None:
            found.append(f"the container broke off: {self._broken}")
        duration, time_base = self._audio.duration, self._audio.time_base
        if frames and self._container.format.name in _KNOW_THEIR_LENGTH and duration and time_base:
            claimed = float(duration * time_base) * self.sample_rate
            short = shortfall(frames, claimed, self.sample_rate, _TOLERANCE_SECONDS)
            found += [short] if short else []
        return "; ".join(found) or None


def _shape_of(frame: av.AudioFrame) -> tuple[str, str, int]:
    return frame.format.name, frame.layout.name, frame.sample_rate


def _to_float(frame: av.AudioFrame) -> NDArray[np.float32]:
    kind = frame.format.packed.name
    samples: NDArray[Any] = frame.to_ndarray()
    shaped: NDArray[Any] = samples.T if frame.format.is_planar else samples.reshape(frame.samples, -1)
    if kind in ("flt", "dbl"):
        return without_nan(np.ascontiguousarray(shaped, dtype=np.float32))
    result = np.ascontiguousarray(shaped, dtype=np.float32)
    if kind == "u8":
        result -= np.float32(128)
    result *= np.float32(_SCALES[kind])
    return result


def _text_of(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
