"""How close the whole job comes to the quota, beside the quota itself and a serial caller.

The figures are the service's own: it runs in another process and counts what arrives.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.corpus import make_recordings
from benchmarks.running import run_job, serving
from benchmarks.tables import milliseconds, show

LATENCY_MS = (800.0, 1200.0)
QUICK_LATENCY_MS = (80.0, 120.0)

_SECONDS_EACH = 1.0


@dataclass(frozen=True, slots=True)
class Rate:
    """What came of one run.

    Attributes:
        quota: calls that the service allows in any second.
        concurrency: calls in flight at most.
        calls: that arrived, refused ones included.
        refused: of them, for their frequency.
        steady_per_second: of the middle four fifths of the calls.
        max_in_second: most calls in any second.
        max_in_flight: most calls at once.
        wall_seconds: of the command, imports included.
        job_cpu_seconds: CPU of the command.
        service_cpu_seconds: CPU of the service.
    """

    quota: int
    concurrency: int
    calls: int
    refused: int
    steady_per_second: float
    max_in_second: int
    max_in_flight: int
    wall_seconds: float
    job_cpu_seconds: float
    service_cpu_seconds: float


def measure(recordings: int, *, quota: int, concurrency: int, latency_ms: tuple[float, float]) -> Rate:
    """Transcribe short recordings at a quota.

    Args:
        recordings: how many, of one call each; at least 10.
        quota: the service's limit and the job's setting, calls per second.
        concurrency: calls in flight at most.
        latency_ms: bounds of the time until the service answers.
    """
    with tempfile.TemporaryDirectory() as folder:
        make_recordings(Path(folder, "in"), recordings, _SECONDS_EACH)
        with serving(requests_per_second=quota, latency_ms=latency_ms) as service:
            settings = {
                "recognition.endpoint": service.endpoint,
                "recognition.engine": "16k_en",
                "segmentation.skip_silence": "false",  # made sound is no speech
                "recognition.requests_per_second": quota,
                "recognition.concurrency": concurrency,
            }
            job = run_job(Path(folder, "in"), Path(folder, "out"), settings)
            stats = service.stats()
            service_cpu_seconds = service.cpu_seconds()
    assert stats.steady_per_second is not None, "there were at least 10 calls"
    return Rate(
        quota=quota,
        concurrency=concurrency,
        calls=stats.calls,
        refused=sum(stats.refused.values()),
        steady_per_second=stats.steady_per_second,
        max_in_second=stats.max_in_second,
        max_in_flight=stats.max_in_flight,
        wall_seconds=job.wall_seconds,
        job_cpu_seconds=job.cpu_seconds,
        service_cpu_seconds=service_cpu_seconds,
    )


def report(job: Rate, serial: Rate, latency_ms: tuple[float, float]) -> None:
    """Print the job beside the ideal and the serial caller."""
    ideal = (
        "the quota (reference)",
        "",
        f"{job.quota}.00/s",
        "1.000",
        "0.0 %",
        str(job.quota),
        "",
        "",
        "",
        "",
    )
    show(
        f"Rate of the whole job; the service answers after {latency_ms[0]:.0f}-{latency_ms[1]:.0f} ms",
        (
            "",
            "calls",
            "steady",
            "of quota",
            "refused",
            "in any second",
            "in flight",
            "run",
            "CPU/call",
            "its",
        ),
        [
            ideal,
            _row("one call at a time (reference)", serial),
            _row(f"the job, {job.concurrency} calls", job),
        ],
    )
    faster = job.steady_per_second / serial.steady_per_second
    print(
        f"The job is {faster:.1f} times as fast as one call at a time. "
        "'in any second' and 'in flight' are the most that the service saw; 'its' is the service's CPU."
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """``python -m benchmarks.rate``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rate", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="see that it works")
    parser.add_argument("--recordings", type=int, default=500, help="default 500")
    parser.add_argument("--per-second", type=int, default=25, help="the quota; default 25")
    parser.add_argument("--concurrency", type=int, default=48, help="calls in flight at most; default 48")
    given = parser.parse_args(arguments)
    recordings = 30 if given.quick else given.recordings
    latency_ms = QUICK_LATENCY_MS if given.quick else LATENCY_MS
    job = measure(recordings, quota=given.per_second, concurrency=given.concurrency, latency_ms=latency_ms)
    serial = measure(10 if given.quick else 30, quota=given.per_second, concurrency=1, latency_ms=latency_ms)
    report(job, serial, latency_ms)


def _row(name: str, rate: Rate) -> tuple[str, ...]:
    return (
        name,
        str(rate.calls),
        f"{rate.steady_per_second:.2f}/s",
        f"{rate.steady_per_second / rate.quota:.3f}",
        f"{rate.refused / rate.calls:.1%}",
        str(rate.max_in_second),
        str(rate.max_in_flight),
        f"{rate.wall_seconds:.1f} s",
        milliseconds(rate.job_cpu_seconds / rate.calls),
        milliseconds(rate.service_cpu_seconds / rate.calls),
    )


if __name__ == "__main__":
    main()
