from __future__ import annotations

import contextlib
import io
import itertools
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from transforms.errors import RecordingError
from transforms.fetch import ReadLimits, fetch, mark_of_url
from transforms.records import Mark

BODY = bytes(range(256)) * 1000


class Server(BaseHTTPRequestHandler):
    """Answers by the path; `/status/N` with that status."""

    seen: list[str]

    def do_GET(self):
        self.server.seen.append(self.path)
        kind, _, rest = self.path.strip("/").partition("/")
        if kind == "status":
            self.send_error(int(rest))
        elif kind == "redirect":
            self._head(302, Location=f"/redirect/{int(rest) - 1}" if int(rest) > 1 else "/whole")
        elif kind == "away":
            self._head(302, Location=rest)
        elif kind == "chunked":
            self._head(200, **{"Transfer-Encoding": "chunked"})
            self.wfile.write(b"4\r\nabcd\r\n" + (b"" if rest == "torn" else b"0\r\n\r\n"))
        else:
            self._head(200, **{"Content-Length": len(BODY)} if kind != "unsized" else {})
            self.wfile.write(BODY[:100] if kind == "torn" else BODY)

    def do_HEAD(self):
        kind, _, rest = self.path.strip("/").partition("/")
        if kind == "status":
            self.send_error(int(rest))
        elif kind == "redirect":
            self._head(302, Location="/tagged")
        else:
            told = {
                "tagged": {"ETag": '"abc"', "Last-Modified": "yesterday", "Content-Length": 9},
                "dated": {"Last-Modified": "yesterday", "Content-Length": 9},
                "unsized": {"ETag": '"abc"'},
                "plain": {"Content-Length": 9},
            }
            self._head(200, **told[kind])

    def _head(self, status: int, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, str(value))
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch) -> Iterator[ThreadingHTTPServer]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as running:
        running.seen = []
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield running
        running.shutdown()


def fetched(server, path: str, limits: ReadLimits | None = None, clock=lambda: 0.0) -> bytes:
    target = io.BytesIO()
    url = path if path.startswith("http:") else f"http://127.0.0.1:{server.server_port}/{path}"
    fetch(url, target, limits=limits or ReadLimits(), clock=clock)
    return target.getvalue()


def failure(server, path: str, **options) -> RecordingError:
    with pytest.raises(RecordingError) as raised:
        fetched(server, path, **options)
    return raised.value


@pytest.mark.parametrize("path", ["whole", "unsized", "redirect/1", "redirect/5"])
def test_what_is_there_is_fetched_whole(server, path):
    assert fetched(server, path) == BODY


def test_chunks_are_joined(server):
    assert fetched(server, "chunked/whole") == b"abcd"


@pytest.mark.parametrize("path", ["torn", "chunked/torn"])
def test_a_transfer_that_breaks_off_is_no_recording(server, path):
    error = failure(server, path)
    assert (error.code, error.retryable) == ("DownloadFailed", True)


@pytest.mark.parametrize("path", ["whole", "unsized"])
def test_the_size_is_limited(server, path):
    assert fetched(server, path, ReadLimits(max_bytes=len(BODY))) == BODY
    error = failure(server, path, limits=ReadLimits(max_bytes=len(BODY) - 1))
    assert (error.code, error.retryable) == ("TooLarge", False)


def test_the_time_of_the_whole_is_limited(server):
    seconds = itertools.count(0.0, 0.75)
    error = failure(server, "unsized", limits=ReadLimits(max_seconds=0.5), clock=lambda: next(seconds))
    assert (error.code, error.retryable) == ("DownloadFailed", True)
    assert "not there after 0.5 s" in error.message


@pytest.mark.parametrize(
    ("status", "code", "retryable"),
    [
        (404, "NotFound", False),
        (410, "NotFound", False),
        (401, "PermissionDenied", False),
        (403, "PermissionDenied", False),
        (400, "DownloadFailed", False),
        (429, "DownloadFailed", True),
        (503, "DownloadFailed", True),
    ],
)
def test_a_refusal_is_named_and_not_asked_again(server, status, code, retryable):
    error = failure(server, f"status/{status}")
    assert (error.code, error.retryable) == (code, retryable)
    assert f"HTTP {status}" in error.message
    assert len(server.seen) == 1


def test_redirects_are_bounded(server):
    error = failure(server, "redirect/6")
    assert "more than 5" in error.message
    assert len(server.seen) == 6


@pytest.mark.parametrize("goal", ["file:///etc/hostname", "ftp://127.0.0.1/a", "gs://bucket/a"])
def test_redirects_lead_to_web_addresses_only(server, goal):
    assert "not http or https" in failure(server, f"away/{goal}").message


@pytest.mark.parametrize("goal", ["http://[::1/", "http://127.0.0.1:99999/a"])
def test_a_redirect_to_no_address_is_a_failure(server, goal):
    assert failure(server, f"away/{goal}").code == "DownloadFailed"


def test_a_server_that_is_not_there_may_come_back(server):
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as other:
        port = other.server_port
    error = failure(server, f"http://127.0.0.1:{port}/whole")
    assert (error.code, error.retryable) == ("DownloadFailed", True)


def test_proxies_of_the_environment_are_used_but_where_none_is_meant(server, monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://user:secret@127.0.0.1:{server.server_port}")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert fetched(server, "http://recordings.invalid/whole") == BODY
    assert server.seen == ["http://recordings.invalid/whole"]
    fetched(server, "whole")
    assert server.seen[1:] == ["/whole"]


def test_a_disk_that_is_full_is_told(server):
    class Full(io.BytesIO):
        def write(self, _):
            raise OSError(28, "No space left on device")

    with pytest.raises(RecordingError, match="No space left"):
        fetch(f"http://127.0.0.1:{server.server_port}/whole", Full(), limits=ReadLimits(), clock=lambda: 0.0)


@pytest.mark.parametrize(
    ("path", "mark"),
    [
        ("tagged", Mark(9, '"abc"')),
        ("redirect/1", Mark(9, '"abc"')),
        ("dated", Mark(9, "yesterday")),
        ("unsized", None),
        ("plain", None),
        ("status/403", None),
        ("status/500", None),
    ],
)
def test_a_mark_is_what_the_server_says_of_a_file_without_sending_it(server, path, mark):
    assert mark_of_url(f"http://127.0.0.1:{server.server_port}/{path}", ReadLimits()) == mark
    assert server.seen == []


def test_a_server_that_does_not_answer_tells_no_mark(server):
    server.server_close()
    assert mark_of_url(f"http://127.0.0.1:{server.server_port}/tagged", ReadLimits()) is None
    assert mark_of_url("http://[bad", ReadLimits()) is None


def test_headers_that_drip_in_end_with_the_time_of_the_whole():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(30)
        done = threading.Event()

        def drip() -> None:
            connection, _ = listening.accept()
            with connection, contextlib.suppress(OSError):
                connection.sendall(b"HTTP/1.1 200 OK\r\n")
                while not done.wait(0.05):
                    connection.sendall(b"X")

        dripping = threading.Thread(target=drip)
        dripping.start()
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/a"
        with pytest.raises(RecordingError) as raised:
            fetch(address, io.BytesIO(), limits=ReadLimits(max_seconds=0.4), clock=time.monotonic)
        done.set()
        dripping.join()
    assert (raised.value.code, raised.value.retryable) == ("DownloadFailed", True)


def test_neither_the_message_of_a_refused_connection_nor_a_log_holds_more_of_the_signature(
    monkeypatch, caplog
):
    monkeypatch.setattr("urllib3.util.retry.time.sleep", lambda _: None)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}/a.wav?Signature=TOPSECRET"
        with caplog.at_level("DEBUG"):
            error = failure(None, url)
    assert "the download broke off" in error.message
    assert "TOPSECRET" not in error.message.replace(url, "")
    assert "Retrying" in caplog.text
    assert "TOPSECRET" not in caplog.text
