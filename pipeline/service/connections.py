"""Connections: reading calls off the wire and delivering answers, spoiled ones too."""

from __future__ import annotations

import dataclasses
import json
import socket
import struct
from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock
from typing import Final
from urllib.parse import urlsplit

from pipeline.service.answering import Answerer, Reply
from pipeline.service.authentication import MAX_TC3_BODY_BYTES, HttpCall
from pipeline.service.faults import FaultKind
from pipeline.service.ledger import Ledger

_BLOCK_BYTES: Final = 65_536
_SLOW_STEPS: Final = 20
# On, zero seconds: closing sends a reset instead of an orderly end.
_LINGER_ZERO: Final = struct.pack("ii", 1, 0)


class ServiceServer(ThreadingHTTPServer):
    """A thread for each connection; connections stay open between calls.

    Args:
        address: host and port to listen on.
        answerer: answers the calls.
        ledger: counts them.
        now: the service's clock, seconds since 1970 UTC.
        monotonic: seconds of a clock that never steps.

    Raises:
        OSError: the address or port cannot be listened on.
    """

    daemon_threads = True
    # Hundreds of clients may connect in the same instant.
    request_queue_size = 1024

    def __init__(
        self,
        address: tuple[str, int],
        answerer: Answerer,
        ledger: Ledger,
        now: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, _Handler)
        self.answerer = answerer
        self.ledger = ledger
        self.now = now
        self.monotonic = monotonic
        self.stopping = Event()
        self._connections: set[socket.socket] = set()
        self._lock = Lock()

    def opened(self, connection: socket.socket) -> None:
        """Remembers a connection, to cut it when the server stops."""
        with self._lock:
            self._connections.add(connection)

    def closed(self, connection: socket.socket) -> None:
        """Forgets a connection."""
        with self._lock:
            self._connections.discard(connection)

    def stop(self) -> None:
        """Stops listening and cuts every connection."""
        self.stopping.set()
        self.shutdown()
        self.server_close()
        with self._lock:
            for connection in self._connections:
                _cut(connection)


def _cut(connection: socket.socket) -> None:
    """Ends both directions of a connection that its client may have ended already."""
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


class _Handler(BaseHTTPRequestHandler):
    """Serves the calls of one connection, one after the other."""

    server: ServiceServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.server.opened(self.connection)

    def finish(self) -> None:
        self.server.closed(self.connection)
        super().finish()

    def handle(self) -> None:
        # A client may go away between two calls, or in the middle of one.
        try:
            super().handle()
        except ConnectionError:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Writes nothing: the ledger counts what happens."""

    def do_GET(self) -> None:
        """Statistics, health, or a call whose parameters are in its query."""
        path = urlsplit(self.path).path
        if path == "/stats":
            body = json.dumps(dataclasses.asdict(self.server.ledger.stats()), indent=2).encode()
            self._send(Reply(body))
        elif path == "/healthz":
            self._send(Reply(b"ok\n", content_type="text/plain"))
        else:
            self._api_call()

    def do_POST(self) -> None:
        """A call."""
        self._api_call()

    def _api_call(self) -> None:
        parts = urlsplit(self.path)
        length = self.headers.get("Content-Length", "0")
        if parts.path != "/" or not length.isdecimal() or "Transfer-Encoding" in self.headers:
            self.close_connection = True
            status = HTTPStatus.NOT_FOUND if parts.path != "/" else HTTPStatus.LENGTH_REQUIRED
            self._send(Reply(b"", status, "text/plain"))
            return
        arrival = self.server.ledger.arrive(now_s=self.server.monotonic(), utc_s=self.server.now())
        try:
            body = self._read(int(length))
            if body is None:
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            call = HttpCall(self.command, parts.query, headers, int(length), body)
            reply = self.server.answerer.answer(call, arrival)
            # The audio must not stay in memory while the answer waits.
            del call, body
            self._deliver(reply)
        except ConnectionError:
            self.close_connection = True
            self.server.ledger.unread_answer()
        finally:
            self.server.ledger.leave()

    def _read(self, length: int) -> bytes | None:
        """Reads the body; empty if it is beyond every limit, None if the client is gone."""
        if length <= MAX_TC3_BODY_BYTES:
            body = self.rfile.read(length)
            self.close_connection = self.close_connection or len(body) < length
            return body if len(body) == length else None
        while length > 0:
            block = self.rfile.read(min(length, _BLOCK_BYTES))
            if not block:
                self.close_connection = True
                return None
            length -= len(block)
        return b""

    def _deliver(self, reply: Reply) -> None:
        """Sends a reply when it is due, and as badly as it is meant to be."""
        waiting_s = reply.ready_at_s - self.server.monotonic()
        if reply.delivery is FaultKind.HANG:
            waiting_s = max(waiting_s, reply.seconds)
        if waiting_s > 0 and self.server.stopping.wait(waiting_s):
            self.close_connection = True
            return
        if reply.delivery is FaultKind.RESET:
            self._reset()
        elif reply.delivery is FaultKind.TRUNCATE:
            self.close_connection = True
            self.wfile.write(self._head(reply) + reply.body[: len(reply.body) // 2])
        elif reply.delivery is FaultKind.SLOW:
            self._drip(reply)
        else:
            self._send(reply)

    def _send(self, reply: Reply) -> None:
        # One write, so that a small answer is one packet.
        self.wfile.write(self._head(reply) + reply.body)

    def _head(self, reply: Reply) -> bytes:
        connection = "close" if self.close_connection else "keep-alive"
        return (
            f"HTTP/1.1 {reply.status.value} {reply.status.phrase}\r\n"
            f"Date: {formatdate(self.server.now(), usegmt=True)}\r\n"
            f"Content-Type: {reply.content_type}\r\n"
            f"Content-Length: {len(reply.body)}\r\n"
            f"Connection: {connection}\r\n\r\n"
        ).encode("latin-1")

    def _drip(self, reply: Reply) -> None:
        """Sends the headers, then the body in small pieces over the given seconds."""
        self.wfile.write(self._head(reply))
        step = max(1, -(-len(reply.body) // _SLOW_STEPS))
        for start in range(0, len(reply.body), step):
            if self.server.stopping.wait(reply.seconds / _SLOW_STEPS):
                self.close_connection = True
                return
            self.wfile.write(reply.body[start : start + step])

    def _reset(self) -> None:
        """Resets the connection before any header."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        # The last reference closes the socket; before the server's own orderly shutdown.
        self.rfile.close()
        self.connection.close()
