"""A Flink cluster on this machine: one job manager, two task managers, a pool of workers beside each.

    python -m tests.flink.cluster JAR FOLDER

starts it, says with which options of Beam's jobs go to it, and ends it at Ctrl-C; JAR is what
`tests.flink.jars` got, FOLDER is for logs. A task manager asks the pool beside it for a worker, as it
would on a machine of its own: both know it as `workers`, which each takes for another address.
"""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tests.e2e.portable import Server, started, wait_until
from tests.flink.jars import OPENED_PACKAGES
from tests.flink.pool import LISTENING

TASK_MANAGERS = 2
"""The job runs on as many workers."""
_POOL = "workers"
_JOB_SERVER = re.compile(r"JobService started on (\S+)")
_JOB_MANAGER = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
_TASK_MANAGER = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"

# A slot of each task manager is spare: one takes over what the other had.
_CONFIGURATION = """\
jobmanager.rpc.address: localhost
jobmanager.rpc.port: {rpc_port}
jobmanager.bind-host: localhost
jobmanager.memory.process.size: 1024m
rest.address: localhost
rest.bind-address: localhost
rest.port: {rest_port}
taskmanager.host: localhost
taskmanager.bind-host: localhost
taskmanager.numberOfTaskSlots: {workers}
taskmanager.load-balance.mode: SLOTS
taskmanager.cpu.cores: 1
taskmanager.memory.task.heap.size: 256mb
taskmanager.memory.task.off-heap.size: 0
taskmanager.memory.framework.heap.size: 128mb
taskmanager.memory.framework.off-heap.size: 64mb
taskmanager.memory.managed.size: 128mb
taskmanager.memory.network.min: 256mb
taskmanager.memory.network.max: 256mb
taskmanager.memory.jvm-metaspace.size: 256mb
taskmanager.memory.jvm-overhead.min: 128mb
taskmanager.memory.jvm-overhead.max: 128mb
classloader.resolve-order: parent-first
heartbeat.interval: 1000
heartbeat.timeout: 10000
restart-strategy.type: fixed-delay
restart-strategy.fixed-delay.attempts: 3
restart-strategy.fixed-delay.delay: 1 s
"""


@dataclass(frozen=True)
class FlinkCluster:
    """What runs.

    Attributes:
        jar: the job server.
        rest: host and port of the cluster's REST address.
        jobs: Beam's job server.
        pool_name: how the task managers know the pool beside them.
        pools: the pool beside each task manager.
        task_managers: their supervisors, in the same order: one that is killed is started again.
    """

    jar: Path
    rest: str
    jobs: Server
    pool_name: str
    pools: tuple[Server, ...]
    task_managers: tuple[Server, ...]

    def flags(self) -> tuple[str, ...]:
        """Beam's options for a job that goes to the job server that runs already."""
        return ("--runner=PortableRunner", f"--job_endpoint={self.jobs.address}", *self._workers())

    def flags_by_name(self) -> tuple[str, ...]:
        """Beam's options for a job that starts a job server of its own."""
        master = f"--flink_master={self.rest}"
        return ("--runner=FlinkRunner", master, f"--flink_job_server_jar={self.jar}", *self._workers())

    def _workers(self) -> tuple[str, ...]:
        return (
            "--environment_type=EXTERNAL",
            f"--environment_config={self.pool_name}",
            f"--parallelism={TASK_MANAGERS}",
        )


@contextmanager
def flink_cluster(
    jar: Path, folder: Path, environment: Mapping[str, str] | None = None
) -> Iterator[FlinkCluster]:
    """Start it all; ends it all, whatever the state that it is in.

    Args:
        jar: of `tests.flink.jars`; absolute.
        folder: for logs; absolute.
        environment: changes to that of the pools.
    """
    with ExitStack() as stack:
        ports = _free_ports()
        rest = f"localhost:{ports.rest}"
        conf = _configure(folder, ports)
        manager = stack.enter_context(started(folder / "manager", *_java(jar, conf, _JOB_MANAGER)))
        task_managers, pools = [], []
        for number in range(1, TASK_MANAGERS + 1):
            home, host = folder / f"worker-{number}", f"127.0.0.{number + 1}"
            process = stack.enter_context(_task_manager(home, jar, conf, host))
            task_managers.append(Server(host, process.pid))
            pools.append(stack.enter_context(_pool(home / "pool", f"{host}:{ports.pool}", environment)))
        jobs = stack.enter_context(_job_server(folder / "jobs", jar, rest))
        wait_until(manager, lambda: _task_managers(rest) == TASK_MANAGERS)
        yield FlinkCluster(jar, rest, jobs, f"{_POOL}:{ports.pool}", tuple(pools), tuple(task_managers))


class _Ports(NamedTuple):
    rpc: int
    rest: int
    pool: int


def _free_ports() -> _Ports:
    with ExitStack() as stack:
        held = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in _Ports._fields]
        return _Ports(*(each.getsockname()[1] for each in held))


def _configure(folder: Path, ports: _Ports) -> Path:
    conf = folder / "conf"
    conf.mkdir(parents=True)
    text = _CONFIGURATION.format(rpc_port=ports.rpc, rest_port=ports.rest, workers=TASK_MANAGERS)
    (conf / "config.yaml").write_text(text, encoding="ascii")
    return conf


def _java(jar: Path, conf: Path, main_class: str, *options: str) -> tuple[str, ...]:
    """The command for one of Flink's own programs: the jar itself tells what to open to `-jar` alone."""
    opened = (f"--add-opens={package}=ALL-UNNAMED" for package in OPENED_PACKAGES)
    return ("java", "-Xmx512m", *opened, *options, "-cp", str(jar), main_class, "--configDir", str(conf))


@contextmanager
def _task_manager(folder: Path, jar: Path, conf: Path, host: str) -> Iterator[subprocess.Popen[bytes]]:
    """A supervisor and its task manager, which knows the pool of its machine by the common name."""
    folder.mkdir()
    names = folder / "hosts"
    names.write_text(f"{host} {_POOL}\n127.0.0.1 localhost\n", encoding="ascii")
    command = _java(jar, conf, _TASK_MANAGER, f"-Djdk.net.hosts.file={names}")
    # Unless it has a name, it looks for that of the machine, which is none of the two above.
    name = ("-D", f"taskmanager.resource-id={folder.name}")
    supervisor = ("sh", "-c", 'while :; do "$@"; sleep 1; done', "sh")
    with started(folder / "task-manager", *supervisor, *command, *name) as process:
        yield process


@contextmanager
def _pool(folder: Path, address: str, environment: Mapping[str, str] | None) -> Iterator[Server]:
    command = (sys.executable, "-m", "tests.flink.pool", address)
    with started(folder, *command, environment=environment) as process:
        wait_until(process, lambda: LISTENING in _log(folder))
        yield Server(address, process.pid)


@contextmanager
def _job_server(folder: Path, jar: Path, rest: str) -> Iterator[Server]:
    ports = ("--job-port=0", "--artifact-port=0", "--expansion-port=0")
    command = ("java", "-jar", str(jar), f"--flink-master={rest}", f"--artifacts-dir={folder}", *ports)
    with started(folder, *command) as process:
        wait_until(process, lambda: bool(_JOB_SERVER.search(_log(folder))))
        found = _JOB_SERVER.search(_log(folder))
        assert found is not None, "it was there a moment ago"
        yield Server(found[1], process.pid)


def _log(folder: Path) -> str:
    return (folder / "log").read_text("utf-8", "replace")


def _task_managers(rest: str) -> int | None:
    """How many have come to the cluster; None while there is no cluster."""
    try:
        with urllib.request.urlopen(f"http://{rest}/overview", timeout=10) as answer:
            return int(json.load(answer)["taskmanagers"])
    except (OSError, ValueError, KeyError):
        return None


if __name__ == "__main__":
    with flink_cluster(Path(sys.argv[1]).absolute(), Path(sys.argv[2]).absolute()) as cluster:
        print("Behind --:", *cluster.flags(), "\nor:", *cluster.flags_by_name(), flush=True)
        with suppress(KeyboardInterrupt):
            signal.pause()
