"""The audio of a call: decoded as its VoiceFormat says, or refused.

Every payload must be mono at the rate that the engine takes, be what VoiceFormat says,
and last 60 s at most. Length is judged first, as the service does.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from io import BytesIO
from typing import Final

import av
import numpy as np
from numpy.typing import NDArray

from pipeline.service.refusal import ServiceFault

MAX_SECONDS: Final = 60
"""The longest audio, by the documents."""

_WAVE_FORMAT_PCM: Final = 1
# Where an OpusHead behind the first Ogg page's header states the encoder's input rate.
_OPUS_INPUT_RATE_AT: Final = 40


@dataclass(frozen=True, slots=True)
class Audio:
    """What a call carried.

    Attributes:
        samples: 16-bit mono, shape (samples,).
        sample_rate: of the samples; 48,000 for ogg-opus whatever rate it was made from.
        content_sha256: identifies what was said: of the samples where the payload is
            PCM, so that wav and pcm agree, else of the payload.
    """

    samples: NDArray[np.int16]
    sample_rate: int
    content_sha256: str

    @property
    def duration_ms(self) -> int:
        """How long the audio is, in whole milliseconds."""
        return round(len(self.samples) * 1000 / self.sample_rate)

    @property
    def is_silent(self) -> bool:
        """Whether every sample is zero."""
        return not self.samples.any()


@dataclass(frozen=True, slots=True)
class _Codec:
    """How a VoiceFormat is recognized and opened.

    Attributes:
        demuxer: FFmpeg's name; always given, so that nothing else is ever probed.
        codecs: FFmpeg's names of what may be inside.
    """

    demuxer: str
    codecs: tuple[str, ...]


_CODECS: Final = {
    "mp3": _Codec("mp3", ("mp3", "mp3float")),
    "ogg-opus": _Codec("ogg", ("opus", "libopus")),
    "speex": _Codec("ogg", ("speex", "libspeex")),
    "m4a": _Codec("mov", ("aac",)),
    "aac": _Codec("aac", ("aac",)),
    "amr": _Codec("amr", ("amrnb", "amr_nb", "amrwb", "amr_wb")),
}


def decode_audio(payload: bytes, *, voice_format: str, sample_rate: int) -> Audio:
    """Decodes the audio of a call.

    Args:
        payload: the bytes before base64.
        voice_format: one of `pipeline.service.parameters.VOICE_FORMATS`.
        sample_rate: what the audio must have.

    Raises:
        ServiceFault: longer than 60 s, or not what format and engine ask for.
    """
    if voice_format == "pcm":
        return _pcm_audio(payload, sample_rate)
    if voice_format == "wav":
        return _wav_audio(payload, sample_rate)
    codec = _CODECS.get(voice_format)
    if codec is None or not _looks_like(payload, voice_format):
        raise _invalid(f"it is not {voice_format}")
    return _compressed_audio(payload, voice_format, codec, sample_rate)


def _pcm_audio(data: bytes | memoryview, sample_rate: int) -> Audio:
    if len(data) > MAX_SECONDS * sample_rate * 2:
        raise _too_long()
    if len(data) % 2 or not data:
        raise _invalid(f"{len(data)} bytes are not whole 16-bit samples")
    samples = np.frombuffer(data, dtype="<i2").astype(np.int16, copy=False)
    return Audio(samples, sample_rate, hashlib.sha256(data).hexdigest())


def _wav_audio(payload: bytes, sample_rate: int) -> Audio:
    """Reads a wav whose header is right to the byte."""
    if len(payload) < 12 or payload[:4] != b"RIFF" or payload[8:12] != b"WAVE":
        raise _invalid("it is not wav")
    if struct.unpack_from("<I", payload, 4)[0] != len(payload) - 8:
        raise _invalid("the RIFF size is not the size of the file")
    fmt: tuple[int, ...] | None = None
    position = 12
    while position + 8 <= len(payload):
        name, size = struct.unpack_from("<4sI", payload, position)
        position += 8
        if position + size > len(payload):
            raise _invalid(f"the chunk {name!r} ends behind the file")
        if name == b"fmt " and size >= 16:
            fmt = struct.unpack_from("<HHIIHH", payload, position)
        if name == b"data":
            if fmt is None:
                raise _invalid("it has no format before its data")
            return _wav_data(fmt, memoryview(payload)[position : position + size], sample_rate)
        position += size + size % 2
    raise _invalid("it has no data")


def _wav_data(fmt: tuple[int, ...], data: memoryview, sample_rate: int) -> Audio:
    tag, channels, rate, byte_rate, block_align, bits = fmt
    if block_align and rate and len(data) > MAX_SECONDS * rate * block_align:
        raise _too_long()
    if (tag, bits) != (_WAVE_FORMAT_PCM, 16):
        raise _invalid(f"format {tag} with {bits} bits is not 16-bit PCM")
    _check_shape(channels, rate, sample_rate)
    if (block_align, byte_rate) != (2, 2 * rate):
        raise _invalid("block size or byte rate of the header are wrong")
    return _pcm_audio(data, sample_rate)


def _looks_like(payload: bytes, voice_format: str) -> bool:
    """Tells by the first bytes whether the payload is what it is said to be."""
    if voice_format == "mp3":
        # An ID3 tag, or the sync word of MPEG layer III.
        return payload[:3] == b"ID3" or (
            payload[:1] == b"\xff" and payload[1:2] >= b"\xe0" and _layer(payload) == 1
        )
    if voice_format == "aac":
        return payload[:1] == b"\xff" and payload[1:2] >= b"\xf0" and _layer(payload) == 0
    if voice_format == "m4a":
        return payload[4:8] == b"ftyp"
    if voice_format == "amr":
        return payload[:5] == b"#!AMR"
    # The identification header lies right behind the 28 bytes of the first page's.
    magic = {"ogg-opus": b"OpusHead", "speex": b"Speex   "}[voice_format]
    return len(payload) >= 44 and payload[:4] == b"OggS" and payload[28:36] == magic


def _layer(payload: bytes) -> int:
    """Returns the layer bits of an MPEG audio or ADTS header."""
    return payload[1] >> 1 & 0b11


def _compressed_audio(payload: bytes, voice_format: str, codec: _Codec, sample_rate: int) -> Audio:
    try:
        with av.open(BytesIO(payload), format=codec.demuxer) as container:
            samples, rate, channels = _decode_stream(container, codec)
    except (av.error.FFmpegError, EOFError) as error:
        raise _invalid(f"it does not decode as {voice_format} ({error})") from error
    true_rate = (
        struct.unpack_from("<I", payload, _OPUS_INPUT_RATE_AT)[0] if voice_format == "ogg-opus" else rate
    )
    _check_shape(channels, true_rate, sample_rate)
    if not len(samples):
        raise _invalid("it holds no samples")
    return Audio(samples, rate, hashlib.sha256(payload).hexdigest())


def _decode_stream(
    container: av.container.InputContainer, codec: _Codec
) -> tuple[NDArray[np.int16], int, int]:
    """Decodes the only stream: (samples of the mixed channels, rate, channels)."""
    if len(container.streams) != 1 or len(container.streams.audio) != 1:
        raise _invalid(f"it holds {len(container.streams)} streams instead of one of audio")
    stream = container.streams.audio[0]
    if stream.codec_context.name not in codec.codecs:
        raise _invalid(f"it holds {stream.codec_context.name}")
    # Only the form of the samples changes here; rate and channels are judged as they are.
    resampler = av.AudioResampler(format="s16", layout="mono", rate=stream.rate)
    blocks: list[NDArray[np.int16]] = []
    total = 0
    for frame in container.decode(stream):
        for block in resampler.resample(frame):
            blocks.append(block.to_ndarray()[0])
            total += block.samples
        if total > MAX_SECONDS * stream.rate:
            raise _too_long()
    blocks += [block.to_ndarray()[0] for block in resampler.resample(None)]
    samples = np.concatenate(blocks) if blocks else np.zeros(0, np.int16)
    return samples, stream.rate, stream.channels


def _check_shape(channels: int, rate: int, wanted_rate: int) -> None:
    if channels != 1:
        raise _invalid(f"it has {channels} channels instead of one")
    if rate != wanted_rate:
        raise _invalid(f"it has {rate} samples per second, the engine takes {wanted_rate}")


def _invalid(reason: str) -> ServiceFault:
    return ServiceFault("InvalidParameterValue.ErrorInvalidVoicedata", f"The audio is invalid: {reason}.")


def _too_long() -> ServiceFault:
    return ServiceFault(
        "InvalidParameterValue.ErrorVoicedataTooLong", f"The audio is longer than {MAX_SECONDS} s."
    )
