"""What a second core brings: decoding, detecting and cutting on one process and on two.

The reference is one process. How much two cores can bring at all on this machine is shown by
ffmpeg, whose processes share nothing: one at a time, and two.
"""

from __future__ import annotations

import argparse
import io
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from threading import Barrier
from typing import Final

from benchmarks.ffmpeg import Ffmpeg, described, find_ffmpeg
from benchmarks.media import FLAC, MP3, WAV, Format, make_media
from benchmarks.tables import show, times
from benchmarks.ways import SAMPLE_RATE
from transforms.chosen import ChannelChoice
from transforms.cut_source import CutTask
from transforms.cuts import CutPolicy
from transforms.decode_pool import DecodePool

GOAL: Final = 1.7
"""Times as fast on two processes as on one, at least, where nothing else runs."""

_FORMATS = (WAV, MP3, FLAC)
_SEGMENT_SAMPLES = 59 * SAMPLE_RATE
_STALL_SECONDS = 60.0

# Takes a file to its end.
_Work = Callable[[Path], object]


@dataclass(frozen=True, slots=True)
class Scaling:
    """How long the same files took by the clock; the median of the rounds.

    Attributes:
        name: what worked on them.
        audio_seconds: their length.
        one_seconds: on one process.
        two_seconds: on two.
    """

    name: str
    audio_seconds: float
    one_seconds: float
    two_seconds: float


def measure(
    kind: Format, ffmpeg: Ffmpeg | None, *, files: int, seconds_each: float, rounds: int
) -> list[Scaling]:
    """Decode the same files on one process and on two, in turn.

    Args:
        kind: their format.
        ffmpeg: what shows how much can be had; None to leave it out.
        files: how many.
        seconds_each: their length.
        rounds: how often each has its turn.
    """
    clocks = {f"{kind.name}: ours": _clock_ours}
    if ffmpeg is not None:
        clocks[f"{kind.name}: ffmpeg"] = partial(_clock, lambda path: ffmpeg.decode_to_nowhere([path]))
    taken: dict[tuple[str, int], list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        paths = make_media(Path(folder, "in"), kind, files, seconds_each)
        (short,) = make_media(Path(folder, "short"), kind, 1, 2.0)
        for _ in range(rounds):
            for name, clock in clocks.items():
                for processes in (1, 2):
                    taken.setdefault((name, processes), []).append(clock(short, paths, processes))
    return [
        Scaling(name, files * seconds_each, median(taken[name, 1]), median(taken[name, 2])) for name in clocks
    ]


def report(measured: Sequence[Scaling], load: float) -> None:
    """Print how fast one and two were.

    Args:
        measured: for each format, ours and ffmpeg.
        load: of the machine before, the average of a minute.
    """
    show(
        "Decoding, detecting and cutting on one process and on two, by the clock: times real time",
        ("", "one (reference)", "two", "two / one"),
        [_row(each) for each in measured],
    )
    print(f"Ours is to reach {GOAL} where nothing else runs; the load before was {load:.1f}.")


def main(arguments: Sequence[str] | None = None) -> None:
    """``python -m benchmarks.cores``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cores", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="see that it works")
    parser.add_argument("--minutes", type=float, default=5.0, help="length of each of 8 files; default 5")
    given = parser.parse_args(arguments)
    load = os.getloadavg()[0]
    files, seconds_each, rounds = (2, 10.0, 1) if given.quick else (8, given.minutes * 60, 3)
    ffmpeg = find_ffmpeg()
    measured = [
        scaling
        for kind in _FORMATS
        for scaling in measure(kind, ffmpeg, files=files, seconds_each=seconds_each, rounds=rounds)
    ]
    report(measured, load)
    print(described(ffmpeg))


def _clock_ours(short: Path, paths: Sequence[Path], processes: int) -> float:
    with closing(DecodePool(stall_seconds=_STALL_SECONDS)) as pool:
        return _clock(partial(_cut, pool), short, paths, processes)


def _clock(work: _Work, short: Path, paths: Sequence[Path], processes: int) -> float:
    """How long the files take on so many threads, each of which has worked before."""
    ready = Barrier(processes)

    def warm_up(_: int) -> None:
        ready.wait()  # so that each thread takes one
        work(short)

    with ThreadPoolExecutor(processes) as crew:
        list(crew.map(warm_up, range(processes)))
        started = time.monotonic()
        list(crew.map(work, paths))
        return time.monotonic() - started


def _cut(pool: DecodePool, path: Path) -> None:
    task = CutTask(
        name=path.name,
        sample_rate=SAMPLE_RATE,
        channels=ChannelChoice.mix(),
        policy=CutPolicy.for_rate(SAMPLE_RATE, max_samples=_SEGMENT_SAMPLES),
        detector="silero",
        max_hours=24.0,
    )
    with io.FileIO(path) as source:
        cut = pool.cut(source, task)
    if cut.failure is not None:
        raise cut.failure
    for channel in cut.channels:
        channel.hold.close()


def _row(scaling: Scaling) -> tuple[str, ...]:
    speeds = [scaling.audio_seconds / seconds for seconds in (scaling.one_seconds, scaling.two_seconds)]
    return (scaling.name, *(f"{speed:,.0f}" for speed in speeds), times(speeds[1] / speeds[0]))


if __name__ == "__main__":
    main()
