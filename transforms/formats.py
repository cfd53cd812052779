"""How large a payload gets, which format a segment is sent in, and how late it is heard.

Lengths are in samples of 16-bit mono audio at the engine's rate, sizes in
bytes before base64.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from transforms import codes
from transforms.errors import RecordingError, UsageError
from transforms.records import Stage

AUTO: Final = "auto"

ENCODABLE: Final = ("wav", "pcm", "mp3", "ogg-opus", "m4a", "aac")
"""Formats that segments can be sent in; the service takes more by address."""

BIT_RATES: Final[Mapping[str, int]] = MappingProxyType(
    {"mp3": 48_000, "ogg-opus": 32_000, "m4a": 48_000, "aac": 48_000}
)
"""Bits per second that each compressed format is encoded at.

mp3 is constant; 48 kbit/s exists at 16 kHz (MPEG-2) and at 8 kHz (MPEG-2.5).
"""

DELAY_SAMPLES: Final[Mapping[str, int]] = MappingProxyType(
    {"wav": 0, "pcm": 0, "mp3": 0, "ogg-opus": 0, "m4a": 0, "aac": 1024}
)
"""By how many samples the service hears a sound later than it is in the segment.

Every lossy encoder begins with a stretch of its own, 1105 samples for mp3, 6.5 ms for opus,
1024 samples for AAC. mp3 (LAME's tag), ogg-opus (pre-skip) and m4a (edit list) say in the
payload how long it is, and a decoder that follows their standards leaves it out: FFmpeg and
libsndfile do, and the service is taken to decode as FFmpeg does. Bare AAC has nowhere to say
it, so its first frame is heard as sound. A decoder that ignored the tag of an mp3 would hear
its words 69 ms late at 16 kHz, 138 ms at 8 kHz.
"""

# What `auto` sends, the cheapest first. CPU per 59 s at 16 kHz (benchmarks.encode): wav
# 0.1 ms, opus 65 ms. mp3 takes 160 ms and is larger than opus always. ADPCM is not there
# although it is cheap: the service documents 16-bit samples.
_AUTO_ORDER = ("wav", "ogg-opus")

# The service takes audio under 60 s.
_LIMIT_SECONDS = 60

_WAV_HEADER_BYTES = 44
_BYTES_PER_SAMPLE = 2
_MP3_SAMPLES_PER_FRAME = 576
# Beyond the samples: the encoder's delay and padding, and LAME's info frame.
_MP3_EXTRA_FRAMES = 5
_CONTAINER_BYTES = 4096
# The encoder's delay and the padding of the last frame, which a decoder may count as audio:
# always with AAC, with mp3 where it ignores LAME's tag.
_EXTRA_SAMPLES = MappingProxyType(
    {"mp3": _MP3_EXTRA_FRAMES * _MP3_SAMPLES_PER_FRAME, "m4a": 3 * 1024, "aac": 3 * 1024}
)
# How far the encoders overshot their rate over 20 s of noise, bursts, clicks, tones and
# sweeps: libopus (constrained) by 4 % at most, ffmpeg's aac by 32 %.
_OVERSHOOT = MappingProxyType({"ogg-opus": 1.2, "m4a": 1.5, "aac": 1.5})


def wav_bytes(samples: int) -> int:
    """Bytes of a canonical wav file: a header of 44 bytes and 2 for each sample."""
    return _WAV_HEADER_BYTES + _BYTES_PER_SAMPLE * samples


def bytes_upper_bound(voice_format: str, samples: int, sample_rate: int) -> int:
    """Bytes that so many samples take at most, at the rates of `BIT_RATES`.

    Exact for wav and pcm, a bound for the others; never falls as samples grow.

    Args:
        voice_format: one of `ENCODABLE`.
        samples: length of the segment.
        sample_rate: samples per second.

    Raises:
        UsageError: segments cannot be sent in this format.
    """
    if voice_format == "wav":
        return wav_bytes(samples)
    if voice_format == "pcm":
        return _BYTES_PER_SAMPLE * samples
    if voice_format == "mp3":
        # ISO 13818-3: a frame of layer III below 32 kHz holds 576 samples; the 1
        # is its padding byte.
        frame_bytes = _MP3_SAMPLES_PER_FRAME // 8 * BIT_RATES["mp3"] // sample_rate + 1
        frames = math.ceil(samples / _MP3_SAMPLES_PER_FRAME) + _MP3_EXTRA_FRAMES
        return frames * frame_bytes + _CONTAINER_BYTES
    if voice_format in _OVERSHOOT:
        nominal_bytes = samples / sample_rate * BIT_RATES[voice_format] / 8
        return math.ceil(nominal_bytes * _OVERSHOOT[voice_format]) + _CONTAINER_BYTES
    raise UsageError(
        f"recognition.voice_format {voice_format!r} cannot be made here; allowed: "
        f"{', '.join((AUTO, *ENCODABLE))}. Other formats go by address only (recognition.source: url)."
    )


def max_samples(voice_format: str, sample_rate: int, *, max_payload_bytes: int, max_seconds: float) -> int:
    """The longest segment that may be cut, in samples; always under 60 s.

    A named format is limited by its `bytes_upper_bound`. With ``auto`` the
    format gives way, not the length: only where not even the smallest format
    holds ``max_seconds`` is the segment shortened to what that one holds.

    Args:
        voice_format: one of `ENCODABLE`, or ``auto``.
        sample_rate: samples per second.
        max_payload_bytes: bytes of the payload before base64.
        max_seconds: the length asked for.

    Raises:
        UsageError: a limit does not hold one second, or the format is unknown.
    """
    if not max_seconds >= 1:
        raise UsageError(f"segmentation.max_seconds is {max_seconds}; segments need at least 1 s.")
    longest = min(
        math.floor(min(max_seconds, _LIMIT_SECONDS) * sample_rate),
        _LIMIT_SECONDS * sample_rate - 1 - _EXTRA_SAMPLES.get(voice_format, 0),
    )
    candidates = _AUTO_ORDER if voice_format == AUTO else (voice_format,)
    fitting = max(_longest_within(name, sample_rate, max_payload_bytes, longest) for name in candidates)
    if fitting < sample_rate:
        needed = min(bytes_upper_bound(name, sample_rate, sample_rate) for name in candidates)
        raise UsageError(
            f"recognition.max_payload_bytes is {max_payload_bytes}, too little for one second as "
            f"{voice_format}; give it at least {needed}, better 600000."
        )
    return fitting


def choose_format(samples: int, sample_rate: int, max_payload_bytes: int) -> str:
    """The format that ``auto`` sends: the one that costs least CPU within the limit.

    Raises:
        RecordingError: none fits; cannot happen within `max_samples`.
    """
    for voice_format in _AUTO_ORDER:
        if bytes_upper_bound(voice_format, samples, sample_rate) <= max_payload_bytes:
            return voice_format
    raise RecordingError(
        Stage.RECOGNIZE,
        codes.PAYLOAD_TOO_LARGE,
        f"A segment of {samples / sample_rate:.1f} s fits into {max_payload_bytes} bytes in no format; raise "
        "recognition.max_payload_bytes or lower segmentation.max_seconds.",
    )


def sent_as(voice_format: str, samples: int, sample_rate: int, max_payload_bytes: int) -> str:
    """What a segment is sent as: the format that was asked for, or what ``auto`` chooses.

    Raises:
        RecordingError: as `choose_format`.
    """
    if voice_format != AUTO:
        return voice_format
    return choose_format(samples, sample_rate, max_payload_bytes)


def _longest_within(voice_format: str, sample_rate: int, max_payload_bytes: int, longest: int) -> int:
    def size(samples: int) -> int:
        return bytes_upper_bound(voice_format, samples, sample_rate)

    return bisect_right(range(longest + 1), max_payload_bytes, key=size) - 1
