from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from transforms.answer import ServiceError
from transforms.body import Body
from transforms.bounded import Deadline
from transforms.connections import CA_BUNDLE_VARIABLES
from transforms.errors import UsageError
from transforms.transport import MAX_ANSWER_BYTES, Reply, Transport

Script = Callable[[socket.socket], object]
PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
BODY = b"0123456789" * 20_000
# Python 3.13 verifies strictly: whoever signs has to say so.
KEY_USAGE = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PROXY_VARIABLES, *(name.upper() for name in PROXY_VARIABLES), *CA_BUNDLE_VARIABLES):
        monkeypatch.delenv(name, raising=False)


class Peer:
    """A server that reads one request after the other and answers each by a script."""

    def __init__(self, script: Script, context: ssl.SSLContext | None = None, reads: bool = True) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self._script, self._context, self._reads = script, context, reads
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(timeout=10)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with connection:
                try:
                    self._converse(connection)
                except OSError:
                    continue

    def _converse(self, connection: socket.socket) -> None:
        connection.settimeout(5)
        if self._context is not None:
            connection = self._context.wrap_socket(connection, server_side=True)
        while not self._reads or self._receive(connection):
            self._script(connection)
            if not self._reads:
                return

    def _receive(self, connection: socket.socket) -> bool:
        received = b""
        while True:
            head, end, body = received.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0] or 0)
            if end and len(body) >= length:
                self.requests.append(received)
                return True
            chunk = connection.recv(65536)
            if not chunk:
                return False
            received += chunk


@contextmanager
def peer(script: Script, context: ssl.SSLContext | None = None, reads: bool = True) -> Iterator[Peer]:
    with closing(Peer(script, context, reads)) as server:
        yield server


def says(content: bytes, head: bytes = b"HTTP/1.1 200 OK\r\nDate: today\r\n") -> Script:
    answer = head + b"Content-Length: %d\r\n\r\n" % len(content) + content
    return lambda connection: connection.sendall(answer)


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def drips(start: bytes, drop: bytes) -> Script:
    def drip(connection: socket.socket) -> None:
        connection.sendall(start)
        # Far longer than the test's deadline, far shorter than anybody waits.
        for _ in range(400):
            connection.sendall(drop)
            time.sleep(0.02)

    return drip


@contextmanager
def transport(
    url: str, timeout_seconds: float = 20, connect_timeout_seconds: float = 5, ca_bundle: str | None = None
) -> Iterator[Transport]:
    opened = Transport(
        url=url,
        connections=2,
        timeout_seconds=timeout_seconds,
        connect_timeout_seconds=connect_timeout_seconds,
        ca_bundle=ca_bundle,
        clock=time.monotonic,
    )
    with closing(opened):
        yield opened


def post(url: str, timeout_seconds: float = 20, ca_bundle: str | None = None, body: bytes = BODY) -> Reply:
    with transport(url, timeout_seconds, ca_bundle=ca_bundle) as opened:
        return opened.post(Body([body]), {"X-Mark": "1"})


def failure(url: str, timeout_seconds: float = 20, ca_bundle: str | None = None) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        post(url, timeout_seconds, ca_bundle)
    return caught.value


def local(server: Peer, scheme: str = "http") -> str:
    return f"{scheme}://127.0.0.1:{server.port}/"


def test_a_body_arrives_as_it_is_and_connections_are_kept() -> None:
    with peer(says(b"answer")) as server, transport(local(server)) as opened:
        for _ in range(3):
            assert opened.post(Body([BODY]), {"X-Mark": "1"}) == Reply(200, "today", b"answer")
    assert server.connections == 1
    assert len(server.requests) == 3
    for request in server.requests:
        head, _, body = request.partition(b"\r\n\r\n")
        assert body == BODY
        assert b"X-Mark: 1" in head
        assert b"Transfer-Encoding" not in head


@pytest.mark.parametrize("content", [b"", b"x" * 100_000])
def test_chunked_and_unframed_answers_are_read_whole(content: bytes) -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunked += (b"%x\r\n%b\r\n" % (len(content), content) if content else b"") + b"0\r\n\r\n"
    with peer(lambda connection: connection.sendall(chunked)) as server, transport(local(server)) as opened:
        assert opened.post(Body([BODY]), {}).body == content
        assert opened.post(Body([BODY]), {}).body == content

    def unframed(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + content)
        connection.shutdown(socket.SHUT_RDWR)

    with peer(unframed) as server:
        assert post(local(server)).body == content


def test_a_redirect_is_not_followed() -> None:
    with peer(says(b"")) as other:
        head = b"HTTP/1.1 307 Moved\r\nLocation: %b\r\n" % local(other).encode()
        with peer(says(b"", head)) as server:
            assert post(local(server)).status == 307
        assert other.connections == 0


def test_a_connection_closed_while_idle_is_replaced() -> None:
    closed = threading.Semaphore(0)

    def once(connection: socket.socket) -> None:
        says(b"answer")(connection)
        connection.shutdown(socket.SHUT_RDWR)
        closed.release()

    with peer(once) as server, transport(local(server)) as opened:
        for _ in range(3):
            assert opened.post(Body([BODY]), {}).body == b"answer"
            assert closed.acquire(timeout=10)
    assert server.connections == 3


@pytest.mark.parametrize(
    ("script", "code"),
    [
        (reset, "ConnectionReset"),
        (lambda connection: connection.shutdown(socket.SHUT_RDWR), "ConnectionReset"),
        (says(b"", b"SSH-2.0-OpenSSH\r\n"), "MalformedAnswer"),
        (
            lambda connection: (
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123"),
                connection.shutdown(socket.SHUT_RDWR),
            ),
            "TruncatedAnswer",
        ),
        (
            lambda connection: (
                connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n123"),
                connection.shutdown(socket.SHUT_RDWR),
            ),
            "TruncatedAnswer",
        ),
        (says(b"not gzip", b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"), "MalformedAnswer"),
        (says(b"x" * (MAX_ANSWER_BYTES + 1)), "MalformedAnswer"),
    ],
)
def test_a_broken_answer_may_have_been_paid_for(script: Script, code: str) -> None:
    with peer(script) as server:
        error = failure(local(server))
    assert (error.code, error.possibly_billed) == (code, True)
    assert len(server.requests) == 1


def test_a_reset_before_the_body_was_taken_is_not_paid_for() -> None:
    # More than all buffers on the way hold, so that the body cannot have left whole.
    with (
        peer(reset, reads=False) as server,
        transport(local(server)) as opened,
        pytest.raises(ServiceError) as caught,
    ):
        opened.post(Body([bytes(64 * 1024 * 1024)]), {})
    assert (caught.value.code, caught.value.possibly_billed) == ("ConnectionFailed", False)


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    error = failure(f"http://127.0.0.1:{port}/")
    assert (error.code, error.possibly_billed) == ("ConnectionFailed", False)
    assert failure("http://name.invalid/").code == "ConnectionFailed"


@pytest.mark.parametrize(
    "script",
    [
        lambda connection: connection.recv(1),
        drips(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x"),
        drips(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"x"),
        drips(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b"x"),
        drips(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    ],
    ids=["silence", "headers", "body", "unframed", "chunks"],
)
def test_an_answer_that_drips_ends_at_the_deadline(script: Script) -> None:
    with peer(script) as server:
        error = failure(local(server), timeout_seconds=0.3)
    assert (error.code, error.possibly_billed) == ("DeadlineExceeded", True)


def test_a_peer_that_reads_nothing_ends_at_the_deadline_unpaid() -> None:
    release = threading.Event()

    def sleep(connection: socket.socket) -> None:
        release.wait(10)

    with peer(sleep, reads=False) as server, transport(local(server), timeout_seconds=0.3) as opened:
        with pytest.raises(ServiceError) as caught:
            opened.post(Body([bytes(32 * 1024 * 1024)]), {})
        release.set()
    assert (caught.value.code, caught.value.possibly_billed) == ("DeadlineExceeded", False)


def test_a_short_rest_of_one_call_does_not_bind_the_next() -> None:
    with peer(says(b"answer")) as server:
        now = [0.0]
        opened = Transport(
            url=local(server),
            connections=1,
            timeout_seconds=10,
            connect_timeout_seconds=10,
            ca_bundle=None,
            clock=lambda: now[0],
        )
        with closing(opened):
            for _ in range(3):
                assert opened.post(Body([BODY]), {}).body == b"answer"
                now[0] += 9.9
    assert server.connections == 1


def test_a_deadline_counts_down_and_ends() -> None:
    now = [100.0]
    deadline = Deadline(2.0, lambda: now[0])
    now[0] = 101.5
    assert deadline.remaining_seconds() == pytest.approx(0.5)
    now[0] = 102.0
    with pytest.raises(TimeoutError):
        deadline.remaining_seconds()


def test_a_proxy_is_asked_with_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    with peer(says(b"by proxy")) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://user:p%40ss@127.0.0.1:{proxy.port}")
        assert post("http://service.invalid:81/").body == b"by proxy"
    head = proxy.requests[0].partition(b"\r\n\r\n")[0]
    assert head.startswith(b"POST http://service.invalid:81/ HTTP/1.1\r\n")
    assert b"authorization: basic dxnlcjpwqhnz" in head.lower()


def test_no_proxy_goes_past_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://name.invalid:3128")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with peer(says(b"direct")) as server:
        assert post(local(server)).body == b"direct"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    monkeypatch.setenv(f"{scheme.upper()}_PROXY", "name.invalid:3128")
    error = failure(f"{scheme}://service.invalid/")
    assert (error.code, error.possibly_billed) == ("ProxyFailed", False)


def test_a_tunnel_that_the_proxy_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    with peer(says(b"", b"HTTP/1.1 407 Proxy Authentication Required\r\n")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        error = failure("https://service.invalid/")
    assert (error.code, error.possibly_billed) == ("ProxyFailed", False)
    assert proxy.requests[0].startswith(b"CONNECT service.invalid:443 ")


def test_a_proxy_of_another_kind_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://user:secret@127.0.0.1:1080")
    with pytest.raises(UsageError, match=r"socks5://127\.0\.0\.1:1080") as caught, transport("http://h/"):
        pass
    assert "secret" not in str(caught.value)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that signed itself, with its key, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(KEY_USAGE, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(pem + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def tls_context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_tls_with_a_named_ca_bundle(certificate: Path, tls_context: ssl.SSLContext) -> None:
    with (
        peer(says(b"answer"), tls_context) as server,
        transport(local(server, "https"), ca_bundle=str(certificate)) as opened,
    ):
        for _ in range(2):
            assert opened.post(Body([BODY]), {}).body == b"answer"
    assert server.connections == 1
    assert server.requests[0].endswith(BODY)


def test_tls_through_the_tunnel_of_a_proxy(
    monkeypatch: pytest.MonkeyPatch, certificate: Path, tls_context: ssl.SSLContext
) -> None:
    def tunnel(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        inner = tls_context.wrap_socket(connection, server_side=True)
        while received := inner.recv(65536):
            if received.endswith(BODY[-10:]):
                says(b"answer", b"HTTP/1.1 200 OK\r\nConnection: close\r\n")(inner)
                inner.close()
                return

    with peer(tunnel) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        with transport("https://127.0.0.1:1/", ca_bundle=str(certificate)) as opened:
            for _ in range(2):
                assert opened.post(Body([BODY[-10:]]), {}).body == b"answer"
    assert [request.split(b" HTTP")[0] for request in proxy.requests] == [b"CONNECT 127.0.0.1:1"] * 2


@pytest.mark.parametrize("variable", CA_BUNDLE_VARIABLES)
def test_tls_with_the_environments_ca_bundle(
    monkeypatch: pytest.MonkeyPatch, certificate: Path, tls_context: ssl.SSLContext, variable: str
) -> None:
    monkeypatch.setenv(variable, str(certificate))
    with peer(says(b"answer"), tls_context) as server:
        assert post(local(server, "https")).body == b"answer"


def test_tls_is_refused_without_trust(tls_context: ssl.SSLContext) -> None:
    with peer(says(b"answer"), tls_context) as server:
        error = failure(local(server, "https"))
    assert (error.code, error.possibly_billed) == ("TlsVerificationFailed", False)
    assert server.requests == []


def test_tls_is_refused_under_another_name(certificate: Path, tls_context: ssl.SSLContext) -> None:
    with peer(says(b"answer"), tls_context) as server:
        error = failure(f"https://localhost:{server.port}/", ca_bundle=str(certificate))
    assert error.code == "TlsVerificationFailed"
    assert server.requests == []


def test_tls_to_a_plain_server_is_no_connection() -> None:
    with peer(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad\r\n\r\n"), reads=False) as server:
        error = failure(local(server, "https"))
    assert (error.code, error.possibly_billed) == ("ConnectionFailed", False)


def test_a_tls_answer_that_drips_ends_at_the_deadline(certificate: Path, tls_context: ssl.SSLContext) -> None:
    script = drips(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"x")
    with peer(script, tls_context) as server:
        error = failure(local(server, "https"), timeout_seconds=0.5, ca_bundle=str(certificate))
    assert (error.code, error.possibly_billed) == ("DeadlineExceeded", True)


@pytest.mark.parametrize("content", [None, "not PEM"])
def test_a_ca_bundle_that_cannot_be_used_is_named(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "bundle.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UsageError, match=r"bundle\.pem"), transport("https://h/", ca_bundle=str(path)):
        pass


def test_a_folder_can_be_a_ca_bundle(tmp_path: Path) -> None:
    with transport("https://127.0.0.1:1/", ca_bundle=str(tmp_path)):
        pass
