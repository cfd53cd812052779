"""How many calls one process has in flight, whatever number of bundles it works on.

A runner may work on several bundles of a step at once, each with a DoFn and a crew of its
own: Prism and Dataflow split a bundle that takes long. What a kill can cost is bounded all the
same: a place is held from before the call until its answer is durable.
"""

from __future__ import annotations

import threading

from transforms.lending import Lending
from transforms.shared_place import Coordination


def borrowed_places(coordination: Coordination, calls: int) -> threading.BoundedSemaphore:
    """The places of a run's calls, the same for everybody in this process; see `give_back_places`.

    Args:
        coordination: what the processes of the run share.
        calls: how many there are.
    """
    return _places.borrow((coordination, calls), lambda: threading.BoundedSemaphore(calls))


def give_back_places(places: threading.BoundedSemaphore) -> None:
    """Say that borrowed places are not needed any more."""
    _places.give_back(places)


_places: Lending[tuple[Coordination, int], threading.BoundedSemaphore] = Lending()
