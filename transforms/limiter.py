"""One pace for all processes of a run on one host.

`Limiter` is all that callers know; another store fits behind it. `HostLimiter`
keeps the state of `pace` in a small file of the run's coordination folder. Two
advisory locks guard it: the turn, held by the one caller that waits for the next
slot, so that a refusal slows the very next call; and the state, held for
microseconds. The kernel frees both when a process dies.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from transforms import pace
from transforms.file_lock import FileLock
from transforms.pace import PacePolicy, PaceState

_LOOK_UP_SECONDS = 0.2


class Limiter(Protocol):
    """Lets calls go no faster than the quota, and learns from refusals."""

    def acquire(self, stopped: Callable[[], bool]) -> float:
        """Wait for the next permit, or until there is no use in one; returns the seconds waited."""

    def refused(self) -> None:
        """Note that the service refused a call for its frequency."""

    def close(self) -> None:
        """Give back what it holds."""


class HostLimiter:
    """A `Limiter` shared by every thread and process that is given the same folder.

    Args:
        folder: an existing local folder, new for every run.
        policy: the pace; the same in every process of the run. Stays as an attribute.
        clock: seconds, monotonic and the same for all processes of the host
            (CLOCK_MONOTONIC is).
        sleep: waits for so many seconds.
    """

    def __init__(
        self,
        folder: Path,
        policy: PacePolicy,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.policy = policy
        self._clock = clock
        self._sleep = sleep
        self._turn = FileLock(folder / "turn")
        self._state = FileLock(folder / "pace")

    def acquire(self, stopped: Callable[[], bool] = lambda: False) -> float:
        """Wait for the next permit; returns the seconds waited.

        Args:
            stopped: asked now and then; once it says so the wait ends, without a permit.
        """
        came = self._clock()
        with self._turn:
            while not stopped() and (wait := self._next_at() - self._clock()) > 0:
                self._sleep(min(wait, _LOOK_UP_SECONDS))
            now = self._clock()
            if not stopped():
                self._change(pace.went, now)
        return now - came

    def refused(self) -> None:
        """Slow the next calls down."""
        self._change(pace.refused, self._clock())

    def close(self) -> None:
        """Give the files back."""
        self._turn.close()
        self._state.close()

    def _next_at(self) -> float:
        with self._state:
            return self._read(self._clock()).next_at

    def _read(self, now: float) -> PaceState:
        packed = os.pread(self._state.fd, pace.PACKED_BYTES, 0)
        if len(packed) < pace.PACKED_BYTES:
            return pace.begin(self.policy, now)
        return PaceState.unpack(packed)

    def _change(self, step: Callable[[PacePolicy, PaceState, float], PaceState], now: float) -> None:
        with self._state:
            after = step(self.policy, self._read(now), now)
            os.pwrite(self._state.fd, after.pack(), 0)
