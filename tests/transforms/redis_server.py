"""A Redis server of the tests' own, that can be stopped and started again."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry


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
        once = Retry(NoBackoff(), 0)
        return redis.Redis(port=self.port, socket_timeout=2, socket_connect_timeout=2, retry=once)
