"""A pace over several hosts without a store of the quota: each keeps to its share; see `shares`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from transforms.limiter import HostLimiter
from transforms.pace import PacePolicy
from transforms.shared_link import SharedLink
from transforms.shares import share_of

_LOOK_UP_SECONDS = 0.2


class SharedPace:
    """A `Limiter` of a run on several hosts.

    Args:
        limiter: of this host.
        link: to the others.
        sleep: waits for so many seconds.
    """

    def __init__(
        self, limiter: HostLimiter, link: SharedLink, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._limiter = limiter
        self._link = link
        self._policy: PacePolicy = limiter.policy
        self._sleep = sleep

    def acquire(self, stopped: Callable[[], bool]) -> float:
        """See `Limiter.acquire`."""
        waited = 0.0
        while not stopped():
            if not self._link.may_call():
                self._sleep(_LOOK_UP_SECONDS)
                waited += _LOOK_UP_SECONDS
                continue
            share = share_of(self._policy.quota_per_second, self._link.hosts(), self._link.host)
            self._limiter.policy = replace(self._policy, quota_per_second=share)
            waited += self._limiter.acquire(stopped)
            if self._link.may_call():
                break  # else it was counted out while it waited, or may have been
        return waited

    def refused(self) -> None:
        """See `Limiter.refused`."""
        self._limiter.refused()

    def close(self) -> None:
        """See `Limiter.close`."""
        self._limiter.close()
