"""Takes the lease of a state in object storage, and keeps it while a run lasts."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from transforms.errors import UsageError
from transforms.folders import OutputError, output_errors
from transforms.lease import (
    LEASE_SECONDS,
    Lease,
    LeaseTimes,
    Unchanged,
    decode_lease,
    lease_name,
    newest_generation,
)
from transforms.objects import Objects

LOCK: Final = "lock"
"""The folder of the lease under a state."""

# A contender that has not looked for long must never find the next generation free again.
_KEPT: Final = 8

_UNKNOWN: Final = Lease("unknown", 0, "unknown", "", LEASE_SECONDS)

_log = logging.getLogger(__name__)


def steady_seconds() -> float:
    """Seconds of a clock that nobody sets, and that goes on while the machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class HeldLease:
    """A lease that a thread renews, until `release`; see `take`.

    Attributes:
        generation: by which all who work for its holder know it.
    """

    def __init__(
        self,
        objects: Objects,
        lease: Lease,
        generation: int,
        *,
        renewed_at: float,
        clock: Callable[[], float] = steady_seconds,
    ) -> None:
        self.generation = generation
        self._objects = objects
        self._lease = lease
        self._times = LeaseTimes(lease.seconds)
        self._clock = clock
        self._renewed_at = renewed_at
        self._taken_over = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep_renewing, name="lease", daemon=True)

    def start(self) -> None:
        """Begin to renew it."""
        self._thread.start()

    def renew(self) -> None:
        """Say once more that the holder lives, and look whether another has taken over.

        Raises:
            OSError: the store cannot be reached.
        """
        began = self._clock()
        lease = replace(self._lease, beat=self._lease.beat + 1)
        self._objects.put(f"{LOCK}/{lease_name(self.generation)}", lease.encoded())
        self._lease = lease
        if _newest(self._objects) > self.generation:
            self._taken_over = True
        else:
            self._renewed_at = began

    def is_lost(self) -> bool:
        """Whether another run has taken over, or may have."""
        return self._taken_over or self._clock() - self._renewed_at > self._times.safe_seconds

    def check(self) -> None:
        """Raise where nothing may be written any more.

        Raises:
            OutputError: another run has taken over, or may have.
        """
        if self.is_lost():
            raise OutputError(
                f"{self._objects.uri}/{LOCK}: the lease on this state was lost, since it could not be "
                f"renewed for {self._times.safe_seconds:.0f} seconds, or another run has taken over. What "
                "was paid for is kept; run the same command again when the storage can be reached and no "
                "other run is at work."
            )

    def release(self) -> None:
        """Let the next run take it at once."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()
        if self.is_lost():
            return
        try:
            self._objects.put(
                f"{LOCK}/{lease_name(self.generation)}", replace(self._lease, released=True).encoded()
            )
        except OSError as error:
            _log.warning("the next run has to wait for %.0f seconds: %s", self._lease.seconds, error)

    def _keep_renewing(self) -> None:
        while not self._ended.wait(self._times.renew_seconds):
            try:
                self.renew()
            except OSError as error:
                _log.warning("the lease could not be renewed: %s", error)


def take(
    objects: Objects,
    lease: Lease,
    *,
    clock: Callable[[], float] = steady_seconds,
    sleep: Callable[[float], None] = time.sleep,
) -> HeldLease:
    """Take the lease of a state; waits for that of a run that seems to be gone.

    Args:
        objects: the state.
        lease: who asks.
        clock: monotonic seconds.
        sleep: waits for so many seconds.

    Raises:
        UsageError: another run lives.
        OutputError: the storage cannot be used.
    """
    lease = replace(lease, token=secrets.token_hex(16))
    unchanged, watched, told = Unchanged(), 0, False
    with output_errors("lock", objects.uri):
        while True:
            newest = _newest(objects)
            name = f"{LOCK}/{lease_name(newest)}"
            mark = objects.mark(name) if newest else None
            if newest and mark is None:
                continue  # it was cleared away meanwhile
            held = (decode_lease(objects.read(name)) or _UNKNOWN) if newest else None
            began = clock()
            is_known = watched == newest
            if not is_known:
                unchanged, watched = Unchanged(), newest
            seconds = unchanged.seconds(mark, began)
            if held is not None and not held.released:
                if is_known and seconds == 0.0:
                    raise UsageError(
                        f"Another run is writing to this output: {held.holder}. Wait for it, or stop it."
                    )
                if seconds < held.seconds:
                    if not told:
                        _log.warning(
                            "%s holds the lease on %s. If it does not renew it within %.0f seconds it is "
                            "gone, and this run takes over.",
                            held.holder,
                            objects.uri,
                            held.seconds,
                        )
                    told = True
                    sleep(LeaseTimes(held.seconds).look_seconds)
                    continue
            mine = newest + 1
            if _created(objects, mine, lease):
                _clear(objects, mine)
                return HeldLease(objects, lease, mine, renewed_at=began, clock=clock)


def _created(objects: Objects, generation: int, lease: Lease) -> bool:
    """Whether this generation is ours, and none behind it has been there already."""
    created = objects.create(f"{LOCK}/{lease_name(generation)}", lease.encoded())
    return created and _newest(objects) == generation


def _newest(objects: Objects) -> int:
    return newest_generation(listed.name for listed in objects.listed(LOCK))


def _clear(objects: Objects, generation: int) -> None:
    """Remove generations that are long over."""
    for listed in list(objects.listed(LOCK)):
        if newest_generation([listed.name]) < generation - _KEPT:
            objects.remove(listed.name)


def prove_creates(objects: Objects, folder: str) -> None:
    """Raise unless a second create of a name is refused: all else rests on that.

    Raises:
        UsageError: the store does not refuse it.
        OutputError: the storage cannot be used.
    """
    name = f"{folder}/{secrets.token_hex(8)}"
    with output_errors("write", objects.uri):
        first = objects.create(name, b"first")
        second = objects.create(name, b"second")
        kept = objects.read(name)
        objects.remove(name)
    if not first or second or kept != b"first":
        raise UsageError(
            f"output.state: {objects.uri} cannot keep the record of paid answers. Its store let a second "
            "write replace a first that asked to be the only one (If-None-Match), so two runs could pay for "
            "the same twice. Set output.state to a local folder, or to a store that knows conditional writes."
        )
