"""The wall before the bill over many hosts: `budget.Budget` in object storage."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from transforms.budget import Budget
from transforms.budget_blocks import LARGEST, Block, Count, count, decode_block, size_of_next
from transforms.folders import OutputError, output_errors
from transforms.lease import generation_of, lease_name
from transforms.lease_holding import steady_seconds
from transforms.objects import Objects
from transforms.records import Mark
from transforms.shared_link import link_of
from transforms.shared_place import SharedPlace, State

_HELD_SECONDS: Final = 4.0
_PATIENCE_SECONDS: Final = 20.0
_POLL_SECONDS: Final = 0.5

_log = logging.getLogger(__name__)


class SharedBudget:
    """Counts the possibly billed calls of a chain of runs, whatever the host; shared by a process.

    Args:
        objects: the state.
        chain: the name of the runs that are counted together.
        max_calls: how many may be billed; None for no limit. Stays as an attribute.
        clock: monotonic seconds.
        sleep: waits for so many seconds.
        closing: told when it is closed.
    """

    def __init__(
        self,
        objects: Objects,
        chain: str,
        max_calls: int | None,
        *,
        clock: Callable[[], float] = steady_seconds,
        sleep: Callable[[float], None] = time.sleep,
        closing: Callable[[], None] = lambda: None,
    ) -> None:
        self._closing = closing
        self.max_calls = max_calls
        self._objects = objects
        self._folder = f"budget/{chain}"
        self._clock = clock
        self._sleep = sleep
        self._owner = secrets.token_hex(8)
        self._known: dict[int, tuple[Mark, Block]] = {}
        self._lock = threading.Lock()  # guards what follows
        self._place = 0
        self._block: Block | None = None
        self._left = 0
        self._taken_at = float("-inf")
        self._wanted = 1
        self._may_come_back = False

    def reserve(self) -> bool:
        """Count a call before it is made; False, and nothing counted, at the wall.

        Raises:
            OutputError: the count cannot be written; the call may not be made.
        """
        give_up_at = self._clock() + _PATIENCE_SECONDS
        while True:
            with self._lock:
                if self._left or self._take():
                    self._left -= 1
                    return True
                waits = self._may_come_back and self._clock() < give_up_at
            if not waits:
                return False
            self._sleep(_POLL_SECONDS)

    def release(self) -> None:
        """Uncount a call that was certainly not billed."""
        with self._lock:
            self._left += 1

    def spent(self) -> int:
        """Calls that were billed, or may have been or be.

        Raises:
            OutputError: the count cannot be read.
        """
        with self._lock:
            return self._count().spent - self._left

    def spent_at_rest(self) -> int:
        """`spent` once every other process has given back what it does not need, or for long has not.

        Raises:
            OutputError: the count cannot be read.
        """
        give_up_at = self._clock() + _PATIENCE_SECONDS
        while True:
            with self._lock:
                found = self._count()
                if not found.others_open or self._clock() >= give_up_at:
                    return found.spent - self._left
            self._sleep(_POLL_SECONDS)

    def settle(self, *, now: bool = False) -> None:
        """Give back what was not needed for a while, for others to use, if the store takes it."""
        try:
            self._settle(now=now)
        except OutputError as error:
            _log.warning("calls that were not made stay counted: %s", error)

    def _settle(self, *, now: bool) -> None:
        with self._lock:
            if self._block is None or not (now or self._clock() - self._taken_at > _HELD_SECONDS):
                return
            if not self._left and not self._block.is_open:
                return
            given = min(self._left, self._block.calls)
            # First here: nobody knows whether a write that failed has been done.
            self._left -= given
            self._block = replace(self._block, calls=self._block.calls - given, is_open=False)
            with output_errors("write", self._uri):
                self._objects.put(self._name(self._place), self._block.encoded())

    def close(self) -> None:
        """Give back what was not needed."""
        self._closing()
        self.settle(now=True)

    def fold(self) -> None:
        """Count all blocks as they are: nobody works with them any more.

        Raises:
            OutputError: it cannot be read or written.
        """
        with self._lock:
            found = self._count()
            places = list(self._known)
            if not places:
                return
            block = self._new(0, found.spent, found.next_sequence - 1)
            with output_errors("write", self._uri):
                if self._objects.create(self._name(found.next_sequence), block.encoded()):
                    self._remove(places)

    @property
    def _uri(self) -> str:
        return f"{self._objects.uri}/{self._folder}"

    def _take(self) -> bool:
        """Take the next block; False at the wall."""
        is_soon = self._clock() - self._taken_at < _HELD_SECONDS / 2
        self._wanted = min(2 * self._wanted, LARGEST) if is_soon else max(self._wanted // 2, 1)
        while True:
            found = self._count()
            size = size_of_next(self._wanted, found.spent, self.max_calls)
            if not size:
                self._may_come_back = found.others_open
                return False
            block = self._new(size, found.folded, found.folded_to)
            if self._created(found.next_sequence, block):
                break
        self._remove([place for place in self._known if place <= found.folded_to])
        self._place, self._block, self._left = found.next_sequence, block, self._left + size
        self._taken_at = self._clock()
        return True

    def _created(self, place: int, block: Block) -> bool:
        """Whether a block is the next one; not if others had taken and folded this place meanwhile."""
        with output_errors("write", self._uri):
            created = self._objects.create(self._name(place), block.encoded())
        return created and self._count().folded_to_before < place

    def _new(self, calls: int, folded: int, folded_to: int) -> Block:
        token = secrets.token_hex(8)
        return Block(self._owner, calls, calls > 1, folded, folded_to, token)

    def _count(self) -> Count:
        """What all blocks come to now; only those that are new or changed are read."""
        with output_errors("read", self._uri):
            known: dict[int, tuple[Mark, Block]] = {}
            for listed in self._objects.listed(self._folder):
                place = generation_of(listed.name)
                if place is None:
                    continue
                before = self._known.get(place)
                try:
                    is_same = before is not None and before[0] == listed.mark
                    block = before[1] if is_same and before else decode_block(self._objects.read(listed.name))
                except FileNotFoundError:
                    continue  # folded meanwhile, into a block that is listed behind it
                known[place] = listed.mark, block
            self._known = known
        return count({place: block for place, (_, block) in known.items()}, self._owner)

    def _remove(self, places: list[int]) -> None:
        with output_errors("remove", self._uri):
            for place in places:
                self._objects.remove(self._name(place))

    def _name(self, place: int) -> str:
        return f"{self._folder}/{lease_name(place)}"


CallBudget = Budget | SharedBudget
"""What counts calls, wherever it lies."""


def open_budget(state: State, chain: str, max_calls: int | None) -> CallBudget:
    """The budget that lies in a state.

    Args:
        state: a local folder, or object storage.
        chain: the name of the runs that are counted together, where the state is shared.
        max_calls: how many may be billed; None for no limit.

    Raises:
        OSError: the store cannot be reached.
    """
    if not isinstance(state, SharedPlace):
        return Budget(state, max_calls)
    link = link_of(state)
    budget = SharedBudget(link.objects, chain, max_calls, closing=lambda: link.forget(budget.settle))
    link.do_often(budget.settle)
    return budget
