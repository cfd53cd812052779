"""A segment's audio as the bytes of a payload.

wav and pcm need no encoder. The others are encoded in this process by FFmpeg's libraries,
which let go of Python's lock meanwhile. The same audio gives the same bytes: no clock and
no random number gets into them. How much of their beginning is the encoder's own is
written into them where the format can tell it (`formats.DELAY_SAMPLES`).
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from types import MappingProxyType

import av
import numpy as np
from av.container import Flags

from transforms import codes
from transforms.errors import RecordingError, UsageError
from transforms.formats import BIT_RATES, ENCODABLE
from transforms.records import Stage
from transforms.sound import BYTES_PER_SAMPLE, Sound, sound_of

# Where a payload comes out too large, the rate is lowered by these factors in turn; of 48
# kbit/s they make 32 and 24, which mp3 knows.
_RATE_STEPS = (1.0, 2 / 3, 1 / 2)


@dataclass(frozen=True, slots=True)
class _Codec:
    """How FFmpeg makes a format: container, encoder, options of the encoder."""

    container: str
    encoder: str
    options: Mapping[str, str]
    container_options: Mapping[str, str]


# For 59 s of speech at 16 kHz: 65 ms of CPU. `voip` filters out low tones, predicts the voice
# and takes 120 ms, and lies further from the original (0.9 against 1.3 dB over mel bands);
# complexity 10 takes 728 ms. Constrained, so that clicks and tones cost no more than speech.
_OPUS = MappingProxyType({"compression_level": "0", "application": "audio", "vbr": "constrained"})
# 77 ms instead of 263 ms with the default search, and nearer to the original (0.9, 1.0 dB).
_AAC = MappingProxyType({"aac_coder": "fast"})
_CODECS: Mapping[str, _Codec] = MappingProxyType(
    {
        # 9 is LAME's fastest search; the rate is constant all the same. No empty ID3 tag.
        "mp3": _Codec("mp3", "libmp3lame", {"compression_level": "9"}, {"id3v2_version": "0"}),
        "ogg-opus": _Codec("ogg", "libopus", _OPUS, {}),
        "m4a": _Codec("ipod", "aac", _AAC, {}),
        "aac": _Codec("adts", "aac", _AAC, {}),
    }
)


@dataclass(frozen=True, slots=True)
class Encoded:
    """What a segment is sent as, before base64.

    Attributes:
        size_bytes: how long it is.
        slices: it, in order; to be gone through once. Sound that is sent as it is is read only then.
    """

    size_bytes: int
    slices: Iterable[bytes | memoryview] = field(repr=False)


def encode(sound: Sound, voice_format: str, *, name: str, max_payload_bytes: int) -> bytes:
    """Encode a segment; see `encode_in_slices`."""
    encoded = encode_in_slices(sound, voice_format, name=name, max_payload_bytes=max_payload_bytes)
    return b"".join(encoded.slices)


def encode_in_slices(sound: Sound, voice_format: str, *, name: str, max_payload_bytes: int) -> Encoded:
    """Encode a segment, without having the whole of its sound in memory.

    Args:
        sound: of the segment.
        voice_format: one of `formats.ENCODABLE`.
        name: what messages call the recording.
        max_payload_bytes: the most that may come out, before base64.

    Raises:
        RecordingError: of stage recognize: it does not fit, not at the lowest bit rate either.
        UsageError: segments cannot be sent in this format.
        OSError: the sound cannot be read; also from the slices.
    """
    size_bytes = 0
    for encoded in _attempts(sound, voice_format):
        size_bytes = encoded.size_bytes
        if size_bytes <= max_payload_bytes:
            return encoded
    raise RecordingError(
        Stage.RECOGNIZE,
        codes.PAYLOAD_TOO_LARGE,
        f"{sound.samples / sound.sample_rate:.1f} s of {name} as {voice_format} are {size_bytes} bytes, more "
        f"than the {max_payload_bytes} allowed. Set recognition.voice_format to auto, or lower "
        "segmentation.max_seconds.",
    )


def _attempts(sound: Sound, voice_format: str) -> Iterator[Encoded]:
    """Payloads, each smaller than the one before; made one by one."""
    size_bytes = sound.samples * BYTES_PER_SAMPLE
    if voice_format == "wav":
        header = _wav_header(sound.sample_rate, size_bytes)
        yield Encoded(len(header) + size_bytes, chain((header,), sound.slices()))
    elif voice_format == "pcm":
        yield Encoded(size_bytes, sound.slices())
    elif voice_format in _CODECS:
        for step in _RATE_STEPS:
            payload = _compress(sound, _CODECS[voice_format], round(BIT_RATES[voice_format] * step))
            yield Encoded(len(payload), (payload,))
    else:
        raise UsageError(
            f"recognition.voice_format {voice_format!r} cannot be made here; allowed: "
            f"auto, {', '.join(ENCODABLE)}."
        )


def _wav_header(sample_rate: int, size_bytes: int) -> bytes:
    """What stands before the samples in a wav file that holds so many bytes of them."""
    header = sound_of(b"", sample_rate).export(io.BytesIO(), format="wav").getvalue()
    # The two lengths: of all that follows, and of the samples.
    return b"".join(
        (
            header[:4],
            struct.pack("<I", len(header) - 8 + size_bytes),
            header[8:-4],
            struct.pack("<I", size_bytes),
        )
    )


def _compress(sound: Sound, codec: _Codec, bit_rate: int) -> bytes:
    buffer = io.BytesIO()
    with av.open(
        buffer, "w", format=codec.container, container_options=dict(codec.container_options)
    ) as container:
        # Without it Ogg streams get a random serial number.
        container.flags |= Flags.bitexact.value
        stream = container.add_stream(
            codec.encoder, rate=sound.sample_rate, layout="mono", options=dict(codec.options)
        )
        stream.bit_rate = bit_rate
        done_samples = 0
        # Slice by slice: the packets of a minute, all alive at once, leave the heap in pieces.
        for pcm in sound.slices():
            samples = np.frombuffer(pcm, "<i2").reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            frame.sample_rate = sound.sample_rate
            frame.pts = done_samples
            done_samples += samples.shape[1]
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
    return buffer.getvalue()
