"""What a short recording costs to decode: CPU and time for each file.

The reference is what is done most: one ffmpeg process for each file. pydub starts two for
most formats, ffprobe and ffmpeg.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.ffmpeg import described, find_ffmpeg
from benchmarks.media import FORMATS, Format, make_media
from benchmarks.tables import milliseconds, show, times
from benchmarks.ways import FFMPEG, OURS, PYDUB, SNDFILE, Usage, Way, compare, ways

SECONDS_EACH: Final = 5.0

_COLUMNS = (OURS, SNDFILE, FFMPEG, PYDUB)


@dataclass(frozen=True, slots=True)
class PerFile:
    """What one file takes, by the name of the way; without the ways that do not read the format."""

    kind: Format
    by_way: dict[str, Usage]


def measure(kind: Format, each: Sequence[Way], *, files: int, rounds: int) -> PerFile:
    """Decode short recordings in all ways in turn.

    Args:
        kind: their format.
        each: the ways.
        files: how many recordings.
        rounds: how often each way has its turn.
    """
    with tempfile.TemporaryDirectory() as folder:
        paths = make_media(Path(folder, "in"), kind, files, SECONDS_EACH)
        taken = compare(each, kind, paths, rounds)
    return PerFile(
        kind,
        {name: Usage(all_.wall_seconds / files, all_.cpu_seconds / files) for name, all_ in taken.items()},
    )


def report(measured: Sequence[PerFile]) -> None:
    """Print what a file takes, and how many times that the others take."""
    show(
        f"Decoding a file of {SECONDS_EACH:.0f} s to 16 kHz mono: CPU and, in brackets, time",
        (
            "",
            *(f"{name} (reference)" if name == FFMPEG else name for name in _COLUMNS),
            "ffmpeg / ours, CPU",
            "pydub / ours, CPU",
        ),
        [_row(each) for each in measured],
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """``python -m benchmarks.short_files``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.short_files", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="see that it works")
    parser.add_argument("--files", type=int, default=40, help="of each format; default 40")
    given = parser.parse_args(arguments)
    ffmpeg = find_ffmpeg()
    each = [way for way in ways(ffmpeg) if way.name in _COLUMNS]
    files, rounds = (2, 1) if given.quick else (given.files, 3)
    report([measure(kind, each, files=files, rounds=rounds) for kind in FORMATS])
    print(described(ffmpeg))


def _row(per_file: PerFile) -> tuple[str, ...]:
    by_way = per_file.by_way
    cells = [
        f"{milliseconds(by_way[name].cpu_seconds)} ({milliseconds(by_way[name].wall_seconds)})"
        if name in by_way
        else "-"
        for name in _COLUMNS
    ]
    ratios = [
        times(by_way[name].cpu_seconds / by_way[OURS].cpu_seconds) if name in by_way else "-"
        for name in (FFMPEG, PYDUB)
    ]
    return (per_file.kind.name, *cells, *ratios)


if __name__ == "__main__":
    main()
