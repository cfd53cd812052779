"""What the kernel says of processes: their children, their CPU, their memory (Linux)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_KIBIBYTES = re.compile(r"^(\w+):\s+(\d+) kB$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class TreeMemory:
    """Memory of a process and all that descend from it.

    Attributes:
        pss_bytes: what they hold together, each shared page counted once in all.
        rss_bytes: the sum of what each holds, shared pages counted in each.
        high_water_bytes: the most that each of them ever held at once (RSS), added up, by
            the kernel's own count, which misses no moment between two looks.
        processes: how many there were.
    """

    pss_bytes: int = 0
    rss_bytes: int = 0
    high_water_bytes: int = 0
    processes: int = 0

    def highest(self, other: TreeMemory) -> TreeMemory:
        """The larger of each."""
        return TreeMemory(
            max(self.pss_bytes, other.pss_bytes),
            max(self.rss_bytes, other.rss_bytes),
            max(self.high_water_bytes, other.high_water_bytes),
            max(self.processes, other.processes),
        )


def tree_memory(root: int) -> TreeMemory:
    """The memory of a process tree at this moment; of nothing where it has ended.

    Args:
        root: the id of the process at its root.
    """
    pss_bytes = rss_bytes = high_water_bytes = processes = 0
    for pid in _tree(root):
        held = _sizes(pid, "smaps_rollup")
        if "Rss" not in held:
            continue
        pss_bytes += held["Pss"]
        rss_bytes += held["Rss"]
        high_water_bytes += _sizes(pid, "status").get("VmHWM", 0)
        processes += 1
    return TreeMemory(pss_bytes, rss_bytes, high_water_bytes, processes)


def cpu_seconds(pid: int) -> float:
    """CPU that a running process has used, user and system, with its ended children.

    Raises:
        OSError: it does not run.
    """
    text = (_PROC / str(pid) / "stat").read_text()
    # The second field is a name that may hold spaces; utime is the 14th, cstime the 17th.
    after_name = text.rpartition(")")[2].split()
    return sum(int(ticks) for ticks in after_name[11:15]) / os.sysconf("SC_CLK_TCK")


def _tree(root: int) -> Iterator[int]:
    children: dict[int, list[int]] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            parent = _parent(int(entry.name))
            children.setdefault(parent, []).append(int(entry.name))
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        yield pid
        # One that was forked and has not begun its program yet still is its parent: not to be counted twice.
        waiting += [child for child in children.get(pid, []) if _command(child) != _command(pid)]


def _command(pid: int) -> bytes:
    """The command line of a process; none where it has ended meanwhile."""
    try:
        return (_PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return b""


def _parent(pid: int) -> int:
    """The id of a process's parent; 0 where it has ended meanwhile."""
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return 0
    return int(text.rpartition(")")[2].split()[1])


def _sizes(pid: int, table: str) -> dict[str, int]:
    """The sizes in a file of a process, in bytes; none where it has ended meanwhile."""
    try:
        text = (_PROC / str(pid) / table).read_text()
    except OSError:
        return {}
    return {name: int(size) * 1024 for name, size in _KIBIBYTES.findall(text)}
