"""What outlives a run under ``OUTPUT/.beamscribe``: the lock, the budget, the paid answers.

The folder begins with a dot, so that whoever reads OUTPUT as a dataset does not
see it. `shared_state` keeps the same in object storage.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from transforms.addresses import is_uri
from transforms.answer_book import ANSWERS, record_in
from transforms.budget import Budget
from transforms.errors import UsageError
from transforms.file_lock import FileLock
from transforms.folders import OutputError
from transforms.known import Skipping
from transforms.objects import is_object_uri
from transforms.shared_place import Coordination, State
from transforms.stopping import prepared

STATE_FOLDER = ".beamscribe"


@dataclass(frozen=True, slots=True)
class LocalState:
    """The state of an output in a local folder.

    Attributes:
        output: OUTPUT.
        folder: of the state.
    """

    output: str
    folder: Path

    @property
    def place(self) -> State:
        """Where what outlives a run lies."""
        return self.folder

    @contextmanager
    def held(self, run_id: str) -> Iterator[Coordination]:
        """Hold the output for a run, inside; what the processes of the run share."""
        lock = lock_folder(self.output, self.folder)
        with held(lock, run_id), coordination_folder(self.folder) as coordination:
            yield coordination

    def share(self, skipping: Skipping) -> Skipping:
        """Put what needs no reading where all workers can see it."""
        return skipping

    def prove_writable(self) -> None:
        """See the function of this name."""
        prove_writable(self.folder)

    def compact_answers(self, *, if_more_than: int = 0) -> None:
        """See the function of this name."""
        compact_answers(self.folder, if_more_than=if_more_than)

    def chain(self, *, continues: bool) -> str:
        """See `chain_of_runs`."""
        return chain_of_runs(self.folder, continues=continues)

    def spent(self) -> int:
        """Calls that were billed or may have been, by this run and those that it continues."""
        with closing(Budget(self.folder, None)) as budget:
            return budget.spent()

    def check(self) -> None:
        """Nobody takes a local lock away."""


def state_place(output: str, configured: str | None) -> Path | str:
    """Where the state of an output lies, or would: an absolute path, or an address of object storage.

    Args:
        output: OUTPUT, a local path or a URI.
        configured: ``output.state``, a local folder or an address; None for one inside OUTPUT.

    Raises:
        UsageError: it would lie where no record of paid answers can be kept.
    """
    place = f"{output.rstrip('/')}/{STATE_FOLDER}" if configured is None else configured
    if is_object_uri(place):
        return place.rstrip("/")
    if is_uri(place):
        raise UsageError(
            f"{place}: the record of paid answers cannot be kept there. Set output.state to a local folder "
            "or to an address of S3 or Google's storage (s3://, gs://) that outlives the run, the same for "
            "every run over this output."
        )
    return (Path(output) / STATE_FOLDER if configured is None else Path(configured)).absolute()


def state_folder(output: str, configured: str | None) -> Path:
    """`state_place`, made if need be.

    Raises:
        UsageError: there is no place for it, or it cannot be made.
    """
    folder = state_place(output, configured)
    if not isinstance(folder, Path):
        raise UsageError(f"{folder}: here the state has to be a local folder.")
    try:
        (folder / ANSWERS).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"{folder} cannot be made: {error}. Choose another --output or output.state."
        ) from error
    return folder


def lock_folder(output: str, state: Path | str) -> Path:
    """Where the lock of an output lies: in OUTPUT itself where that is on this machine.

    It also remembers where the state is, and refuses another place: answers that are
    recorded elsewhere would be paid for again.

    Raises:
        UsageError: the state of this output lies elsewhere.
        OutputError: the folder cannot be written.
    """
    if is_uri(output):
        assert isinstance(state, Path), "a state in object storage has a lease"
        return state
    folder = Path(output) / STATE_FOLDER
    place = folder / "state"
    with _disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if not place.exists():
            # An output that holds its state itself may be moved and copied with it.
            inside = isinstance(state, Path) and state.resolve() == folder.resolve()
            place.write_bytes(b"." if inside else os.fsencode(_resolved(state)))
        _refuse_another_place(output, state, place)
    return folder


def found_state(output: str, configured: str | None) -> Path | str:
    """`state_place`, for those who only look: there may be nothing.

    Raises:
        UsageError: there is no place for it, or the state of this output lies elsewhere.
        OutputError: the folder cannot be read.
    """
    state = state_place(output, configured)
    place = Path(output) / STATE_FOLDER / "state"
    if not is_uri(output):
        with _disk_errors(place.parent):
            if place.exists():
                _refuse_another_place(output, state, place)
    return state


def _refuse_another_place(output: str, state: Path | str, place: Path) -> None:
    """Compare the state with what the output remembers."""
    remembered = os.fsdecode(place.read_bytes())
    known = remembered if is_object_uri(remembered) else place.parent / remembered
    if _resolved(known) != _resolved(state) and (isinstance(known, str) or known.is_dir()):
        raise UsageError(
            f"The paid answers of {output} are recorded in {_resolved(known)}, not in {state}: set "
            f"output.state to that place, or move what is there and delete {place}."
        )


def _resolved(place: Path | str) -> str:
    return place if isinstance(place, str) else str(place.resolve())


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
    shutil.rmtree(folder / "running", ignore_errors=True)
    shared = folder / "running" / secrets.token_hex(4)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder / "running", ignore_errors=True)
        with _disk_errors(folder):
            shared.mkdir(parents=True)
            stack.enter_context(prepared(shared))
        yield shared


def chain_of_runs(folder: Path, *, continues: bool) -> str:
    """The name of a run and the unfinished ones that it continues; a new one resets the budget.

    Raises:
        OutputError: it cannot be written.
    """
    name = folder / "chain"
    with _disk_errors(folder):
        if not continues or not name.exists():
            budget = Budget(folder, None)
            budget.reset()
            budget.close()
            name.write_text(secrets.token_hex(8), encoding="utf-8")
        return name.read_text(encoding="utf-8")


def unfinished_chain(folder: Path) -> str:
    """The name that `chain_of_runs` would keep for a run that continues one; empty if there is none.

    Raises:
        OutputError: it cannot be read.
    """
    name = folder / "chain"
    with _disk_errors(folder):
        return name.read_text(encoding="utf-8") if name.exists() else ""


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
    store = record_in(folder)
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
