"""Beam's portable parts on this machine: a job service and pools of workers, without Docker."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.command import PATIENCE_SECONDS, environment_of

_PYTHON = (sys.executable, "-m")
_JOB_SERVICE = "apache_beam.runners.portability.local_job_service_main"
_WORKER_POOL = "apache_beam.runners.worker.worker_pool_main"


@dataclass(frozen=True)
class Server:
    """A program that listens.

    Attributes:
        address: host and port.
        pid: its process, the leader of a group of its own.
    """

    address: str
    pid: int

    def kill_workers(self) -> int:
        """Kill what a pool has started, but not the pool; how many there were."""
        shown = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.pid)], capture_output=True, text=True)
        for worker in shown.stdout.split():
            os.kill(int(worker), signal.SIGKILL)
        return len(shown.stdout.split())


@contextmanager
def job_service(folder: Path) -> Iterator[Server]:
    """Beam's portable job service."""
    port_file = folder / "port"
    with started(folder, *_PYTHON, _JOB_SERVICE, "-p", "0", "--port_file", str(port_file)) as process:
        wait_until(process, port_file.exists)
        yield Server(f"localhost:{port_file.read_text('ascii')}", process.pid)


@contextmanager
def worker_pool(folder: Path, environment: Mapping[str, str] | None = None) -> Iterator[Server]:
    """A pool that starts a worker process whenever a runner asks for one."""
    log = folder / "log"
    with started(folder, *_PYTHON, _WORKER_POOL, "--service_port", "0", environment=environment) as process:
        wait_until(process, lambda: bool(_pool_addresses(log)))
        yield Server(_pool_addresses(log)[0], process.pid)


def _pool_addresses(log: Path) -> list[str]:
    return re.findall(r"Started worker pool servicer at port: (\S+)", log.read_text("utf-8"))


@contextmanager
def started(
    folder: Path, *command: str, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A program with a working directory of its own, which holds its log; killed with all that it started."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment_of({"PATH": _path(), **(environment or {})}),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _path() -> str:
    """PATH, with this Python first: a pool starts its workers as `python`."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])


def wait_until(process: subprocess.Popen[bytes], is_so: Callable[[], bool]) -> None:
    """Wait for what a program that was started is to do."""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert process.poll() is None, "it has ended"
        assert time.monotonic() < give_up_at, "it does not start"
        time.sleep(0.05)


def flags_of(jobs: Server, pool: Server) -> tuple[str, ...]:
    """Beam's options for a job that the service runs on the pool."""
    return ("--runner=PortableRunner", f"--job_endpoint={jobs.address}", *_on(pool))


def prism_flags(pool: Server) -> tuple[str, ...]:
    """Beam's options for a job that Prism runs on the pool; skips where Prism is not to be had."""
    prism = shutil.which(
        "prism", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    )
    if prism is None:
        pytest.skip("no prism on PATH: `make test-prism` builds it where there is Go")
    return ("--runner=PrismRunner", f"--prism_location={prism}", *_on(pool))


def _on(pool: Server) -> tuple[str, ...]:
    return ("--environment_type=EXTERNAL", f"--environment_config={pool.address}")
