"""The command line and the local service as processes of their own, watched from outside."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

from benchmarks.processes import TreeMemory, cpu_seconds, tree_memory
from pipeline.service.ledger import ServiceStats
from pipeline.service.settings import TEST_SECRET_ID, TEST_SECRET_KEY

REPOSITORY = Path(__file__).resolve().parent.parent

_LOOK_EVERY_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Serving:
    """A local service in a process of its own."""

    pid: int
    endpoint: str

    def stats(self) -> ServiceStats:
        """What it has counted since it was started."""
        # The environment's proxies are not for this machine.
        with build_opener(ProxyHandler({})).open(f"{self.endpoint}/stats") as answer:
            return ServiceStats(**json.load(answer))

    def cpu_seconds(self) -> float:
        """CPU that it has used."""
        return cpu_seconds(self.pid)


@dataclass(frozen=True, slots=True)
class JobRun:
    """A run of the command line, seen from outside.

    Attributes:
        wall_seconds: from the start of the process to its end, imports included.
        cpu_seconds: user and system, of it and its children.
        peak: the largest memory seen.
    """

    wall_seconds: float
    cpu_seconds: float
    peak: TreeMemory


@contextmanager
def serving(
    *, requests_per_second: int = 0, latency_ms: tuple[float, float] = (0.0, 0.0)
) -> Iterator[Serving]:
    """Start a local service that answers with digests; it ends with the block.

    Args:
        requests_per_second: calls that it allows in any second; 0 allows all.
        latency_ms: bounds of the time until an answer.

    Raises:
        RuntimeError: it did not start.
    """
    low_ms, high_ms = latency_ms
    command = [*_command("serve"), "--port", "0", "--requests-per-second", str(requests_per_second)]
    command += ["--latency-ms", str(low_ms), str(high_ms)]
    with subprocess.Popen(
        command, cwd=REPOSITORY, env=_environment(), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None, "its output is piped"
        try:
            words = process.stdout.readline().split()
            addresses = [word for word in words if word.startswith("http://")]
            if not addresses:
                raise RuntimeError("the local service did not start; what it said stands above")
            yield Serving(process.pid, addresses[0])
        finally:
            process.terminate()


def run_job(inputs: Path, output: Path, settings: Mapping[str, object], beam: Sequence[str] = ()) -> JobRun:
    """Run ``python -m pipeline run`` to its end and watch it.

    Args:
        inputs: a folder of recordings.
        output: where the dataset is written.
        settings: configuration keys and their values.
        beam: options for Beam.

    Raises:
        RuntimeError: not everything was transcribed.
    """
    command = [*_command("run"), "--input", str(inputs), "--output", str(output)]
    for key, value in settings.items():
        command += ["--set", f"{key}={value}"]
    command += ["--", *beam] if beam else []
    cpu_before = _children_cpu_seconds()
    started = time.monotonic()
    peak = TreeMemory()
    with tempfile.TemporaryFile("w+") as said:
        with subprocess.Popen(
            command, cwd=REPOSITORY, env=_environment(), stdout=said, stderr=said
        ) as process:
            try:
                while process.poll() is None:
                    peak = peak.highest(tree_memory(process.pid))
                    time.sleep(_LOOK_EVERY_SECONDS)
            finally:
                process.kill()
        wall_seconds = time.monotonic() - started
        if process.returncode != 0:
            said.seek(0)
            raise RuntimeError(f"the run ended with exit code {process.returncode}:\n{said.read()}")
    return JobRun(wall_seconds, _children_cpu_seconds() - cpu_before, peak)


def _command(name: str) -> list[str]:
    return [sys.executable, "-m", "pipeline", name]


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "TENCENTCLOUD_TOKEN"}
    return kept | {"TENCENTCLOUD_SECRET_ID": TEST_SECRET_ID, "TENCENTCLOUD_SECRET_KEY": TEST_SECRET_KEY}


def _children_cpu_seconds() -> float:
    """CPU of the processes that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
