"""Peak memory of the whole job: many segments beside few, hours beside minutes.

The reference of each row is the smaller run of the same kind, in the same measurement. A
peak is the highest of many moments, so that one run differs from its own repetition:
with ``--rounds`` the two take turns, and what is shown is the median with the lowest and the highest.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.corpus import make_recordings
from benchmarks.processes import TreeMemory
from benchmarks.running import run_job, serving
from benchmarks.tables import MEBIBYTE, mebibytes, show

LIMIT_BYTES = 400 * MEBIBYTE
"""What a worker process may take."""

SEGMENT_SECONDS = 59

# Long enough that the machine keeps all calls that are allowed in flight, with wav: the runs that
# are compared hold as much at once then.
_LATENCY_MS = (5500.0, 6500.0)
_PER_SECOND = 200


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is to transcribe, how many calls in flight at most, and whether sound is kept."""

    recordings: int
    segments_each: int
    concurrency: int = 48
    include_audio: bool = False


@dataclass(frozen=True, slots=True)
class Payloads:
    """What the segments are sent as, by the limit of a payload in bytes before base64."""

    name: str
    max_payload_bytes: int


@dataclass(frozen=True, slots=True)
class Memory:
    """What came of one run.

    Attributes:
        calls: segments that were sent.
        per_second: calls a second, of the middle four fifths.
        max_in_flight: most calls at once.
        peak: of the process tree.
    """

    size: Size
    payloads: Payloads
    calls: int
    per_second: float
    max_in_flight: int
    peak: TreeMemory


WAV = Payloads("wav", 2_250_000)
OPUS = Payloads("ogg-opus", 600_000)

# A recording each, so that every segment is as long as it may be.
FEW = Size(300, 1)
MANY = Size(3000, 1)
# Few calls in flight, so that ten segments are as many at once as hours of them.
MINUTES = Size(1, 10, concurrency=8)
HOURS = Size(1, 244, concurrency=8)
# The same twice, without and with the sound of the segments in the dataset.
SOUNDLESS = Size(600, 1)
SOUNDING = Size(600, 1, include_audio=True)


def measure(size: Size, payloads: Payloads, *, workers: int = 1) -> Memory:
    """Transcribe recordings of a whole number of segments as fast as the machine can.

    Args:
        size: at least 10 segments in all.
        payloads: what is sent.
        workers: worker processes; they share the calls in flight.
    """
    with tempfile.TemporaryDirectory() as folder:
        make_recordings(
            Path(folder, "in"), size.recordings, size.segments_each * SEGMENT_SECONDS, kind="flac"
        )
        with serving(latency_ms=_LATENCY_MS) as service:
            settings = {
                "recognition.endpoint": service.endpoint,
                "recognition.engine": "16k_en",
                "recognition.requests_per_second": _PER_SECOND,
                "recognition.concurrency": size.concurrency,
                "recognition.max_payload_bytes": payloads.max_payload_bytes,
                "segmentation.max_seconds": float(SEGMENT_SECONDS),
                # Made sound is no speech; sent as a whole, its segments are as long as they may be.
                "segmentation.skip_silence": "false",
                "output.include_audio": str(size.include_audio).lower(),
            }
            job = run_job(Path(folder, "in"), Path(folder, "out"), settings, _beam_flags(workers))
            stats = service.stats()
    assert stats.steady_per_second is not None, "there were at least 10 calls"
    return Memory(size, payloads, stats.calls, stats.steady_per_second, stats.max_in_flight, job.peak)


def report(pairs: Sequence[tuple[Sequence[Memory], Sequence[Memory]]]) -> None:
    """Print each pair: the rounds of the reference, and of what is compared with it."""
    show(
        f"Peak memory of the process tree; segments of {SEGMENT_SECONDS} s, {_PER_SECOND} calls/s allowed",
        (
            "",
            "calls",
            "reached",
            "in flight",
            "PSS",
            "RSS",
            "kernel's peaks",
            "lowest, highest",
            "of reference",
            "of 400 MiB",
        ),
        [row for pair in pairs for row in _rows(*pair)],
    )
    print(
        "The last four columns are the kernel's own peaks of all processes of the tree, added up: no moment "
        "is missed, and what they share is counted in each. The other figures are of the round in the middle."
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """``python -m benchmarks.memory``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="see that it works")
    parser.add_argument("--payloads", choices=("wav", "ogg-opus", "both"), default="both")
    parser.add_argument("--include-audio", action="store_true", help="what keeping their sound takes")
    parser.add_argument("--rounds", type=int, default=1, help="default 1")
    given = parser.parse_args(arguments)
    kinds = [kind for kind in (WAV, OPUS) if given.payloads in (kind.name, "both")]
    sizes = [(FEW, MANY), (MINUTES, HOURS)]
    if given.quick:
        kinds, sizes = [WAV], [(Size(2, 5), Size(4, 5))]
    elif given.include_audio:
        kinds, sizes = [WAV], [(SOUNDLESS, SOUNDING)]
    report([_in_turns(few, many, kind, given.rounds) for kind in kinds for few, many in sizes])


def _in_turns(few: Size, many: Size, kind: Payloads, rounds: int) -> tuple[list[Memory], list[Memory]]:
    measured = [(measure(few, kind), measure(many, kind)) for _ in range(rounds)]
    return [pair[0] for pair in measured], [pair[1] for pair in measured]


def _beam_flags(workers: int) -> tuple[str, ...]:
    if workers == 1:
        return ()
    return (f"--direct_num_workers={workers}", "--direct_running_mode=multi_processing")


def _rows(reference: Sequence[Memory], compared: Sequence[Memory]) -> Iterator[tuple[str, ...]]:
    reference_bytes = median(memory.peak.high_water_bytes for memory in reference)
    for rounds, label in ((reference, " (reference)"), (compared, "")):
        in_order = sorted(rounds, key=lambda memory: memory.peak.high_water_bytes)
        memory = in_order[len(in_order) // 2]
        size = memory.size
        minutes = size.segments_each * SEGMENT_SECONDS / 60
        sound = ", with sound" if size.include_audio else ""
        middle_bytes = median(each.peak.high_water_bytes for each in rounds)
        lowest, highest = (mebibytes(each.peak.high_water_bytes) for each in (in_order[0], in_order[-1]))
        yield (
            f"{memory.payloads.name}: {size.recordings} x {minutes:.0f} min{sound}{label}",
            str(memory.calls),
            f"{memory.per_second:.0f}/s",
            str(memory.max_in_flight),
            mebibytes(memory.peak.pss_bytes),
            mebibytes(memory.peak.rss_bytes),
            mebibytes(middle_bytes),
            f"{lowest}, {highest}" if len(in_order) > 1 else "",
            f"{middle_bytes / reference_bytes:.3f}",
            f"{middle_bytes / LIMIT_BYTES:.2f}",
        )


if __name__ == "__main__":
    main()
