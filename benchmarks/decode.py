"""How fast recordings are decoded to 16 kHz mono, format by format, in CPU of one core.

The reference is the faster of ffmpeg alone, which keeps nothing of what it decodes, and of
soundfile and soxr in a plain loop. ``ours`` is what a run does: it reads the file once,
checksums it, decodes, mixes and resamples.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.ffmpeg import Ffmpeg, described, find_ffmpeg
from benchmarks.media import FORMATS, Format, make_media
from benchmarks.tables import show
from benchmarks.ways import FFMPEG, FFMPEG_SOXR, OURS, PYAV, PYDUB, SNDFILE, Usage, Way, compare, ways
from transforms.heap import keep_large_buffers

GOAL: Final = 0.9
"""Ours as a share of the reference's speed, at least."""

_REFERENCES = (SNDFILE, FFMPEG)
_COLUMNS = (OURS, *_REFERENCES, FFMPEG_SOXR, PYAV, PYDUB)


@dataclass(frozen=True, slots=True)
class Speeds:
    """How fast one format is decoded.

    Attributes:
        by_way: seconds of audio per second of CPU, by the name of the way; without the ways
            that do not read the format.
    """

    kind: Format
    by_way: dict[str, float]

    @property
    def of_reference(self) -> float | None:
        """Ours as a share of the faster reference; None where none reads the format."""
        references = [self.by_way[name] for name in _REFERENCES if name in self.by_way]
        return self.by_way[OURS] / max(references) if references else None


def measure(kind: Format, each: Sequence[Way], *, seconds: float, rounds: int) -> Speeds:
    """Decode one recording in all ways in turn.

    Args:
        kind: its format.
        each: the ways.
        seconds: its length.
        rounds: how often each way has its turn.
    """
    with tempfile.TemporaryDirectory() as folder:
        paths = make_media(Path(folder, "in"), kind, 1, seconds)
        taken: dict[str, Usage] = compare(each, kind, paths, rounds)
    return Speeds(kind, {name: seconds / usage.cpu_seconds for name, usage in taken.items()})


def report(measured: Sequence[Speeds], seconds: float, ffmpeg: Ffmpeg | None) -> None:
    """Print the speeds, and which formats miss the goal."""
    show(
        f"Decoding {seconds:,.0f} s to 16 kHz mono: times real time, on the CPU of one core",
        ("", *(f"{name} (reference)" if name in _REFERENCES else name for name in _COLUMNS), "of the better"),
        [_row(speeds) for speeds in measured],
    )
    print(described(ffmpeg))
    missed = [speeds.kind.name for speeds in measured if (speeds.of_reference or GOAL) < GOAL]
    print(f"Below {GOAL} of the better reference: {', '.join(missed) or 'none'}.")


def main(arguments: Sequence[str] | None = None) -> None:
    """``python -m benchmarks.decode``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.decode", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="see that it works")
    parser.add_argument("--minutes", type=float, default=20.0, help="length of the recordings; default 20")
    parser.add_argument("--rounds", type=int, default=5, help="default 5")
    given = parser.parse_args(arguments)
    seconds = 10.0 if given.quick else given.minutes * 60
    keep_large_buffers()  # as every decode process does; all ways in this process have it
    ffmpeg = find_ffmpeg()
    each = ways(ffmpeg)
    rounds = 1 if given.quick else given.rounds
    report([measure(kind, each, seconds=seconds, rounds=rounds) for kind in FORMATS], seconds, ffmpeg)


def _row(speeds: Speeds) -> tuple[str, ...]:
    cells = [f"{speeds.by_way[name]:,.0f}" if name in speeds.by_way else "-" for name in _COLUMNS]
    share = "-" if speeds.of_reference is None else f"{speeds.of_reference:.2f}"
    return (speeds.kind.name, *cells, share)


if __name__ == "__main__":
    main()
