"""What outlives a run under ``OUTPUT/.beamscribe``: the lock, the budget, the paid answers.

The folder begins with a dot, so that whoever reads OUTPUT as a dataset does not
see it. It lies on a local disk: locks of other stores do not free themselves when
their holder dies.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from transforms.addresses import is_uri
from transforms.answer_book import ANSWERS
from transforms.answer_store import AnswerStore
from transforms.errors import UsageError
from transforms.file_lock import FileLock
from transforms.folders import OutputError

STATE_FOLDER = ".beamscribe"


def state_folder(output: str, configured: str | None) -> Path:
    """Where the state of an output lies; made if need be.

    Args:
        output: OUTPUT, a local path or a URI.
        configured: ``output.state``, a local folder; None for one inside OUTPUT.

    Raises:
        UsageError: OUTPUT is no local folder and none is configured, or it cannot be made.
    """
    if configured is None and is_uri(output):
        raise UsageError(
            f"--output {output} is not on this machine, and the record of paid answers has to be: set "
            "output.state to a local folder that outlives the run, the same for every run over this output."
        )
    folder = Path(configured) if configured is not None else Path(output) / STATE_FOLDER
    try:
        (folder / ANSWERS).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"{folder} cannot be made: {error}. Choose another --output or output.state."
        ) from error
    return folder


@contextmanager
def held(folder: Path, run_id: str) -> Iterator[None]:
    """Hold the lock of an output while inside.

    Raises:
        UsageError: another run holds it; the message says who.
        OutputError: the lock or who holds it cannot be written.
    """
    holder = folder / "holder.json"
    with _disk_errors(folder):
        lock = FileLock(folder / "lock")
    try:
        if not lock.try_to_hold():
            raise UsageError(
                f"Another run is writing to this output: {_who(holder)}. Wait for it, or stop it."
            )
        about = {"run_id": run_id, "pid": os.getpid(), "host": socket.gethostname()}
        with _disk_errors(folder):
            holder.write_text(json.dumps(about), encoding="utf-8")
        yield
    finally:
        lock.close()


@contextmanager
def coordination_folder(folder: Path) -> Iterator[Path]:
    """A new folder for what the processes of a run share; what a killed run left goes first.

    The lock must be held.
    """
    shared = folder / "running"
    shutil.rmtree(shared, ignore_errors=True)
    shared.mkdir()
    try:
        yield shared
    finally:
        shutil.rmtree(shared, ignore_errors=True)


def prove_writable(folder: Path) -> None:
    """Write, sync and remove a file, as an answer would be.

    Raises:
        OutputError: it cannot be done; nothing may be paid for.
    """
    probe = folder / ANSWERS / f".probe-{os.getpid()}"
    with _disk_errors(folder):
        with probe.open("wb") as file:
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
        probe.unlink()


def compact_answers(folder: Path, *, if_more_than: int = 0) -> None:
    """Put the answers of ended runs together; the lock must be held.

    Args:
        folder: the state folder.
        if_more_than: leave so many logs as they are.

    Raises:
        OutputError: they cannot be read or written.
    """
    if sum(1 for _ in (folder / ANSWERS).glob("*.log")) <= if_more_than:
        return
    store = AnswerStore(folder / ANSWERS)
    try:
        store.compact()
    finally:
        store.close()


@contextmanager
def _disk_errors(folder: Path) -> Iterator[None]:
    """Turn what a disk refuses, before anything is paid for, into an `OutputError`."""
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"{folder}: paid answers could not be kept there ({error.strerror}). Free some space or choose "
            "another --output; nothing was called."
        ) from error


def _who(holder: Path) -> str:
    try:
        about = json.loads(holder.read_text(encoding="utf-8"))
        return f"run {about['run_id']}, process {about['pid']} on {about['host']}"
    except (OSError, ValueError, KeyError):
        return "it has not said who it is yet"
