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

A worker that loses Redis makes no call until the others have left it its claim, then goes at that,
and makes no call again once the claim is no longer kept for it; `quota_claims` says why claims and the
pace of those who still reach Redis never add up to more than the quota. One that has not
reached Redis since it started has no claim and waits. That holds as long as Redis's clock is not set, and
Redis does not forget what it was told, as a failover does that loses the last moments.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from redis.exceptions import RedisError, ResponseError

from transforms import pace, quota_grid
from transforms.lease_holding import steady_seconds
from transforms.pace import PacePolicy
from transforms.quota_claims import BEAT_SECONDS, KEPT_SECONDS, Standing, left_per_second
from transforms.quota_grid import Grid
from transforms.redis_grid import GridStore

_LOOK_UP_SECONDS: Final = 0.2
_ASK_AGAIN_SECONDS: Final = 2.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Slot:
    """When a call may go, by the clock here, and how far the grid had been moved back; None for no grid."""

    at: float
    moved_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class _Heard:
    """The grid when this worker had been heard of, before what it did there; and when, there and here."""

    grid: Grid
    now: float
    at: float


class RedisLimiter:
    """A `Limiter` shared by every process that is given the same store.

    Args:
        store: where the grid is kept.
        policy: the pace; the same in all of them.
        clock: seconds, of a clock that nobody sets and that goes on while the machine sleeps.
        sleep: waits for so many seconds.
    """

    def __init__(
        self,
        store: GridStore,
        policy: PacePolicy,
        *,
        clock: Callable[[], float] = steady_seconds,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._store = store
        self._policy = policy
        self._clock = clock
        self._sleep = sleep
        self._worker = uuid.uuid4().hex
        self._closed = threading.Event()
        self._turn = threading.Lock()
        self._speaking = threading.Lock()  # what is said arrives in the order in which it is answered
        self._lock = threading.Lock()  # guards what follows
        self._is_wanted = False
        self._standing = Standing()
        self._workers = 0
        self._said = ""  # what the log knows: that Redis is lost ("alone", "none"), or a share is "kept"
        self._ask_at = self._take_at = clock()
        self._alone = pace.begin(policy, clock())
        self._went_alone_at = float("-inf")

    def beat_often(self) -> None:
        """From now on be heard of, also while there is nothing to call, until `close`."""
        threading.Thread(target=self._beat_until_closed, name="quota", daemon=True).start()

    def acquire(self, stopped: Callable[[], bool] = lambda: False) -> float:
        """Wait for the next permit; returns the seconds waited.

        Args:
            stopped: asked now and then; once it says so the wait ends, without a permit.
        """
        came = self._clock()
        with self._turn:
            slot: _Slot | None = None
            while not stopped():
                slot, wait = self.look(slot)
                if slot is not None and wait <= 0:
                    self._make_room(slot)
                    break
                self._sleep(min(wait, _LOOK_UP_SECONDS))
        return self._clock() - came

    def refused(self) -> None:
        """Slow the next calls down, here and everywhere."""
        with self._lock:
            share = quota_grid.share(self._policy, self._standing)
            if share is not None:
                self._alone = pace.refused(share, self._alone, self._clock())
        self._tell(lambda grid, now: quota_grid.refused(self._policy, grid, now))

    def beat(self) -> None:
        """Be heard of, if that was not lately; it never raises for a Redis that is lost."""
        with self._lock:
            is_due = self._is_wanted and self._clock() - self._standing.heard_after >= BEAT_SECONDS
        if is_due:
            self._tell(lambda grid, now: grid)

    def close(self) -> None:
        """Give the connections back; others need no longer leave anything for this worker."""
        self._closed.set()
        with self._speaking:
            try:
                self._store.leave(self._worker)
            except RedisError:
                _log.debug("Redis did not hear that this worker is done; it forgets it by itself.")
            self._store.close()

    def look(self, slot: _Slot | None) -> tuple[_Slot | None, float]:
        """One look at whether the next call may go, without waiting: the slot for it, and how long to wait.

        A slot and no time to wait are the permit.

        Args:
            slot: from the last look, for the same call; None at first.
        """
        with self._lock:
            self._is_wanted = True
            is_held = slot is not None and self._holds(slot)
        if not is_held:
            slot = self._next_slot()
        with self._lock:
            now = self._clock()
            # Meanwhile it may have been heard of again, or not for long.
            if slot is None or not self._holds(slot):
                return None, _LOOK_UP_SECONDS
            share = quota_grid.share(self._policy, self._standing)
            if now >= slot.at and slot.moved_seconds is None and share is not None:
                self._alone = pace.went(share, self._alone, now)
                self._went_alone_at = now
            return slot, max(0.0, slot.at - now)

    def _holds(self, slot: _Slot) -> bool:
        if slot.moved_seconds is None:
            return self._standing.may_go_alone(self._clock())
        return self._standing.goes_with_others(self._clock())

    def _next_slot(self) -> _Slot | None:
        """When the next call may go; None while nobody knows."""
        with self._lock:
            now = self._clock()
            share = quota_grid.share(self._policy, self._standing)
            if share is not None and self._standing.may_go_alone(now):
                # Whether Redis is back is for `beat` to find out: no call waits for its timeouts. It begins
                # one slot later than it might, since the others may have used this second up.
                began = self._standing.alone_from + 1.0 / pace.rate(share, self._alone, now)
                return _Slot(max(now, self._alone.next_at, began))
            if now < self._take_at:
                return None
        heard = self._tell(lambda grid, now: quota_grid.taken(self._policy, grid, now))
        if heard is None:
            return None
        self._tell_what_is_kept(heard)
        wait = quota_grid.wait_to_take(self._policy, heard.grid, heard.now)
        if wait == 0.0:
            before = max(0.0, heard.grid.state.next_at - heard.now)
            # Not from when Redis had answered to the end: it may be slow.
            return _Slot(heard.at + before, heard.grid.moved_seconds)
        with self._lock:
            self._take_at = self._clock() + (_ASK_AGAIN_SECONDS if wait is None else wait)
        return None

    def _make_room(self, slot: _Slot) -> None:
        """After a call went into a slot of the grid, later than may be caught up with."""
        moved_seconds = slot.moved_seconds
        late = self._clock() - slot.at - self._policy.catch_up_seconds
        if moved_seconds is not None and late > 0:
            self._tell(lambda grid, now: quota_grid.moved(self._policy, grid, now, late, moved_seconds))

    def _tell(self, step: Callable[[Grid, float], Grid]) -> _Heard | None:
        """Bring the grid one step on, and be heard of by it; None if that cannot be done now."""
        with self._speaking:
            with self._lock:
                may_ask = self._clock() >= self._ask_at and not self._closed.is_set()
            if not may_ask:
                return None
            try:
                heard = self._change(step)
            except RedisError as error:
                self._lost(error)
                return None
        self._found()
        return heard

    def _change(self, step: Callable[[Grid, float], Grid]) -> _Heard:
        before, began = self._standing, self._clock()
        heard: _Heard | None = None

        def stepped(was: Grid | None, now: float) -> Grid:
            nonlocal heard
            with self._lock:  # No call goes alone from here on: the others may hear of this worker.
                self._standing = replace(before, heard_before=self._clock())
                calls_alone = self._calls_alone(before)
            own = was.claims.get(self._worker) if was is not None else None
            grid = quota_grid.heard(
                self._policy,
                was or quota_grid.begin(self._policy, now),
                self._worker,
                now,
                calls_alone=calls_alone,
                is_forgotten=before.is_forgotten(own, began),
            )
            with self._lock:
                here = self._clock()
                self._standing = before.speaking(grid.claims[self._worker].parts, here)
            heard = _Heard(grid, now, here)
            return step(grid, now)

        try:
            self._store.change(self._worker, stepped)
        except ResponseError:
            with self._lock:
                self._standing = before  # nobody heard of it
            raise
        assert heard is not None, "no change is made without a step"
        claim = heard.grid.claims[self._worker]
        with self._lock:
            self._standing = Standing(began, self._standing.heard_before, claim.parts, claim.heard_at)
            self._workers = len(heard.grid.claims)
            self._went_alone_at = float("-inf")  # what was called alone has taken its slots
        return heard

    def _calls_alone(self, standing: Standing) -> int:
        """How many slots those calls take that were made alone within a second; none if there were none."""
        share = quota_grid.share(self._policy, standing)
        lately = max(1.0, 1.0 / self._policy.quota_per_second)
        if share is None or self._clock() - self._went_alone_at > lately:
            return 0
        return standing.parts + 1  # the grid too may have a call at the edge of the second

    def _lost(self, error: RedisError) -> None:
        with self._lock:
            now = self._clock()
            self._ask_at = now + _ASK_AGAIN_SECONDS
            is_alone = now < self._standing.alone_until
            share, workers = quota_grid.share(self._policy, self._standing), self._workers
        if not self._is_news("alone" if is_alone else "none"):
            return
        if not is_alone:
            _log.error("Redis cannot be reached (%s): no call is made until it answers.", error)
            return
        _log.error(
            "Redis cannot be reached (%s): until it answers, this worker makes no call for some seconds, "
            "then %.2f calls a second, its share among %d, and none any more after %.0f seconds.",
            error,
            share.full_rate if share is not None else 0.0,
            workers,
            KEPT_SECONDS,
        )

    def _found(self) -> None:
        with self._lock:
            was_lost = self._said in ("alone", "none")
            self._said = "" if was_lost else self._said
        if was_lost:
            _log.warning("Redis answers again: the workers share one pace.")

    def _tell_what_is_kept(self, heard: _Heard) -> None:
        quota = self._policy.quota_per_second
        left = left_per_second(heard.grid.claims, quota, heard.now)
        if self._is_news("kept" if left < quota else "") and left < quota:
            _log.warning(
                "Workers are not heard of any more: for up to %.0f seconds their share is kept for them, "
                "and the others make %.2f of %.2f calls a second.",
                KEPT_SECONDS,
                left,
                quota,
            )

    def _is_news(self, state: str) -> bool:
        with self._lock:
            before, self._said = self._said, state
        return state != before

    def _beat_until_closed(self) -> None:
        while not self._closed.wait(BEAT_SECONDS / 2):
            self.beat()
