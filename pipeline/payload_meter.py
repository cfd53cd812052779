"""How many bytes segments are sent as: counted for wav and pcm, measured for the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from transforms import formats
from transforms.encode import encode
from transforms.records import Segment
from transforms.sound import Sound

_MEASURED = 32
"""Segments of each format that are really encoded; the rates are near constant."""

_EXACT = ("wav", "pcm")


@dataclass(frozen=True, slots=True)
class Payload:
    """A segment as it is sent.

    Attributes:
        bytes: before base64.
        encode_seconds: that making it takes.
    """

    bytes: float
    encode_seconds: float


@dataclass(slots=True)
class _Measured:
    """What was really encoded in one format, at one sample rate."""

    segments: int = 0
    samples: int = 0
    bytes: int = 0
    seconds: float = 0.0


class PayloadMeter:
    """Tells the payload of segments.

    Args:
        voice_format: what segments are sent as, or ``auto``.
        max_payload_bytes: by which ``auto`` chooses.
        clock: monotonic seconds.

    Attributes:
        is_exact: whether nothing has been estimated so far.
    """

    def __init__(self, voice_format: str, max_payload_bytes: int, clock: Callable[[], float]) -> None:
        self._voice_format = voice_format
        self._max_payload_bytes = max_payload_bytes
        self._clock = clock
        self._measured: dict[tuple[str, int], _Measured] = {}
        self.is_exact = True

    def payload_of(self, segment: Segment) -> Payload:
        """The payload of a segment that has sound.

        Raises:
            RecordingError: it cannot be sent in this format.
        """
        assert segment.sound is not None, "an address has no payload"
        samples, rate = segment.sound.samples, segment.span.sample_rate
        name = formats.sent_as(self._voice_format, samples, rate, self._max_payload_bytes)
        if name in _EXACT:
            return Payload(formats.bytes_upper_bound(name, samples, rate), 0.0)
        measured = self._measured.setdefault((name, rate), _Measured())
        if measured.segments < _MEASURED:
            return self._measure(measured, segment.sound, name, segment.span.audio_uri)
        self.is_exact = False
        share = samples / measured.samples
        return Payload(measured.bytes * share, measured.seconds * share)

    def _measure(self, measured: _Measured, sound: Sound, name: str, audio_uri: str) -> Payload:
        began = self._clock()
        payload = encode(sound, name, name=audio_uri, max_payload_bytes=self._max_payload_bytes)
        seconds = self._clock() - began
        measured.segments += 1
        measured.samples += sound.samples
        measured.bytes += len(payload)
        measured.seconds += seconds
        return Payload(len(payload), seconds)
