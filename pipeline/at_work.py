"""Whether a run is going on in an output, without touching its lock.

Trying the lock would take it for a moment, in which a run that starts would be told
that another one is at work. Linux lists who holds which lock; elsewhere it is asked
whether the process lives that has last taken it.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Collection
from pathlib import Path

from pipeline.shared_state import lease_in, shared_budget_spent
from pipeline.standing_facts import AtWork, Working
from pipeline.state import STATE_FOLDER
from transforms.addresses import is_uri
from transforms.errors import UsageError
from transforms.objects import is_object_uri

_LOCKS = Path("/proc/locks")


def lock_place(output: str, state: str | None) -> Path | None:
    """The folder in which the lock of an output lies; None if that is not on this machine.

    Args:
        output: OUTPUT, a local path or a URI.
        state: ``output.state`` of the newest run.
    """
    if not is_uri(output):
        return Path(output) / STATE_FOLDER
    return None if state is None else Path(state)


def shared_place_of(output: str, state: str | None) -> str | None:
    """The address of the state of an output, if that is in object storage.

    Args:
        output: OUTPUT, a local path or a URI.
        state: ``output.state`` of the newest run.
    """
    if state is not None:
        return state if is_object_uri(state) else None
    if is_object_uri(output):
        return f"{output.rstrip('/')}/{STATE_FOLDER}"
    return None


def budget_spent(output: str, state: str | None) -> int | None:
    """Calls that may have been billed since the last run that finished; None if nobody knows.

    It is read beside `transforms.budget.Budget`, which makes the file and locks it.
    """
    shared = shared_place_of(output, state)
    if shared is not None:
        return shared_budget_spent(shared)
    place = lock_place(output, state)
    if place is None:
        return None
    try:
        if not is_uri(output):
            place = place / os.fsdecode((place / "state").read_bytes())
        packed = (place / "budget").read_bytes()
    except OSError:
        return None
    return int.from_bytes(packed, "little", signed=True) if len(packed) == 8 else None


def at_work(
    output: str, state: str | None, ended: Collection[str], *, host: str | None = None, locks: Path = _LOCKS
) -> AtWork:
    """Who is writing to an output now.

    Args:
        output: OUTPUT, a local path or a URI.
        state: ``output.state`` of the newest run.
        ended: runs that have said that they ended.
        host: the name of this machine; asked for if None.
        locks: Linux's list of locks.
    """
    shared = shared_place_of(output, state) if is_uri(output) else None
    if shared is not None:
        return _by_lease(shared, ended)
    place = lock_place(output, state)
    if place is None:
        return AtWork(Working.UNKNOWN)
    try:
        about = json.loads((place / "holder.json").read_text(encoding="utf-8"))
        holder = AtWork(Working.YES, about["run_id"], about["pid"], about["host"])
        lock = (place / "lock").stat()
    except FileNotFoundError:
        return AtWork(Working.UNKNOWN if is_uri(output) else Working.NO)
    except (OSError, ValueError, KeyError, TypeError):
        return AtWork(Working.UNKNOWN)  # it is being written, or may not be read by this user
    try:
        listed = locks.read_text(encoding="ascii")
    except OSError:
        listed = None
    if listed is not None and is_listed(listed, lock, holder.pid or 0):
        return holder
    if holder.run_id in ended:
        return AtWork(Working.NO)
    if holder.host != (host or socket.gethostname()):
        return AtWork(Working.UNKNOWN, holder.run_id, holder.pid, holder.host)
    if listed is None and _lives(holder.pid or 0):
        return holder
    return AtWork(Working.NO)


def _by_lease(uri: str, ended: Collection[str]) -> AtWork:
    """One look at a lease cannot tell whether it is still renewed."""
    try:
        lease = lease_in(uri)
    except (OSError, UsageError):
        return AtWork(Working.UNKNOWN)
    if lease is None or lease.released or lease.run_id in ended:
        return AtWork(Working.NO)
    return AtWork(Working.UNKNOWN, lease.run_id, lease.pid, lease.host)


def is_listed(locks: str, file: os.stat_result, pid: int) -> bool:
    """Whether somebody holds an exclusive advisory lock on a file, by the text of ``/proc/locks``.

    Some file systems have another device there than ``stat`` tells; then the process
    has to be the right one.
    """
    device = f"{os.major(file.st_dev):02x}:{os.minor(file.st_dev):02x}"
    for line in locks.splitlines():
        words = line.split()
        if words[1:4] == ["FLOCK", "ADVISORY", "WRITE"] and len(words) >= 6:
            where, _, inode = words[5].rpartition(":")
            if inode == str(file.st_ino) and (where == device or words[4] == str(pid)):
                return True
    return False


def _lives(pid: int) -> bool:
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
