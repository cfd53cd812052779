"""Connections that no wait keeps beyond the deadline of a call.

A read timeout bounds each wait, not their sum: an answer that drips in could
hold a call for hours. Here every wait on a socket, for the headers as for the
body, is cut to what remains of the call's time.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from http.client import HTTPResponse
from socket import SocketIO, socket
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection


class Deadline:
    """The moment at which a call is given up.

    Args:
        seconds: how long it may take from now on.
        clock: a clock that never goes back, in seconds.
    """

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._end = clock() + seconds

    def remaining_seconds(self) -> float:
        """How long is left, more than 0.

        Raises:
            TimeoutError: nothing is left.
        """
        remaining = self._end - self._clock()
        if remaining <= 0:
            raise TimeoutError("The deadline of the call has passed.")
        return remaining


class Outgoing:
    """A request body that knows whether all of it was handed to the network.

    Only a body that left whole can have reached the recognizer.

    Args:
        body: what is sent, in slices.
        deadline: of the call that it belongs to.
    """

    def __init__(self, body: Iterable[bytes], deadline: Deadline) -> None:
        self._body = body
        self.deadline = deadline
        self.left_whole = False

    def __iter__(self) -> Iterator[bytes]:
        yield from self._body
        self.left_whole = True


class _BoundedStream(io.RawIOBase):
    """What a socket receives, with no wait beyond the deadline."""

    def __init__(self, sock: socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline
        # Keeps the descriptor open when http.client closes the socket early.
        self._raw: SocketIO = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._deadline.remaining_seconds())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


@dataclass(frozen=True, slots=True)
class _BoundedSource:
    """The one part of a socket that http.client asks for when it reads an answer."""

    sock: socket
    deadline: Deadline

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_BoundedStream(self.sock, self.deadline))


def _bounded_response(deadline: Deadline, sock: socket, *args: Any, **kwargs: Any) -> HTTPResponse:
    source: Any = _BoundedSource(sock, deadline)
    return HTTPResponse(source, *args, **kwargs)


class _BoundedConnection(HTTPConnection):
    """A connection that obeys the deadline of the body it carries."""

    _deadline: Deadline | None = None

    def request(self, method: str, url: str, body: Any = None, headers: Any = None, **options: Any) -> None:
        deadline: Deadline = body.deadline
        self._deadline = deadline
        # http.client only ever calls this attribute.
        self.response_class = partial(_bounded_response, deadline)  # type: ignore[assignment]
        super().request(method, url, body, headers, **options)

    def send(self, data: Any) -> None:
        if self._deadline is not None and self.sock is not None:
            self.sock.settimeout(self._deadline.remaining_seconds())
        super().send(data)

    def close(self) -> None:
        # The same object may connect anew, through a proxy, before the next request.
        self._deadline = None
        self.response_class = HTTPResponse
        super().close()


class _BoundedTlsConnection(_BoundedConnection, HTTPSConnection):
    """The same over TLS."""


class BoundedPool(HTTPConnectionPool):
    """Connections that carry an `Outgoing` body."""

    ConnectionCls = _BoundedConnection


class BoundedTlsPool(HTTPSConnectionPool):
    """The same over TLS."""

    ConnectionCls = _BoundedTlsConnection
