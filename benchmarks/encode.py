"""CPU of a call in each format at both payload limits, and which format ``auto`` sends.

Counted is what a call costs before it is sent: encoding, base64 and JSON, and the SHA-256
of the body that is signed. Sending is `benchmarks.client_cpu`'s. The reference is wav,
which needs no encoder. Each format gets the longest segments that the limit lets it have,
since calls are what is paid for.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.corpus import SAMPLE_RATE, sound
from benchmarks.tables import milliseconds, show, times
from transforms import request
from transforms.body import Body
from transforms.encode import encode_in_slices
from transforms.formats import AUTO, ENCODABLE, bytes_upper_bound, choose_format, max_samples
from transforms.request import RequestParameters
from transforms.sound import LoadedSound, Sound, sound_of

PAYLOAD_LIMITS = (600_000, 2_250_000)
"""Of the service's older document, and of today's: bytes before base64."""

REFERENCE = "wav"
SEGMENT_SECONDS = 59

_ENGINE = "16k_en"
_HOUR_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Encoding:
    """What it takes to send a segment in a format; the median of the rounds.

    Attributes:
        samples: length of the segment.
        encode_seconds: CPU of the encoder alone.
        call_seconds: CPU of all that comes before sending.
        payload_bytes: before base64.
    """

    voice_format: str
    samples: int
    encode_seconds: float
    call_seconds: float
    payload_bytes: int

    @property
    def bound_bytes(self) -> int:
        """What `auto` reckons with: no payload is larger."""
        return bytes_upper_bound(self.voice_format, self.samples, SAMPLE_RATE)

    @property
    def calls_an_hour(self) -> float:
        """How many calls an hour of speech takes in segments of this length."""
        return _HOUR_SECONDS * SAMPLE_RATE / self.samples


Measured = dict[tuple[str, int], Encoding]
"""By format and samples."""


def longest(voice_format: str, limit_bytes: int) -> int:
    """The longest segment, in samples, that a limit lets a format or ``auto`` have."""
    return max_samples(
        voice_format, SAMPLE_RATE, max_payload_bytes=limit_bytes, max_seconds=float(SEGMENT_SECONDS)
    )


def measure(segments: Iterable[tuple[str, int]], *, rounds: int) -> Measured:
    """Encode the same speech in every format in turn.

    Args:
        segments: format and samples of each.
        rounds: how often each has its turn.
    """
    samples = sound(SEGMENT_SECONDS, seed=1)
    turns: dict[tuple[str, int], list[_Turn]] = {segment: [] for segment in segments}
    for _ in range(rounds):
        for (voice_format, length), made in turns.items():
            made.append(_turn(LoadedSound(sound_of(samples[:length].tobytes(), SAMPLE_RATE)), voice_format))
    return {
        (voice_format, length): Encoding(
            voice_format=voice_format,
            samples=length,
            encode_seconds=median(turn.encode_seconds for turn in made),
            call_seconds=median(turn.call_seconds for turn in made),
            payload_bytes=made[0].payload_bytes,
        )
        for (voice_format, length), made in turns.items()
    }


def reason(measured: Measured, limit_bytes: int) -> str:
    """Which format ``auto`` sends at a limit, and why, in a sentence."""
    samples = longest(AUTO, limit_bytes)
    chosen = measured[choose_format(samples, SAMPLE_RATE, limit_bytes), samples]
    says = f"At {limit_bytes:,} bytes auto sends {chosen.voice_format}"
    wav = measured[REFERENCE, longest(REFERENCE, limit_bytes)]
    if chosen is wav:
        return f"{says}: its {wav.bound_bytes:,} bytes fit, it needs no encoder, and nothing is lost."
    mp3 = measured["mp3", samples]
    return (
        f"{says}: wav holds {wav.samples / SAMPLE_RATE:.1f} s there, which takes "
        f"{wav.calls_an_hour / chosen.calls_an_hour:.2f} times the calls, and each is paid for; "
        f"{chosen.voice_format} takes {chosen.call_seconds / mp3.call_seconds:.2f} of the CPU of mp3."
    )


def report(measured: Measured) -> None:
    """Print what was measured and what `auto` makes of it."""
    samples = SEGMENT_SECONDS * SAMPLE_RATE
    reference = measured[REFERENCE, samples]
    show(
        f"One payload of {SEGMENT_SECONDS} s of speech at 16 kHz",
        (
            "",
            "CPU encode",
            "CPU a call",
            "call / wav",
            "bytes",
            "bytes / wav",
            "at most",
            *(f"in {limit:,}" for limit in PAYLOAD_LIMITS),
        ),
        [_payload_row(measured[name, samples], reference) for name in ENCODABLE],
    )
    show(
        "An hour of speech in the longest segments that a limit allows",
        ("limit and format", "seconds a call", "calls", "CPU a call", "CPU in all", "bytes in all"),
        [
            _hour_row(measured, voice_format, limit)
            for limit in PAYLOAD_LIMITS
            for voice_format in (*ENCODABLE, AUTO)
        ],
    )
    for limit_bytes in PAYLOAD_LIMITS:
        print(reason(measured, limit_bytes))


def main(arguments: Sequence[str] | None = None) -> None:
    """``python -m benchmarks.encode``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.encode", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="see that it works")
    quick = parser.parse_args(arguments).quick
    segments = {(name, longest(name, limit)) for name in ENCODABLE for limit in PAYLOAD_LIMITS}
    segments |= {(name, SEGMENT_SECONDS * SAMPLE_RATE) for name in ENCODABLE}
    report(measure(segments, rounds=1 if quick else 7))


@dataclass(frozen=True, slots=True)
class _Turn:
    """One round of an `Encoding`."""

    encode_seconds: float
    call_seconds: float
    payload_bytes: int


def _turn(sound: Sound, voice_format: str) -> _Turn:
    started = time.process_time()
    payload = encode_in_slices(
        sound, voice_format, name="the benchmark's speech", max_payload_bytes=max(PAYLOAD_LIMITS)
    )
    encoded = time.process_time()
    body = request.json_body(
        RequestParameters(),
        engine=_ENGINE,
        voice_format=voice_format,
        audio=payload.slices,
        size_bytes=payload.size_bytes,
    )
    Body(body)
    return _Turn(encoded - started, time.process_time() - started, payload.size_bytes)


def _payload_row(encoding: Encoding, reference: Encoding) -> tuple[str, ...]:
    is_reference = encoding.voice_format == reference.voice_format
    return (
        f"{encoding.voice_format}{' (reference)' if is_reference else ''}",
        milliseconds(encoding.encode_seconds),
        milliseconds(encoding.call_seconds),
        times(encoding.call_seconds / reference.call_seconds),
        f"{encoding.payload_bytes:,}",
        f"{encoding.payload_bytes / reference.payload_bytes:.2f}",
        f"{encoding.bound_bytes:,}",
        *("yes" if encoding.bound_bytes <= limit else "no" for limit in PAYLOAD_LIMITS),
    )


def _hour_row(measured: Measured, voice_format: str, limit_bytes: int) -> tuple[str, ...]:
    samples = longest(voice_format, limit_bytes)
    label = f"{limit_bytes:,}: {voice_format}"
    if voice_format == AUTO:
        voice_format = choose_format(samples, SAMPLE_RATE, limit_bytes)
        label += f" ({voice_format})"
    encoding = measured[voice_format, samples]
    return (
        label,
        f"{samples / SAMPLE_RATE:.1f}",
        f"{encoding.calls_an_hour:.0f}",
        milliseconds(encoding.call_seconds),
        f"{encoding.calls_an_hour * encoding.call_seconds:.2f} s",
        f"{encoding.calls_an_hour * encoding.payload_bytes / 1e6:.0f} MB",
    )


if __name__ == "__main__":
    main()
