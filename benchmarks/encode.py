"""CPU and size of a payload of 59 s in each format, and which one ``auto`` sends.

The reference is wav, which needs no encoder.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.corpus import SAMPLE_RATE, sound
from benchmarks.tables import milliseconds, show, times
from transforms.encode import encode
from transforms.formats import ENCODABLE, bytes_upper_bound, choose_format
from transforms.sound import sound_of

PAYLOAD_LIMITS = (600_000, 2_250_000)
"""Of the service's older document, and of today's: bytes before base64."""

REFERENCE = "wav"
SEGMENT_SECONDS = 59


@dataclass(frozen=True, slots=True)
class Encoding:
    """What it takes to send a segment in a format; the median of the rounds.

    Attributes:
        bound_bytes: what `auto` reckons with: no payload is larger.
    """

    voice_format: str
    cpu_seconds: float
    payload_bytes: int
    bound_bytes: int


def measure(*, rounds: int, seconds: float = SEGMENT_SECONDS) -> list[Encoding]:
    """Encode the same speech in every format in turn.

    Args:
        rounds: how often each has its turn.
        seconds: the length of the speech.
    """
    samples = sound(seconds, seed=1)
    audio = sound_of(samples.tobytes(), SAMPLE_RATE)
    cpu_seconds: dict[str, list[float]] = {voice_format: [] for voice_format in ENCODABLE}
    payload_bytes: dict[str, int] = {}
    for _ in range(rounds):
        for voice_format in ENCODABLE:
            started = time.process_time()
            payload = encode(
                audio, voice_format, name="the benchmark's speech", max_payload_bytes=max(PAYLOAD_LIMITS)
            )
            cpu_seconds[voice_format].append(time.process_time() - started)
            payload_bytes[voice_format] = len(payload)
    return [
        Encoding(
            voice_format=voice_format,
            cpu_seconds=median(cpu_seconds[voice_format]),
            payload_bytes=payload_bytes[voice_format],
            bound_bytes=bytes_upper_bound(voice_format, len(samples), SAMPLE_RATE),
        )
        for voice_format in ENCODABLE
    ]


def reason(measured: Sequence[Encoding], samples: int, limit_bytes: int) -> str:
    """Which format ``auto`` sends at a limit, and why, in a sentence."""
    by_format = {each.voice_format: each for each in measured}
    chosen = by_format[choose_format(samples, SAMPLE_RATE, limit_bytes)]
    wav = by_format[REFERENCE]
    name = f"At {limit_bytes:,} bytes auto sends {chosen.voice_format}"
    if chosen is wav:
        return f"{name}: its {wav.bound_bytes:,} bytes fit, and it needs no encoder."
    other = by_format["mp3" if chosen.voice_format == "ogg-opus" else "ogg-opus"]
    return (
        f"{name}: wav does not fit ({wav.bound_bytes:,} bytes); it takes at most {chosen.bound_bytes:,} "
        f"bytes and {chosen.cpu_seconds / other.cpu_seconds:.2f} of the CPU of {other.voice_format}."
    )


def report(measured: Sequence[Encoding], seconds: float) -> None:
    """Print what was measured and what `auto` makes of it."""
    reference = next(each for each in measured if each.voice_format == REFERENCE)
    show(
        f"One payload of {seconds:.0f} s of speech at 16 kHz",
        (
            "",
            "CPU",
            "CPU / wav",
            "bytes",
            "bytes / wav",
            "at most",
            *(f"in {limit:,}" for limit in PAYLOAD_LIMITS),
        ),
        [_row(each, reference) for each in measured],
    )
    for limit_bytes in PAYLOAD_LIMITS:
        print(reason(measured, round(seconds * SAMPLE_RATE), limit_bytes))


def main(arguments: Sequence[str] | None = None) -> None:
    """``python -m benchmarks.encode``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.encode", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="see that it works")
    quick = parser.parse_args(arguments).quick
    report(measure(rounds=1 if quick else 7), SEGMENT_SECONDS)


def _row(encoding: Encoding, reference: Encoding) -> tuple[str, ...]:
    is_reference = encoding.voice_format == reference.voice_format
    return (
        f"{encoding.voice_format}{' (reference)' if is_reference else ''}",
        milliseconds(encoding.cpu_seconds),
        times(encoding.cpu_seconds / reference.cpu_seconds),
        f"{encoding.payload_bytes:,}",
        f"{encoding.payload_bytes / reference.payload_bytes:.2f}",
        f"{encoding.bound_bytes:,}",
        *("yes" if encoding.bound_bytes <= limit else "no" for limit in PAYLOAD_LIMITS),
    )


if __name__ == "__main__":
    main()
