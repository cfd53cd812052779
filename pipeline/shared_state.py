"""What outlives a run in object storage: the lease, the budget, the paid answers.

It does what `state` does in a local folder, for workers on any number of hosts.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from pipeline.state import (
    STATE_FOLDER,
    LocalState,
    held,
    lock_folder,
    state_folder,
    state_place,
    unfinished_chain,
)
from transforms.addresses import is_uri
from transforms.answer_book import ANSWERS, record_in
from transforms.answer_log import log_names
from transforms.errors import UsageError
from transforms.folders import OutputError, output_errors
from transforms.known import SharedFile, Skipping
from transforms.lease import Lease, decode_lease, lease_name, newest_generation
from transforms.lease_holding import LOCK, HeldLease, prove_creates, take
from transforms.objects import Objects, is_object_uri
from transforms.shared_budget import SharedBudget
from transforms.shared_place import Coordination, SharedPlace, State, host_folder
from transforms.stopping import prepared

_CHAIN = "chain"
_PLACE = f"{STATE_FOLDER}/state"


class SharedState:
    """The state of an output in object storage.

    Args:
        output: OUTPUT, a local path or a URI.
        uri: of the state.
        lease_seconds: after which another run may take over from one that is gone.

    Raises:
        UsageError: what it takes to reach the store is not installed.
    """

    def __init__(self, output: str, uri: str, lease_seconds: float) -> None:
        self._output = output
        self._objects = Objects(uri)
        self._lease_seconds = lease_seconds
        self._lease: HeldLease | None = None
        self._place: SharedPlace | None = None

    @property
    def place(self) -> State:
        """Where what outlives a run lies."""
        assert self._place is not None, "the state is held"
        return self._place

    @contextmanager
    def held(self, run_id: str) -> Iterator[Coordination]:
        """Hold the output for a run, inside; what the processes of the run share.

        Raises:
            UsageError: another run holds it, its state lies elsewhere, or the store is not fit for it.
            OutputError: the store cannot be reached.
        """
        uri = self._objects.uri
        with ExitStack() as stack:
            if not is_uri(self._output):
                stack.enter_context(held(lock_folder(self._output, uri), run_id))
            prove_creates(self._objects, "probe")
            lease = take(
                self._objects, Lease(run_id, os.getpid(), socket.gethostname(), "", self._lease_seconds)
            )
            stack.callback(lease.release)
            lease.start()
            self._lease = lease
            with output_errors("write", uri):
                self._remember()
                self._clear("running")
            self._place = SharedPlace(uri, run_id, lease.generation, self._lease_seconds)
            stack.callback(self._clear_own, self._place.running)
            with output_errors("write", uri):
                stack.callback(shutil.rmtree, host_folder(self._place), ignore_errors=True)
                stack.enter_context(prepared(self._place))
            yield self._place

    def share(self, skipping: Skipping) -> Skipping:
        """Put what needs no reading where all workers can see it.

        Raises:
            OutputError: it cannot be written.
        """
        assert self._place is not None, "the state is held"
        shared = []
        for file in (skipping.done, skipping.failing):
            assert isinstance(file, Path), "it was written here"
            name = f"{self._place.running}/{file.name}"
            with output_errors("write", f"{self._objects.uri}/{name}"), file.open("rb") as data:
                self._objects.upload(name, data)
            shared.append(SharedFile(self._objects.uri, name))
        return replace(skipping, done=shared[0], failing=shared[1])

    def prove_writable(self) -> None:
        """Nothing to do: whoever holds the lease has written it there."""

    def compact_answers(self, *, if_more_than: int = 0) -> None:
        """Put the answers of ended runs together.

        Raises:
            OutputError: they cannot be read or written, or the lease is lost.
        """
        self.check()
        answers = Objects(f"{self._objects.uri}/{ANSWERS}")
        with output_errors("list", answers.uri):
            logs = log_names(listed.name for listed in answers.listed())
        if len(logs) <= if_more_than:
            return
        store = record_in(self._objects.uri)
        try:
            store.compact()
        finally:
            store.close()

    def chain(self, *, continues: bool) -> str:
        """The name of a run and the unfinished ones that it continues; a new one begins its budget at 0.

        Raises:
            OutputError: it cannot be written.
        """
        with output_errors("write", f"{self._objects.uri}/{_CHAIN}"):
            name = unfinished_shared_chain(self._objects.uri) if continues else ""
            if name:
                SharedBudget(self._objects, name, None).fold()
            else:
                name = secrets.token_hex(8)
                self._objects.put(_CHAIN, json.dumps({"chain": name}).encode())
                self._clear("budget")
        return name

    def spent(self) -> int:
        """Calls that were billed or may have been, by this run and those that it continues.

        Raises:
            OutputError: it cannot be read.
        """
        chain = unfinished_chain_in(self._objects.uri)
        return SharedBudget(self._objects, chain, None).spent_at_rest() if chain else 0

    def check(self) -> None:
        """Raise where nothing may be written any more.

        Raises:
            OutputError: another run has taken over, or may have.
        """
        assert self._lease is not None, "the state is held"
        self._lease.check()

    def _remember(self) -> None:
        """Say in an OUTPUT in object storage where its state is, and refuse another place."""
        if not is_object_uri(self._output):
            return
        output = Objects(self._output)
        uri = self._objects.uri
        inside = uri == f"{output.uri}/{STATE_FOLDER}"
        with suppress(FileNotFoundError):
            known = os.fsdecode(output.read(_PLACE))
            if known != ("." if inside else uri):
                raise UsageError(
                    f"The paid answers of {self._output} are recorded in "
                    f"{f'{output.uri}/{STATE_FOLDER}' if known == '.' else known}, not in {uri}: set "
                    f"output.state to that place, or move what is there and delete {output.uri}/{_PLACE}."
                )
            return
        output.put(_PLACE, b"." if inside else uri.encode())

    def _clear(self, folder: str) -> None:
        for listed in self._objects.listed(folder):
            self._objects.remove(listed.name)

    def _clear_own(self, folder: str) -> None:
        # The next run clears what is left.
        with suppress(OSError):
            self._clear(folder)


def open_state(output: str, configured: str | None, lease_seconds: float) -> LocalState | SharedState:
    """The state of an output.

    Args:
        output: OUTPUT, a local path or a URI.
        configured: ``output.state``; None for one inside OUTPUT.
        lease_seconds: for one in object storage, after which another run may take over.

    Raises:
        UsageError: there is no place for it.
    """
    place = state_place(output, configured)
    if isinstance(place, str):
        return SharedState(output, place, lease_seconds)
    return LocalState(output, state_folder(output, configured))


def unfinished_chain_in(state: Path | str) -> str:
    """The name that the run would keep that continues the unfinished one; empty if there is none.

    Args:
        state: a local folder, or an address of object storage.

    Raises:
        OutputError: it cannot be read.
    """
    if isinstance(state, Path):
        return unfinished_chain(state)
    with output_errors("read", state):
        return unfinished_shared_chain(state)


def unfinished_shared_chain(uri: str) -> str:
    """The name that `SharedState.chain` would keep for a run that continues one; empty if there is none.

    Raises:
        OSError: it cannot be read.
    """
    try:
        found = json.loads(Objects(uri).read(_CHAIN))
    except FileNotFoundError:
        return ""
    return str(found["chain"])


def lease_in(uri: str) -> Lease | None:
    """The newest lease of a state, as it says; None if there is none.

    Raises:
        OSError: it cannot be read.
    """
    objects = Objects(uri)
    newest = newest_generation(listed.name for listed in objects.listed(LOCK))
    return decode_lease(objects.read(f"{LOCK}/{lease_name(newest)}")) if newest else None


def shared_budget_spent(uri: str) -> int | None:
    """Calls that may have been billed since the last run that finished; None if nobody knows."""
    try:
        chain = unfinished_shared_chain(uri)
        return SharedBudget(Objects(uri), chain, None).spent() if chain else None
    except (OSError, OutputError, UsageError, ValueError):
        return None
