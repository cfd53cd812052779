"""Keeps a `quota_grid.Grid` in Redis, and changes it by compare-and-set."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final, Protocol

import redis
from redis.exceptions import ResponseError, WatchError

from transforms import pace
from transforms.pace import PaceState
from transforms.quota_claims import Claim
from transforms.quota_grid import Grid

_MOVED: Final = struct.Struct("<d")


Step = Callable[[Grid | None, float], Grid]
"""The grid behind a change, from the one before it (None if there is none) and Redis's time."""


class GridStore(Protocol):
    """Where a grid is kept."""

    def change(self, worker: str, step: Step) -> None:
        """Bring the grid one step on; the step may be asked again, and its last answer counts.

        Args:
            worker: the one that changes it.
            step: see `Step`.

        Raises:
            ResponseError: it refused to write. Nothing was changed.
            RedisError: it cannot be reached or is failing. The change may have been made all the same, if
                the step was asked.
        """

    def leave(self, worker: str) -> None:
        """Give a worker's claim back.

        Raises:
            RedisError: it cannot be reached or is failing.
        """

    def close(self) -> None:
        """Give the connections back."""


class RedisGrid:
    """A `GridStore` for all who are given the same Redis and name.

    Args:
        client: of a Redis server; with timeouts of a second or two, and no repeats of its own.
        name: what the keys in Redis begin with.
    """

    def __init__(self, client: redis.Redis, name: str) -> None:
        self._client = client
        self._pace_key = f"{name}:pace"
        self._claims_key = f"{name}:claims"

    def change(self, worker: str, step: Step) -> None:
        """See `GridStore.change`. All changes write the pace, so watching it is enough."""
        try:
            self._change(worker, step)
        except ResponseError:
            # It answers and does not do it: perhaps it was replaced, and this one is a replica now.
            self._client.connection_pool.disconnect()
            raise

    def _change(self, worker: str, step: Step) -> None:
        with self._client.pipeline() as pipe:
            while True:
                try:
                    pipe.watch(self._pace_key)  # type: ignore[no-untyped-call]
                    seconds, microseconds = pipe.time()
                    now = seconds + microseconds / 1e6
                    before = _grid_of(pipe.get(self._pace_key), pipe.hgetall(self._claims_key))
                    after = step(before, now)
                    pipe.multi()
                    pipe.set(self._pace_key, after.state.pack() + _MOVED.pack(after.moved_seconds))
                    self._write_claims(pipe, worker, before, after)
                    pipe.execute()
                except WatchError as error:
                    # By this the client also tells of connections that are lost or hang meanwhile.
                    if "occurred while watching" in str(error):
                        raise redis.ConnectionError(str(error)) from error
                    continue
                return

    def leave(self, worker: str) -> None:
        """See `GridStore.leave`. Who has read its claim meanwhile leaves it more than it needs."""
        self._client.hdel(self._claims_key, worker)

    def close(self) -> None:
        """See `GridStore.close`."""
        self._client.close()

    def _write_claims(
        self, pipe: redis.client.Pipeline, worker: str, before: Grid | None, after: Grid
    ) -> None:
        was = before.claims if before is not None else {}
        # Not those that are as they were: one may have said good-bye since.
        new = {name: claim.pack() for name, claim in after.claims.items() if was.get(name) != claim}
        for name, packed in {worker: after.claims[worker].pack(), **new}.items():
            pipe.hset(self._claims_key, name, packed)
        if gone := was.keys() - after.claims.keys():
            pipe.hdel(self._claims_key, *gone)


def _grid_of(packed: object, packed_claims: object) -> Grid | None:
    """The grid that is written there; None if none is."""
    if not isinstance(packed, bytes) or len(packed) != pace.PACKED_BYTES + _MOVED.size:
        return None
    (moved_seconds,) = _MOVED.unpack(packed[pace.PACKED_BYTES :])
    claims: dict[str, Claim] = {}
    for name, value in packed_claims.items() if isinstance(packed_claims, dict) else ():
        # Whatever is no claim is nobody's.
        if (claim := Claim.unpack(value)) is not None:
            claims[name.decode()] = claim
    return Grid(PaceState.unpack(packed[: pace.PACKED_BYTES]), moved_seconds, claims)
