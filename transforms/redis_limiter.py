"""One pace for workers on any number of hosts, kept in Redis.

The policy is that of `pace`, and its state is one small value. To take the next slot a worker
reads the value and Redis's own clock, computes the state behind its call, and writes it if
nobody else has meanwhile (WATCH); then it waits for its slot by its own clock. So slots are given
out in order, by one clock, and nobody asks again and again. One slot at a time is taken ahead by
each process, so that a refusal slows all but those.

A worker that wakes late for its slot (its machine is busy) goes into the same second as workers that do
not, and one call more than the quota may meet the service there. So it moves all slots back that
nobody has taken, by what it was later than the pace allows to catch up; what others moved them
back since it took its slot counts for it too. One that slept over several slots is one call among those
that went on without it: it moves the others by one slot, however long it slept.

While Redis cannot be reached a worker goes at its share of the quota: one part in as many as
there were workers when it was last heard of. Shares add up to the quota, never more. A worker that
has not reached it since it started does not know its share and waits.
"""

from __future__ import annotations

import logging
import struct
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import redis
from redis.exceptions import RedisError, WatchError

from transforms import pace
from transforms.pace import PacePolicy, PaceState

_LOOK_UP_SECONDS: Final = 0.2
_ASK_AGAIN_SECONDS: Final = 2.0
# A worker that takes no slot for so long is taken to be gone: longer than a call with its repeats
# keeps all of its threads busy.
_GONE_SECONDS: Final = 600.0
# Redis's clock is the wall clock of its host. No slot is so far ahead unless that was set back.
_FURTHEST_SECONDS: Final = 600.0
_MOVED: Final = struct.Struct("<d")
# Machines that are busy are late by a slot or two each time, and then all are. What is later was asleep.
_SLEPT_SLOTS: Final = 3

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Grid:
    """What Redis keeps.

    Attributes:
        state: of the pace.
        moved_seconds: by how much the slots were moved back since the beginning, all in all, for
            those that were late by a little.
    """

    state: PaceState
    moved_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class _Slot:
    """When a call may go, by the clock here, and how far the grid had been moved back; None for no grid."""

    at: float
    moved_seconds: float | None = None


class RedisLimiter:
    """A `Limiter` shared by every process that is given the same Redis and name.

    Args:
        client: of a Redis server; with timeouts of a second or two, and no repeats of its own.
        name: what the keys in Redis begin with; the same for all workers of an account.
        policy: the pace; the same in all of them.
        clock: seconds, monotonic.
        sleep: waits for so many seconds.
    """

    def __init__(
        self,
        client: redis.Redis,
        name: str,
        policy: PacePolicy,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._pace_key = f"{name}:pace"
        self._workers_key = f"{name}:workers"
        self._policy = policy
        self._clock = clock
        self._sleep = sleep
        self._member = uuid.uuid4().hex
        self._turn = threading.Lock()
        self._lock = threading.Lock()  # guards what follows
        self._workers: int | None = None
        self._is_lost = False
        self._ask_at = clock()
        self._went_at = clock()
        self._alone = pace.begin(policy, clock())

    def acquire(self, stopped: Callable[[], bool] = lambda: False) -> float:
        """Wait for the next permit; returns the seconds waited.

        Args:
            stopped: asked now and then; once it says so the wait ends, without a permit.
        """
        came = self._clock()
        with self._turn:
            slot = None
            while slot is None and not stopped():
                slot = self._next_slot()
                if slot is None:
                    self._sleep(_LOOK_UP_SECONDS)
            while slot is not None and not stopped() and (wait := slot.at - self._clock()) > 0:
                self._sleep(min(wait, _LOOK_UP_SECONDS))
            went_at = self._clock()
            if slot is not None and slot.moved_seconds is not None:
                self._make_room(went_at - slot.at - self._policy.catch_up_seconds, slot.moved_seconds)
        return went_at - came

    def refused(self) -> None:
        """Slow the next calls down, here and everywhere."""
        with self._lock:
            self._alone = pace.refused(self._share(), self._alone, self._clock())
        try:
            self._change(lambda grid, now: replace(grid, state=pace.refused(self._policy, grid.state, now)))
        except RedisError as error:
            self._lost(error)

    def close(self) -> None:
        """Give the connections back; others no longer leave a share for this worker."""
        try:
            self._client.zrem(self._workers_key, self._member)
        except RedisError:
            _log.debug("Redis did not hear that this worker is done; it forgets it by itself.")
        self._client.close()

    def _next_slot(self) -> _Slot | None:
        """When the next call may go; None while nobody knows."""
        with self._lock:
            may_ask = self._clock() >= self._ask_at
        slot = None
        if may_ask:
            try:
                before, now = self._change(self._with_slot_taken)
            except RedisError as error:
                self._lost(error)
            else:
                wait = max(0.0, before.state.next_at - now)
                slot = _Slot(self._clock() + wait, before.moved_seconds)
                self._found()
        with self._lock:
            if slot is None and self._workers is not None:
                slot = _Slot(max(self._clock(), self._alone.next_at))
            if slot is not None:
                # Kept up in good times too, so that a loss begins no faster than the share.
                self._alone = pace.went(self._share(), replace(self._alone, next_at=slot.at), slot.at)
        return slot

    def _with_slot_taken(self, grid: _Grid, now: float) -> _Grid:
        slot = max(grid.state.next_at, now)
        return replace(grid, state=pace.went(self._policy, grid.state, slot))

    def _make_room(self, late_seconds: float, moved_seconds: float) -> None:
        """Move back what nobody has taken, unless it was moved as far since the late slot was taken.

        Args:
            late_seconds: later than may be caught up with; often less than 0.
            moved_seconds: how far the grid had been moved when the slot was taken.
        """
        if late_seconds <= 0:
            return

        def moved(grid: _Grid, now: float) -> _Grid:
            next_at = max(grid.state.next_at, now)
            slot_seconds = 1.0 / pace.rate(self._policy, grid.state, now)
            if late_seconds > _SLEPT_SLOTS * slot_seconds:
                return replace(grid, state=replace(grid.state, next_at=next_at + slot_seconds))
            # Less than 0 where Redis has forgotten it meanwhile.
            by_others = max(0.0, grid.moved_seconds - moved_seconds)
            by = max(0.0, late_seconds - by_others)
            return _Grid(replace(grid.state, next_at=next_at + by), grid.moved_seconds + by)

        try:
            self._change(moved)
        except RedisError as error:
            self._lost(error)

    def _change(self, step: Callable[[_Grid, float], _Grid]) -> tuple[_Grid, float]:
        """Bring the grid in Redis one step on.

        Returns:
            The grid before it, and when that was, by Redis's clock.

        Raises:
            RedisError: it cannot be reached, or is failing.
        """
        with self._client.pipeline() as pipe:
            while True:
                try:
                    pipe.watch(self._pace_key)  # type: ignore[no-untyped-call]
                    seconds, microseconds = pipe.time()
                    now = seconds + microseconds / 1e6
                    before = self._grid_of(pipe.get(self._pace_key), now)
                    after = step(before, now)
                    pipe.multi()
                    pipe.set(self._pace_key, after.state.pack() + _MOVED.pack(after.moved_seconds))
                    pipe.zadd(self._workers_key, {self._member: now})
                    pipe.zremrangebyscore(self._workers_key, "-inf", now - _GONE_SECONDS)
                    pipe.zcard(self._workers_key)
                    *_, workers = pipe.execute()
                except WatchError:
                    continue
                with self._lock:
                    self._workers = workers
                return before, now

    def _grid_of(self, packed: object, now: float) -> _Grid:
        if not isinstance(packed, bytes) or len(packed) != pace.PACKED_BYTES + _MOVED.size:
            return _Grid(pace.begin(self._policy, now))
        state = PaceState.unpack(packed[: pace.PACKED_BYTES])
        (moved_seconds,) = _MOVED.unpack(packed[pace.PACKED_BYTES :])
        if state.next_at > now + _FURTHEST_SECONDS:  # it was set back
            state = replace(state, next_at=now, refused_at=min(state.refused_at, now))
        return _Grid(state, moved_seconds)

    def _share(self) -> PacePolicy:
        return replace(self._policy, quota_per_second=self._policy.quota_per_second / (self._workers or 1))

    def _lost(self, error: RedisError) -> None:
        with self._lock:
            self._ask_at = self._clock() + _ASK_AGAIN_SECONDS
            is_news, self._is_lost = not self._is_lost, True
            workers = self._workers
        if not is_news:
            return
        if workers is None:
            _log.error("Redis cannot be reached (%s): no call is made until it answers.", error)
        else:
            _log.error(
                "Redis cannot be reached (%s): until it answers, this worker makes %.2f calls a second, its "
                "share among %d.",
                error,
                self._share().full_rate,
                workers,
            )

    def _found(self) -> None:
        with self._lock:
            is_news, self._is_lost = self._is_lost, False
        if is_news:
            _log.warning("Redis answers again: the workers share one pace.")
