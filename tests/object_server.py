"""An S3 server on this machine, and a proxy before it whose every tenth request goes wrong.

The server is the program that `PROGRAM` names (`versity_server`), or else an emulator
(`moto_server`), in processes that end with whoever started them. Both refuse a second create of one
name as S3 does, and know ranges, multipart uploads and listings in pages.

The proxy forwards what it is asked to. Every tenth request meets the next fault in turn: an error, a
connection that is cut before the server heard of it, an answer that breaks off in its middle, and
an answer that is lost after the server has done what it was asked to.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

PROGRAM = "BEAMSCRIBE_S3_SERVER"
"""The variable that names Versity's S3 gateway, a real server; `make test-s3` sets it."""
BUCKET = "recordings"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIDOFTHETESTS",
    "AWS_SECRET_ACCESS_KEY": "secret-of-the-tests",
    "AWS_REGION": "eu-central-1",
    "AWS_DEFAULT_REGION": "eu-central-1",
}
GOOGLE_CREDENTIALS = {"GOOGLE_BEARER_TOKEN": "token-of-the-tests"}
FAULTS = ("500", "reset", "lost", "503", "cut")
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "te", "upgrade"})


@dataclass(frozen=True)
class ObjectServer:
    """Attributes:
    url: where it answers.
    process: what serves.
    any_name: whether it takes all names that S3 allows, or those that files may have.
    """

    url: str
    process: subprocess.Popen[str]
    any_name: bool

    def fill(self, keys: Iterable[str], body: str = "x", bucket: str = BUCKET) -> None:
        """Put many objects at once, past any proxy."""
        self._tell(bucket, list(keys), body)

    def bucket(self, name: str = BUCKET) -> str:
        """Make an empty bucket, in place of one that is there; returns its URI."""
        self._tell(name)
        return f"s3://{name}"

    def _tell(self, *words: object) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"

    def environment(self, url: str | None = None) -> dict[str, str]:
        """The variables by which a store finds the server, or a proxy before it, and nothing else."""
        nowhere = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull}
        return {
            **CREDENTIALS,
            **nowhere,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_ENDPOINT_URL": url or self.url,
        }

    def client(self) -> Any:
        """A client of Amazon's own, which puts any key that S3 allows."""
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            region_name=CREDENTIALS["AWS_REGION"],
        )


@contextmanager
def object_server() -> Iterator[ObjectServer]:
    """Start the server in a process of its own; it is gone when the context is left."""
    program = os.environ.get(PROGRAM)
    here = Path(__file__).parent
    command = [here / "versity_server.py", Path(program).absolute()] if program else [here / "moto_server.py"]
    with subprocess.Popen(
        [sys.executable, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **CREDENTIALS},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            url = process.stdout.readline().strip()
            assert url, f"{command[-1]} does not serve"
            yield ObjectServer(url, process, any_name=not program)
        finally:
            process.stdin.close()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


@dataclass
class FaultProxy:
    """What a proxy was asked for and did.

    Attributes:
        url: where it answers.
        target: the server behind it.
        every: one request in so many goes wrong; 0 for none, 1 for all.
        faults: what goes wrong, in turn.
        methods: requests that may go wrong.
        dialect: turns the headers of another store's requests into those of S3, which are signed anew.
        refused_as: the status of a create where there is one already.
        requests: all of them, as ``METHOD path?query``.
        met: how often each fault was.
        signed_by: the keys that requests were signed with.
    """

    target: str
    every: int = 10
    faults: tuple[str, ...] = FAULTS
    methods: frozenset[str] = frozenset({"GET", "HEAD", "PUT", "POST", "DELETE"})
    dialect: Callable[[dict[str, str]], dict[str, str]] | None = None
    refused_as: int = 412
    url: str = ""
    requests: list[str] = field(default_factory=list)
    met: Counter[str] = field(default_factory=Counter)
    signed_by: set[str] = field(default_factory=set)
    _counted: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def next_fault(self, method: str, path: str) -> str | None:
        """Count a request; what is to go wrong with it."""
        with self._lock:
            self.requests.append(f"{method} {path}")
            if method not in self.methods or not self.every:
                return None
            self._counted += 1
            if self._counted % self.every:
                return None
            fault = self.faults[self.met.total() % len(self.faults)]
            self.met[fault] += 1
            return fault


@contextmanager
def fault_proxy(target: str, **settings: Any) -> Iterator[FaultProxy]:
    """A proxy before ``target``, on a port of its own, with the settings of `FaultProxy`."""
    proxy = FaultProxy(target, **settings)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(proxy))
    server.daemon_threads = True
    proxy.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def as_google(headers: dict[str, str]) -> dict[str, str]:
    """Google's XML interface is S3's, but for how a create says that it is one."""
    kept = {name: value for name, value in headers.items() if name.lower() != "x-goog-if-generation-match"}
    return kept if len(kept) == len(headers) else {**kept, "If-None-Match": "*"}


def as_cos(headers: dict[str, str]) -> dict[str, str]:
    """Tencent COS does not heed If-None-Match, and has a header of its own."""
    known = {name: value for name, value in headers.items() if name.lower() != "if-none-match"}
    kept = {name: value for name, value in known.items() if name.lower() != "x-cos-forbid-overwrite"}
    return kept if len(kept) == len(known) else {**kept, "If-None-Match": "*"}


def _signed(method: str, path: str, headers: dict[str, str], body: bytes) -> dict[str, str]:
    """The headers of a request, signed for S3 in place of what signed them before they were changed."""
    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    before = ("authorization", "x-amz-date", "x-amz-content-sha256")
    kept = {name: value for name, value in headers.items() if name.lower() not in before}
    # Google's clients write %2F in a path and + in a query; what S3 signs is written in one way only.
    name, _, query = path.partition("?")
    one_way = f"{quote(unquote(name))}?{query.replace('+', '%20')}"
    request = AWSRequest(method, f"http://as-the-headers-say{one_way}", kept, body)
    keys = Credentials(CREDENTIALS["AWS_ACCESS_KEY_ID"], CREDENTIALS["AWS_SECRET_ACCESS_KEY"])
    S3SigV4Auth(keys, "s3", CREDENTIALS["AWS_REGION"]).add_auth(request)
    return dict(request.headers.items())


def _handler(proxy: FaultProxy) -> type[BaseHTTPRequestHandler]:
    target = urlsplit(proxy.target)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 60

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            fault = proxy.next_fault(self.command, self.path)
            authorization = self.headers.get("Authorization", "none")
            proxy.signed_by.add(authorization.partition("Credential=")[2].partition("/")[0] or authorization)
            if fault in ("500", "503"):
                self.answer(int(fault), {}, b"<Error><Code>SlowDown</Code></Error>")
            elif fault in ("400", "403"):
                code = {"400": b"KeyTooLongError", "403": b"AccessDenied"}[fault]
                self.answer(int(fault), {}, b"<Error><Code>%b</Code><Message>no</Message></Error>" % code)
            elif fault == "reset":
                self.cut_off()
            else:
                self.forward(body, fault)

        def forward(self, body: bytes, fault: str | None) -> None:
            asked = HTTPConnection(target.hostname or "", target.port or 80, timeout=60)
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP}
            if proxy.dialect is not None:
                headers = _signed(self.command, self.path, proxy.dialect(headers), body)
            asked.request(self.command, self.path, body=body, headers=headers)
            answered = asked.getresponse()
            content = answered.read()
            status = proxy.refused_as if answered.status == 412 else answered.status
            asked.close()
            if fault == "lost":
                self.cut_off()
            else:
                self.answer(status, _end_to_end(answered), content, cut=fault == "cut")

        def answer(self, status: int, headers: dict[str, str], content: bytes, *, cut: bool = False) -> None:
            self.send_response_only(status)
            length = {} if self.command == "HEAD" and headers else {"Content-Length": str(len(content))}
            for name, value in {**headers, **length}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content[: len(content) // 2] if cut else content)
            if cut:
                self.cut_off()

        def cut_off(self) -> None:
            self.wfile.flush()
            # No time to linger: the other side meets a reset, not an orderly end.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.shutdown(socket.SHUT_RD)
            self.connection.close()
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Nobody reads along."""

        def finish(self) -> None:
            with contextlib.suppress(OSError, ValueError):
                super().finish()

    for method in ("GET", "HEAD", "PUT", "POST", "DELETE"):
        setattr(Handler, f"do_{method}", Handler.handle_any)
    return Handler


def _end_to_end(answered: HTTPResponse) -> dict[str, str]:
    kept = {name: value for name, value in answered.getheaders() if name.lower() not in _HOP_BY_HOP}
    return {name: value for name, value in kept.items() if name.lower() != "content-length"} | (
        {"Content-Length": answered.headers["Content-Length"]} if answered.headers["Content-Length"] else {}
    )
