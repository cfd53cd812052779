"""Whether several runs that share one quota keep it full and never exceed it.

Each run is a command of its own over recordings and an output of its own; they know each other
by a Redis server alone. The reference is one run that has the quota to itself. The figures are
the service's: it runs in another process and counts what arrives. While all of them start, they and it
have the same cores, so what was refused in the first seconds is told apart. The last row is of as many
processes that take permits and call nobody: what is lost above and not there is lost by the runs.
"""

from __future__ import annotations

import argparse
import itertools
import os
import shutil
import socket
import subprocess
import tempfile
import time
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from benchmarks.corpus import make_recordings
from benchmarks.running import JobRun, Serving, run_job, serving
from benchmarks.tables import show
from pipeline.service.ledger import ServiceStats
from transforms.pace import PacePolicy
from transforms.shared_quota import limiter_of

LATENCY_MS = (800.0, 1200.0)
QUOTA = 25
_SECONDS_EACH = 1.0
_START_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Measured:
    """What the service counted, and how many of its refusals fell into the start of the runs."""

    stats: ServiceStats
    refused_early: int


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """A Redis server on a free port of this machine; gives its address.

    Raises:
        SystemExit: there is no ``redis-server`` on PATH.
        RuntimeError: it does not listen within ten seconds.
    """
    program = shutil.which("redis-server")
    if program is None:
        raise SystemExit("There is no redis-server on PATH.")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            _wait_for(port)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.kill()


def _wait_for(port: int) -> None:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("redis-server does not listen")


def measure(runs: int, calls: int, latency_ms: tuple[float, float], extra: Mapping[str, object]) -> Measured:
    """Runs at the same time over recordings that differ, all against one service.

    Args:
        runs: how many.
        calls: of all of them together.
        latency_ms: bounds of the time until the service answers.
        extra: configuration keys of each run.
    """
    with (
        tempfile.TemporaryDirectory() as name,
        serving(requests_per_second=QUOTA, latency_ms=latency_ms) as service,
    ):
        folder = Path(name)
        settings = {
            "recognition.endpoint": service.endpoint,
            "recognition.engine": "16k_en",
            "segmentation.skip_silence": "false",  # made sound is no speech
            "recognition.requests_per_second": QUOTA,
            **extra,
        }
        for number in range(runs):
            # Of different lengths, or equal recordings would be called for once in each run.
            make_recordings(folder / f"in-{number}", calls // runs, _SECONDS_EACH + number / 10)
        with ThreadPoolExecutor(runs) as pool:
            ended = [
                pool.submit(run_job, folder / f"in-{number}", folder / f"out-{number}", settings)
                for number in range(runs)
            ]
            early = _refused_while_starting(service, ended)
            for each in ended:
                each.result()
        return Measured(service.stats(), early)


def _refused_while_starting(service: Serving, runs: Sequence[Future[JobRun]]) -> int:
    """What the service has refused some seconds after the first call; of runs that end earlier, all."""
    while not all(each.done() for each in runs):
        stats = service.stats()
        if stats.first_arrival_s is not None and time.time() - stats.first_arrival_s > _START_SECONDS:
            break
        time.sleep(0.1)
    return sum(service.stats().refused.values())


def permits(processes: int, number: int, url: str) -> list[float]:
    """When each of so many permits was had, ascending, by processes that do nothing else."""
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        had = pool.map(_take_permits, [url] * processes, [number // processes] * processes)
        return sorted(itertools.chain.from_iterable(had))


def _take_permits(url: str, number: int) -> list[float]:
    with closing(limiter_of(Path(), PacePolicy(QUOTA), url)) as limiter:
        return [time.time() for _ in range(number) if limiter.acquire() >= 0]


def main(arguments: Sequence[str] | None = None) -> None:
    """``python -m benchmarks.shared_quota``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.shared_quota", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="see that it works")
    parser.add_argument("--runs", type=int, default=4, help="at the same time; default 4")
    parser.add_argument("--calls", type=int, default=1500, help="of all runs together; default 1500")
    given = parser.parse_args(arguments)
    load = os.getloadavg()[0]
    calls = 80 if given.quick else given.calls
    latency_ms = (80.0, 120.0) if given.quick else LATENCY_MS
    with tempfile.TemporaryDirectory() as folder, redis_server(Path(folder)) as url:
        alone = measure(1, calls, latency_ms, {})
        shared = measure(given.runs, calls, latency_ms, {"recognition.shared_quota": url})
        had = permits(given.runs, calls, url)
    show(
        f"A quota of {QUOTA} calls a second",
        ("", "calls", "refused", "in the first 5 s", "most in any second", "steady", "of quota"),
        [
            _row("one run alone (reference)", alone),
            _row(f"{given.runs} runs, shared", shared),
            _row_of_permits(f"{given.runs} processes, permits only", had),
        ],
    )
    print(f"The runs are to reach 0.98 where nothing else runs; the load before was {load:.1f}.")


def _row(name: str, measured: Measured) -> tuple[str, ...]:
    stats = measured.stats
    assert stats.steady_per_second is not None, "there were at least 10 calls"
    refused = sum(stats.refused.values())
    return (
        name,
        str(stats.calls),
        f"{refused} ({refused / stats.calls:.2%})",
        str(measured.refused_early),
        str(stats.max_in_second),
        f"{stats.steady_per_second:.2f}/s",
        f"{stats.steady_per_second / QUOTA:.3f}",
    )


def _row_of_permits(name: str, had: Sequence[float]) -> tuple[str, ...]:
    most = max(bisect_left(had, each + 1.0) - number for number, each in enumerate(had))
    steady = had[len(had) // 10 : len(had) - len(had) // 10]
    per_second = (len(steady) - 1) / (steady[-1] - steady[0])
    return (name, str(len(had)), "", "", str(most), f"{per_second:.2f}/s", f"{per_second / QUOTA:.3f}")


if __name__ == "__main__":
    main()
