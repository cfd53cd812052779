from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import pytest

from pipeline.service.download import download
from pipeline.service.refusal import ServiceFault

CONTENT = b"audio " * 1000


class _Files(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status = {"/audio": 200, "/elsewhere": 302}.get(self.path, 404)
        self.send_response(status)
        self.send_header("Location", "/audio")
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT)

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def files() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Files) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def code_of(url: str, **options: int) -> str:
    with pytest.raises(ServiceFault) as caught:
        download(url, allow_public=False, **options)  # type: ignore[arg-type]
    return caught.value.code


def test_a_file_is_downloaded(files: str) -> None:
    assert download(f"{files}/audio", allow_public=False, max_bytes=len(CONTENT)) == CONTENT


def test_what_cannot_be_downloaded_is_refused(files: str) -> None:
    for url in [
        f"{files}/none",
        f"{files}/elsewhere",
        "http://127.0.0.1:1/a",
        "http://[::1",
        "http://192.0.2.1/a",
    ]:
        assert code_of(url) == "FailedOperation.ErrorDownFile"


def test_a_large_file_is_refused(files: str) -> None:
    assert code_of(f"{files}/audio", max_bytes=len(CONTENT) - 1) == "RequestSizeLimitExceeded"


def test_a_download_that_takes_too_long_ends(files: str) -> None:
    times = iter([0.0, 11.0])
    with pytest.raises(ServiceFault, match="longer than 10 s"):
        download(f"{files}/audio", allow_public=False, clock=lambda: next(times))
