"""A client of Redis whose clock is passed in, and whose connection can be cut."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import redis
from redis.client import Pipeline


class ClockedPipeline(Pipeline):
    """See `ClockedRedis`."""

    def __init__(self, client: ClockedRedis) -> None:
        super().__init__(client.connection_pool, client.response_callbacks, True, None)
        self._of = client

    def watch(self, *names: Any) -> Any:
        self._of.check()
        return super().watch(*names)

    def time(self, **_: Any) -> tuple[int, int]:
        whole, part = divmod(self._of.clock(), 1.0)
        return int(whole), int(part * 1e6)

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        done: list[Any] = super().execute(raise_on_error)
        if self._of.is_deaf:
            raise redis.TimeoutError("no answer")
        return done


class ClockedRedis(redis.Redis):
    """Everything but the time is the server's.

    Attributes:
        clock: tells the time, in place of the server.
        is_cut: whether the server cannot be reached.
        is_deaf: whether its last answers do not arrive.
    """

    clock: Callable[[], float]
    is_cut = False
    is_deaf = False

    def check(self) -> None:
        if self.is_cut:
            raise redis.ConnectionError("cut")

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> ClockedPipeline:
        return ClockedPipeline(self)
