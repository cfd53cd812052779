"""What all that work in one process share: made for the first who asks, let go by the last."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Name = TypeVar("Name", bound=Hashable)
Thing = TypeVar("Thing")


class Lending(Generic[Name, Thing]):
    """Lends one thing of each name to as many as ask for it; any thread may.

    Args:
        end: is called with a thing that nobody has borrowed any more; None to just forget it.
    """

    def __init__(self, end: Callable[[Thing], None] | None = None) -> None:
        self._end = end
        self._lent: dict[Name, tuple[Thing, int]] = {}
        self._lending = threading.Lock()

    def borrow(self, name: Name, make: Callable[[], Thing]) -> Thing:
        """The thing of this name; it is made unless somebody has it."""
        with self._lending:
            thing, borrowers = self._lent.get(name) or (make(), 0)
            self._lent[name] = (thing, borrowers + 1)
            return thing

    def give_back(self, thing: Thing) -> None:
        """Say that a borrower needs it no more. What was never lent here is none of our business."""
        with self._lending:
            for name, (lent, borrowers) in self._lent.items():
                if lent is not thing:
                    continue
                if borrowers > 1:
                    self._lent[name] = (thing, borrowers - 1)
                else:
                    del self._lent[name]
                    if self._end is not None:
                        self._end(thing)
                return
