from __future__ import annotations

import os
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from transforms.wire import Wire

Pair = tuple[Wire, Wire]


@pytest.fixture
def pair() -> Iterator[Pair]:
    one, other = map(Wire, socket.socketpair())
    yield one, other
    one.close()
    other.close()


def test_messages_arrive_whole_and_in_order(pair):
    messages = [b"", b"short", bytes(3 << 20), b"last"]
    sending = threading.Thread(target=lambda: [pair[0].send(message) for message in messages])
    sending.start()
    assert [pair[1].receive() for _ in messages] == [(message, []) for message in messages]
    sending.join()


def test_files_arrive_open_and_not_for_other_processes(pair, tmp_path):
    paths = [tmp_path / str(number) for number in range(64)]
    for path in paths:
        path.write_text(path.name)
    files = [os.open(path, os.O_RDONLY) for path in paths]
    pair[0].send(b"before")
    pair[0].send(b"with", files)
    pair[0].send(b"behind")
    for file in files:
        os.close(file)
    assert pair[1].receive() == (b"before", [])
    message, received = pair[1].receive()
    assert pair[1].receive() == (b"behind", [])
    assert message == b"with"
    for file, path in zip(received, paths, strict=True):
        assert not os.get_inheritable(file)
        assert os.pread(file, 99, 0).decode() == path.name
        os.close(file)


@pytest.mark.parametrize("unread", [b"", b"unread"])
def test_an_end_that_is_closed_is_the_end(unread, pair):
    if unread:
        pair[1].send(unread)
    pair[0].close()
    with pytest.raises(EOFError):
        pair[1].receive()
    with pytest.raises(OSError, match="Broken pipe"):
        pair[1].send(b"x")


def test_an_end_that_is_closed_within_a_message_leaves_no_file_open(pair):
    ours, theirs = socket.socketpair()
    wire = Wire(ours)
    with Path(os.devnull).open("rb") as file:
        Wire(theirs).send(b"", [file.fileno()])
        socket.send_fds(theirs, [b"\0\0\0\0\0\0\0\x63\0\1abc"], [file.fileno()])
    theirs.close()
    os.close(wire.receive()[1][0])
    before = len(list(Path("/dev/fd").iterdir()))
    with pytest.raises(EOFError):
        wire.receive()
    assert len(list(Path("/dev/fd").iterdir())) == before
    wire.close()


def test_files_that_did_not_get_through_are_an_error(pair):
    ours, theirs = socket.socketpair()
    theirs.sendall(b"\0\0\0\0\0\0\0\0\0\1")
    with pytest.raises(OSError, match=r"1 files were sent and 0 .*ulimit"):
        Wire(ours).receive()
    ours.close()
    theirs.close()


def test_waiting_has_a_limit(pair):
    pair[1].limit(0.01)
    with pytest.raises(TimeoutError):
        pair[1].receive()


def test_a_length_that_no_message_has_is_not_believed():
    ours, theirs = socket.socketpair()
    theirs.sendall(struct.pack(">QH", 1 << 60, 0))
    with pytest.raises(ConnectionError, match="1152921504606846976 bytes"):
        Wire(ours).receive()
    ours.close()
    theirs.close()
