"""An HTTP server that answers every call alike and looks at nothing, in another process.

What it costs is not counted with the client that is measured.
"""

from __future__ import annotations

import multiprocessing
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from threading import Thread

_BODY = b'{"Response": {"Result": "", "AudioDuration": 0, "WordSize": 0, "RequestId": "0"}}'
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
    len(_BODY),
    _BODY,
)
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


@contextmanager
def plain_server() -> Iterator[int]:
    """Start the server; gives the port on 127.0.0.1 that it listens on."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.kill()
        process.join()


def _serve(parent: Connection) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        parent.send(listening.getsockname()[1])
        while True:
            connection, _ = listening.accept()
            Thread(target=_answer_all, args=(connection,), daemon=True).start()


def _answer_all(connection: socket.socket) -> None:
    with connection:
        buffer = bytearray(1 << 20)
        while (head := _head(connection)) is not None:
            length = _LENGTH.search(head)
            assert length is not None, "the clients that are measured send a length"
            missing = int(length[1]) - (len(head) - head.index(b"\r\n\r\n") - 4)
            while missing > 0 and (got := connection.recv_into(buffer, min(missing, len(buffer)))):
                missing -= got
            connection.sendall(_ANSWER)


def _head(connection: socket.socket) -> bytes | None:
    """What is received up to the end of the headers at least; None when the client has gone."""
    head = b""
    while b"\r\n\r\n" not in head:
        received = connection.recv(65536)
        if not received:
            return None
        head += received
    return head
