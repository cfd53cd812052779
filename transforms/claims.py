"""A lock for each key, held by one process at a time, whatever its host: objects that claim it.

Whoever creates ``claims/<key>/1`` holds the key, and removes it afterwards. If the worker that it
names is gone the next one creates ``2``, and so on; it removes what lies before when it is done. By
then what was paid for is in the record, where whoever comes next looks first.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from transforms.folders import output_errors
from transforms.lease import generation_of, lease_name
from transforms.lease_holding import steady_seconds
from transforms.shared_link import SharedLink

_FIRST_SECONDS = 0.2
_LONGEST_SECONDS = 2.0


class Claims:
    """`once.KeyLocks` over all hosts; a process must not hold one key in two threads.

    Args:
        link: to the others.
        clock: monotonic seconds, that of the link.
        sleep: waits for so many seconds.

    Raises:
        OutputError: the store cannot be reached.
    """

    def __init__(
        self,
        link: SharedLink,
        *,
        clock: Callable[[], float] = steady_seconds,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._link = link
        self._objects = link.objects
        self._clock = clock
        self._sleep = sleep
        with output_errors("write", self._objects.uri):
            link.join()

    @contextmanager
    def holding(self, key: bytes) -> Iterator[None]:
        """Wait for the lock of a key, and hold it.

        Raises:
            OutputError: the store cannot be reached.
        """
        folder = f"{self._link.place.running}/claims/{key.hex()}"
        with output_errors("write", f"{self._objects.uri}/{folder}"):
            generation = self._take(folder)
        try:
            yield
        finally:
            with output_errors("remove", f"{self._objects.uri}/{folder}"):
                # The first one last would let a third one in while the second is there.
                for each in range(1, generation + 1):
                    self._objects.remove(f"{folder}/{lease_name(each)}")

    def close(self) -> None:
        """Say that this process takes no key any more."""
        self._link.leave()

    def _take(self, folder: str) -> int:
        seen: dict[str, float] = {}
        pause = _FIRST_SECONDS
        generation = 1
        while not self._objects.create(f"{folder}/{lease_name(generation)}", self._mine()):
            generation = 1
            holder = self._holder(folder)
            if holder is None:
                continue  # it was given back meanwhile
            name, worker = holder
            if self._is_gone(worker, seen.setdefault(name, self._clock())):
                generation = (generation_of(name) or 0) + 1
                continue
            self._sleep(pause)
            pause = min(2 * pause, _LONGEST_SECONDS)
        return generation

    def _mine(self) -> bytes:
        return json.dumps([self._link.worker, secrets.token_hex(8)]).encode()

    def _holder(self, folder: str) -> tuple[str, str] | None:
        """The newest claim, and the worker that it names."""
        names = [listed.name for listed in self._objects.listed(folder)]
        if not names:
            return None
        newest = max(names)
        try:
            worker, _ = json.loads(self._objects.read(newest))
        except FileNotFoundError:
            return None
        return newest, worker

    def _is_gone(self, worker: str, seen_at: float) -> bool:
        """Whether a worker was gone when somebody looked after its claim was seen."""
        return self._link.looked_at > seen_at and self._link.unchanged_seconds(worker) == float("inf")
