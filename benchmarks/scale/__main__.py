"""How time, memory and files grow with the corpus, and which of them gives way first.

Simulates whole corpora of some sizes on a clock that nobody waits for, then makes what
grows with a corpus of 1, 10 and 100 million segments as large as it would be, part by
part. Times are CPU. What is computed and not run says so. 100 million take 8 GB of memory
and 5 GB of disk.

    python -m benchmarks.scale [--quick] [--simulate 10000 100000] [--segments 1000000 10000000]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.scale import parts
from benchmarks.scale.simulation import Simulation, Told
from benchmarks.tables import mebibytes, show

_COMPONENTS = ("planner", "limiter", "budget", "record", "writer", "compaction", "settle", "finished")
# Its memory falls from 154 to 49 bytes a recording as there are more; nobody has hours for all of them.
_CROSSING_AT_MOST = 10**7
_WITHOUT_RECORD = tuple(name for name in parts.PARTS if name not in ("record", "opened"))


def main(arguments: Sequence[str] | None = None) -> None:
    """``python -m benchmarks.scale``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="300 and 900 segments, parts of 10,000")
    parser.add_argument("--simulate", type=int, nargs="*", default=[10_000, 100_000], metavar="N")
    parser.add_argument("--segments", type=int, nargs="*", default=[10**6, 10**7, 10**8], metavar="N")
    parser.add_argument("--one", nargs=3, metavar=("WHAT", "N", "FOLDER"), help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.one is not None:
        _one(given.one[0], int(given.one[1]), Path(given.one[2]))
        return
    simulated = [300, 900] if given.quick else given.simulate
    sizes = [10_000] if given.quick else given.segments
    if simulated:
        _show_simulations([_simulated(segments) for segments in simulated])
    if sizes:
        _show_computed(sizes)
        show(
            "Part by part, run at full size: CPU, memory beyond what the process held before",
            ("", "CPU", "each", "memory"),
            (row for segments in sizes for row in _rows_of_parts(segments)),
        )


def _show_simulations(told: Sequence[Told]) -> None:
    """Whole corpora: what the smallest came to is the reference."""
    first = told[0]
    show(
        "Simulated corpora, run whole: CPU for a million segments, in seconds",
        ("", *_COMPONENTS),
        (
            (
                f"{each.segments:,} segments{' (reference)' if each is first else ''}",
                *(f"{each.cpu_seconds[name] / each.segments * 1e6:.0f}" for name in _COMPONENTS),
            )
            for each in told
        ),
    )
    show(
        "The same: what they left",
        ("", "simulated", "calls/s", "flushes", "parts", "dataset", "record", "peak memory", "of reference"),
        (_left(each, first) for each in told),
    )


def _left(each: Told, first: Told) -> tuple[str, ...]:
    dataset_bytes = each.disk_bytes["segments"] + each.disk_bytes["transcripts"]
    peak_bytes = max(each.peak_bytes, each.peak_after_bytes)
    return (
        f"left by {each.segments:,} segments{' (reference)' if each is first else ''}",
        f"{each.hours:.2f} h",
        f"{each.segments / each.hours / 3600:.2f}",
        f"{each.flushes:,}",
        f"{each.files['segments'] + each.files['transcripts']:,}",
        mebibytes(dataset_bytes),
        f"{mebibytes(each.disk_bytes['record'])} in {each.files['record']}",
        mebibytes(peak_bytes),
        f"{peak_bytes / max(first.peak_bytes, first.peak_after_bytes):.2f}",
    )


def _show_computed(sizes: Sequence[int]) -> None:
    seconds = parts.part_seconds()
    show(
        f"Computed, not run: at {parts.QUOTA_PER_SECOND:.0f} calls/s, one worker, a part in {seconds:.0f} s",
        ("", "hours", "days", "parts of segments/"),
        (
            (
                f"{segments:,} segments",
                f"{parts.hours(segments):,.1f}",
                f"{parts.hours(segments) / 24:.1f}",
                f"{parts.part_files(segments):,}",
            )
            for segments in sizes
        ),
    )


def _rows_of_parts(segments: int) -> Iterator[tuple[str, ...]]:
    with parts.temporary_folder() as folder:
        figures = [*_asked("record", segments, folder), *_asked("opened", segments, folder)]
    for name in _WITHOUT_RECORD:
        if name == "crossing" and segments > _CROSSING_AT_MOST:
            continue
        with parts.temporary_folder() as folder:
            figures += _asked(name, segments, folder)
    for figure in figures:
        each = f"{figure.cpu_seconds / figure.of * 1e6:.1f} us" if figure.of > 1 else ""
        yield (
            f"{segments:,} segments: {figure.name}",
            f"{figure.cpu_seconds:.2f} s",
            each,
            mebibytes(figure.peak_bytes),
        )


def _simulated(segments: int) -> Told:
    with parts.temporary_folder() as folder:
        (told,) = _said("simulation", segments, folder)
    return Told(**told)


def _asked(name: str, segments: int, folder: Path) -> list[parts.Figure]:
    return [parts.Figure(**each) for each in _said(name, segments, folder)]


def _said(name: str, segments: int, folder: Path) -> list[dict[str, object]]:
    """What a process of its own says."""
    command = [sys.executable, "-m", "benchmarks.scale", "--one", name, str(segments), str(folder)]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    found: list[dict[str, object]] = json.loads(said)
    return found


def _one(name: str, segments: int, folder: Path) -> None:
    if name == "simulation":
        print(json.dumps([asdict(Simulation(folder, segments).run())]))
    else:
        print(json.dumps([asdict(figure) for figure in parts.PARTS[name](segments, folder)]))


if __name__ == "__main__":
    main()
