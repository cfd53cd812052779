"""A whole run beside a program that only decodes: from recordings to a dataset, by the clock.

``python -m pipeline run`` decodes, detects speech, cuts, signs and calls a local service,
which shares the cores with it. The reference is one ffmpeg process that decodes the same
files to 16 kHz mono and keeps nothing.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.ffmpeg import Ffmpeg, described, find_ffmpeg
from benchmarks.media import FLAC, MP3, WAV, Format, make_media
from benchmarks.running import JobRun, run_job, serving
from benchmarks.tables import show
from benchmarks.ways import Usage, used

GOAL: Final = 0.6
"""The run without its start, as a share of the reference's speed, at least."""

DETECTORS: Final = ("silero", "energy")
"""Of speech; the first is the default."""

_FORMATS = (WAV, MP3, FLAC)
_SETTINGS: Final = {
    "recognition.engine": "16k_en",
    # As shipped configurations have it, so that wav is sent and nothing is encoded.
    "recognition.max_payload_bytes": 2_250_000,
    # Far more than is reached: the machine is the limit.
    "recognition.requests_per_second": 500,
}


@dataclass(frozen=True, slots=True)
class Corpus:
    """Recordings of one format, and a short one that shows what starting takes."""

    kind: Format
    folder: Path
    short: Path
    paths: Sequence[Path]
    seconds: float


@dataclass(frozen=True, slots=True)
class Run:
    """A run over a corpus.

    Attributes:
        start: a run over one short recording.
        whole: the run.
        calls: that the service answered.
        steady_per_second: calls a second, of the middle four fifths; None for a few calls.
        service_cpu_seconds: what the service used for them.
    """

    corpus: Corpus
    detector: str
    start: JobRun
    whole: JobRun
    calls: int
    steady_per_second: float | None
    service_cpu_seconds: float

    @property
    def without_start(self) -> Usage:
        """What the run took beyond its start."""
        return Usage(
            self.whole.wall_seconds - self.start.wall_seconds, self.whole.cpu_seconds - self.start.cpu_seconds
        )


def make_corpus(folder: Path, kind: Format, *, files: int, seconds_each: float) -> Corpus:
    """Write a corpus.

    Args:
        folder: is made.
        kind: the format of its recordings.
        files: how many.
        seconds_each: their length.
    """
    (short,) = make_media(folder / "short", kind, 1, 2.0)
    paths = make_media(folder / "in", kind, files, seconds_each)
    return Corpus(kind, folder, short, paths, files * seconds_each)


def measure(corpus: Corpus, detector: str) -> Run:
    """Transcribe a short recording, then the corpus, each with a service of its own.

    Args:
        corpus: what to transcribe.
        detector: of speech.
    """
    settings = {**_SETTINGS, "segmentation.detector": detector}
    with serving() as service:
        start = run_job(
            corpus.short.parent,
            corpus.folder / f"short-{detector}",
            {**settings, "recognition.endpoint": service.endpoint},
        )
    with serving() as service:
        cpu_before = service.cpu_seconds()
        whole = run_job(
            corpus.paths[0].parent,
            corpus.folder / f"out-{detector}",
            {**settings, "recognition.endpoint": service.endpoint},
        )
        stats = service.stats()
        service_cpu_seconds = service.cpu_seconds() - cpu_before
    return Run(corpus, detector, start, whole, stats.calls, stats.steady_per_second, service_cpu_seconds)


def report(measured: Sequence[tuple[Usage | None, Sequence[Run]]]) -> None:
    """Print each corpus: the reference, then the runs beside it."""
    show(
        "A whole run, by the clock and in CPU; x is times real time",
        (
            "",
            "audio",
            "calls",
            "clock",
            "start",
            "CPU after start",
            "the service's",
            "x after start",
            "x, steady",
            "of ffmpeg",
        ),
        [row for reference, runs in measured for row in _rows(reference, runs)],
    )
    print(
        "'start' is a run over 2 s of audio; 'steady' the middle four fifths of the calls; 'of ffmpeg' "
        f"compares the clock after start, {GOAL} or more is wanted of {DETECTORS[0]}."
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """``python -m benchmarks.whole_run``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.whole_run", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="see that it works")
    parser.add_argument("--files", type=int, default=12, help="of each format; default 12")
    parser.add_argument("--minutes", type=float, default=15.0, help="length of each file; default 15")
    given = parser.parse_args(arguments)
    files, seconds_each = (2, 60.0) if given.quick else (given.files, given.minutes * 60)
    ffmpeg = find_ffmpeg()
    measured = []
    for kind in _FORMATS[:1] if given.quick else _FORMATS:
        with tempfile.TemporaryDirectory() as folder:
            corpus = make_corpus(Path(folder, "corpus"), kind, files=files, seconds_each=seconds_each)
            measured.append(_beside_reference(corpus, ffmpeg))
    report(measured)
    print(described(ffmpeg))


def _beside_reference(corpus: Corpus, ffmpeg: Ffmpeg | None) -> tuple[Usage | None, list[Run]]:
    """The reference before each run, the faster time of it, and the runs."""
    references = []
    runs = []
    for detector in DETECTORS:
        if ffmpeg is not None:
            references.append(used(partial(ffmpeg.decode_to_nowhere, corpus.paths)))
        runs.append(measure(corpus, detector))
    return min(references, key=lambda usage: usage.wall_seconds, default=None), runs


def _reference_row(reference: Usage | None, run: Run) -> tuple[str, ...]:
    name = f"{run.corpus.kind.name}: ffmpeg (reference)"
    audio = _minutes(run.corpus)
    if reference is None:
        return (name, audio, "", "no ffmpeg")
    clock, cpu = f"{reference.wall_seconds:.1f} s", f"{reference.cpu_seconds:.1f} s"
    speed = f"{run.corpus.seconds / reference.wall_seconds:,.0f}"
    return (name, audio, "", clock, "", cpu, "", speed, "", "1.00")


def _rows(reference: Usage | None, runs: Sequence[Run]) -> Iterator[tuple[str, ...]]:
    yield _reference_row(reference, runs[0])
    for run in runs:
        seconds = run.corpus.seconds
        taken = run.without_start
        steady = "-"
        if run.steady_per_second is not None:
            steady = f"{run.steady_per_second * seconds / run.calls:,.0f}"
        yield (
            f"{run.corpus.kind.name}: {run.detector}",
            _minutes(run.corpus),
            str(run.calls),
            f"{run.whole.wall_seconds:.1f} s",
            f"{run.start.wall_seconds:.1f} s",
            f"{taken.cpu_seconds:.1f} s",
            f"{run.service_cpu_seconds:.1f} s",
            f"{seconds / taken.wall_seconds:,.0f}" if taken.wall_seconds > 0 else "too short",
            steady,
            _of_reference(reference, taken),
        )


def _of_reference(reference: Usage | None, taken: Usage) -> str:
    if reference is None or taken.wall_seconds <= 0:
        return "-"
    return f"{reference.wall_seconds / taken.wall_seconds:.2f}"


def _minutes(corpus: Corpus) -> str:
    return f"{corpus.seconds / 60:.0f} min"


if __name__ == "__main__":
    main()
