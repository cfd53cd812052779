"""Workers that share a quota, the place where they do, and the clock of it all: simulated."""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import replace
from itertools import count

from redis.exceptions import ConnectionError as CutOff

from transforms.pace import PacePolicy
from transforms.quota_grid import Grid
from transforms.redis_grid import GridStore, Step
from transforms.redis_limiter import RedisLimiter

LINKS = ("whole", "cut", "deaf", "mute")
"""It works; nothing arrives; what arrives is done and not answered; it answers and then breaks."""


DRIFT = 2e-3
"""How much faster or slower the clock of a worker may go; real ones keep to a tenth of that."""

SECOND = 1.0 - 2 * DRIFT


class World:
    """The time and the calls of everybody."""

    def __init__(self, policy: PacePolicy) -> None:
        self.policy = policy
        self.now = 1_000.0
        self.calls: list[float] = []
        self.workers: list[Worker] = []
        self.grid: Grid | None = None
        self.is_up = True
        self._due: list[tuple[float, int, Callable[[], float | None]]] = []
        self._numbers = count()

    def at(self, when: float, act: Callable[[], float | None]) -> None:
        """Have something done, and again after as many seconds as it returns."""
        heapq.heappush(self._due, (when, next(self._numbers), act))

    def pass_seconds(self, seconds: float) -> None:
        until = self.now + seconds
        while self._due and self._due[0][0] <= until:
            self.now, _, act = heapq.heappop(self._due)
            again = act()
            if again is not None:
                self.at(self.now + again, act)
        self.now = until

    def most_in_a_second(self) -> int:
        """Calls in any second by the clocks of the workers, of which the fastest has a short one."""
        calls = self.calls
        return max((bisect_left(calls, each + SECOND) - place for place, each in enumerate(calls)), default=0)


class MemoryGrid:
    """A `GridStore` of the world, as one worker reaches it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.link = "whole"

    def change(self, worker: str, step: Step) -> None:
        if self.link == "cut" or not self.world.is_up:
            raise CutOff("cut")
        after = step(self.world.grid, self.world.now)
        if self.link != "mute":
            self.world.grid = after
        if self.link != "whole":
            raise CutOff("broke")

    def leave(self, worker: str) -> None:
        grid = self.world.grid
        if self.link in ("cut", "mute") or not self.world.is_up:
            raise CutOff("cut")
        if grid is not None:
            left = {name: claim for name, claim in grid.claims.items() if name != worker}
            self.world.grid = replace(grid, claims=left)

    def close(self) -> None:
        pass


class Worker:
    """One that calls as often as it may while it is busy, and beats.

    Args:
        world: that it lives in.
        drift: how much faster its clock goes.
        store: by which it reaches the others.
    """

    def __init__(self, world: World, *, drift: float = 0.0, store: GridStore | None = None) -> None:
        self.world = world
        self.memory = MemoryGrid(world)
        self.is_busy = self.lives = self.beats = True
        self.calls: list[float] = []
        self._slot = None
        self.limiter = RedisLimiter(
            store or self.memory, world.policy, clock=lambda: 50.0 + world.now * (1.0 + drift)
        )
        world.workers.append(self)
        world.at(world.now, self._call)
        world.at(world.now + 0.1 * len(world.workers), self._beat)

    def _beat(self) -> float | None:
        if self.lives and self.beats:
            self.limiter.beat()
        return 1.0 if self.lives else None

    def _call(self) -> float | None:
        if not self.lives:
            return None
        if not self.is_busy:
            self._slot = None
            return 0.2
        self._slot, wait = self.limiter.look(self._slot)
        if self._slot is None or wait > 0:
            return min(wait, 0.2)
        self._slot = None
        self.calls.append(self.world.now)
        self.world.calls.append(self.world.now)
        return 0.0

    def kill(self) -> None:
        self.lives = False

    def close(self) -> None:
        self.lives = False
        self.limiter.close()
