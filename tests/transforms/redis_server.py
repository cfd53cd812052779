"""A Redis server of the tests' own, that can be stopped and started again."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.transforms.redis_clock import ClockedRedis

Client = TypeVar("Client", bound=redis.Redis)


class RedisServer:
    """On a free port of this machine; keeps what it holds while it is stopped.

    Attributes:
        port: where it listens, the same after a start as before.
    """

    def __init__(self, folder: Path) -> None:
        program = shutil.which("redis-server")
        if program is None:
            pytest.skip("no redis-server on PATH")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self._command = [program, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(folder)]
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        give_up_at = time.monotonic() + 30
        with self.client() as client:
            while True:
                try:
                    client.ping()
                except redis.ConnectionError:
                    assert time.monotonic() < give_up_at, "it does not start"
                    time.sleep(0.02)
                else:
                    return

    def stop(self) -> None:
        """As a host that is shut down: what it holds is saved."""
        if self._process.poll() is None:
            with self.client() as client:
                client.save()
            self.kill()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def client(self) -> redis.Redis:
        return self._client(redis.Redis)

    def clocked(self, clock: Callable[[], float]) -> ClockedRedis:
        """A client for which it is as late as the clock says."""
        client = self._client(ClockedRedis)
        client.clock = clock
        return client

    def _client(self, kind: type[Client]) -> Client:
        once = Retry(NoBackoff(), 0)
        return kind(port=self.port, socket_timeout=2, socket_connect_timeout=2, retry=once)
