from __future__ import annotations

import hashlib
import json
import logging
import pickle
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from email.message import Message
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl

import pytest
from tencentcloud.common.sign import Sign

from transforms.client import Answer, ClientSettings, SentenceClient, ServiceError
from transforms.credentials import Credentials
from transforms.errors import UsageError
from transforms.signing import sign_tc3

ID, KEY, TOKEN = "AKIDexample", "SuperSecretKey0123456789", "SuperSecretToken0123456789"
NOW = 1_700_000_000
BODY = b'{"Data": "U3VwZXJTZWNyZXRBdWRpbw=="}'


@dataclass
class Request:
    headers: Message
    body: bytes


@dataclass
class FakeService:
    """Keeps what it is sent; answers what it is told, else the body's SHA-256 as text."""

    address: str = ""
    requests: list[Request] = field(default_factory=list)
    answers: list[tuple[dict[str, object], dict[str, str]]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, request: Request) -> tuple[dict[str, object], dict[str, str]]:
        with self.lock:
            self.requests.append(request)
            if self.answers:
                return self.answers.pop(0)
        text = hashlib.sha256(request.body).hexdigest()
        return {"Result": text, "AudioDuration": 1000, "WordList": None, "RequestId": "r-1"}, {}


class QuietHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    service: FakeService

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        response, headers = self.service.answer(Request(self.headers, body))
        content = json.dumps({"Response": response}).encode()
        self.send_response_only(200)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeService]:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    fake = FakeService()
    handler = type("Handler", (QuietHandler,), {"service": fake})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    fake.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield fake
    server.shutdown()
    thread.join()
    server.server_close()


class FixedSource:
    """Has one pair of keys, and others after a refresh."""

    def __init__(self, token: str | None = None) -> None:
        self._credentials = Credentials(ID, KEY, token)
        self.refreshes = 0

    def current(self) -> Credentials:
        return self._credentials

    def refresh(self) -> Credentials:
        self.refreshes += 1
        self._credentials = Credentials(ID, f"{KEY}{self.refreshes}", TOKEN)
        return self._credentials


def client(
    address: str,
    source: FixedSource | None = None,
    region: str | None = None,
    language: str | None = None,
    content_type: str = "application/json",
) -> SentenceClient:
    settings = ClientSettings(
        endpoint=address, region=region, language=language, content_type=content_type, timeout_seconds=20
    )
    return SentenceClient(settings, source or FixedSource(), wall_clock=lambda: NOW, nonce=lambda: 42)


def refused(code: str, **headers: str) -> tuple[dict[str, object], dict[str, str]]:
    return {"Error": {"Code": code, "Message": "no"}, "RequestId": "r-2"}, headers


def authorization(request: Request, timestamp: int, key: str = KEY) -> str:
    return sign_tc3(
        secret_id=ID,
        secret_key=key,
        service="asr",
        host=request.headers["Host"],
        content_type=request.headers["Content-Type"],
        action="SentenceRecognition",
        body_sha256=hashlib.sha256(request.body).hexdigest(),
        timestamp=timestamp,
    )


def test_a_call_is_signed_over_what_is_sent(service: FakeService) -> None:
    with closing(client(service.address, FixedSource(TOKEN), "ap-shanghai", "en-US")) as caller:
        answer = caller.send(caller.prepare([BODY]))
    assert answer == Answer(hashlib.sha256(BODY).hexdigest(), (), 1000, "r-1")
    (request,) = service.requests
    assert request.body == BODY
    assert request.headers["Host"] == service.address.removeprefix("http://")
    assert request.headers["Authorization"] == authorization(request, NOW)
    assert {name: request.headers[name] for name in request.headers if name.startswith("X-TC-")} == {
        "X-TC-Action": "SentenceRecognition",
        "X-TC-Version": "2019-06-14",
        "X-TC-Timestamp": str(NOW),
        "X-TC-Region": "ap-shanghai",
        "X-TC-Language": "en-US",
        "X-TC-Token": TOKEN,
    }


def test_what_is_not_set_is_not_sent_and_the_content_type_is_signed(service: FakeService) -> None:
    with closing(client(service.address, content_type="Application/JSON; charset=utf-8")) as caller:
        caller.send(caller.prepare([BODY]))
    (request,) = service.requests
    for name in ("X-TC-Region", "X-TC-Language", "X-TC-Token"):
        assert name not in request.headers
    assert request.headers["Content-Type"] == "application/json; charset=utf-8"
    assert request.headers["Authorization"] == authorization(request, NOW)


def test_a_v1_call_is_a_signed_form(service: FakeService) -> None:
    with closing(client(service.address, FixedSource(TOKEN), "ap-shanghai")) as caller:
        call = caller.prepare_v1({"Url": "http://a/b?c=d&e=f g", "EngSerViceType": "16k_zh"})
        caller.send(call)
        caller.send(call)
    for request in service.requests:
        sent = dict(parse_qsl(request.body.decode(), strict_parsing=True))
        signature = sent.pop("Signature")
        assert sent == {
            "Url": "http://a/b?c=d&e=f g",
            "EngSerViceType": "16k_zh",
            "Action": "SentenceRecognition",
            "Version": "2019-06-14",
            "Region": "ap-shanghai",
            "Token": TOKEN,
            "SecretId": ID,
            "Timestamp": str(NOW),
            "Nonce": "42",
            "SignatureMethod": "HmacSHA256",
        }
        pairs = "&".join(f"{name}={value}" for name, value in sorted(sent.items()))
        host = service.address.removeprefix("http://")
        assert signature == Sign.sign(KEY, f"POST{host}/?{pairs}", "HmacSHA256")
        assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
        assert "Authorization" not in request.headers


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "text/html", ""]
)
def test_an_error_is_an_error_under_any_content_type(service: FakeService, content_type: str) -> None:
    service.answers.append(refused("InternalError", **{"Content-Type": content_type}))
    with closing(client(service.address)) as caller, pytest.raises(ServiceError) as caught:
        caller.send(caller.prepare([BODY]))
    assert (caught.value.code, caught.value.request_id) == ("InternalError", "r-2")
    assert len(service.requests) == 1


@pytest.mark.parametrize("skew", [-86_400, -301, 301, 86_400])
def test_an_expired_signature_sets_the_clock_for_the_next_call(service: FakeService, skew: int) -> None:
    service.answers.append(refused("AuthFailure.SignatureExpire", Date=formatdate(NOW + skew, usegmt=True)))
    with closing(client(service.address)) as caller:
        call = caller.prepare([BODY])
        with pytest.raises(ServiceError, match=r"AuthFailure\.SignatureExpire"):
            caller.send(call)
        caller.send(call)
        caller.send(call)
    times = [int(request.headers["X-TC-Timestamp"]) for request in service.requests]
    assert times == [NOW, NOW + skew, NOW + skew]
    assert service.requests[1].headers["Authorization"] == authorization(service.requests[1], NOW + skew)


@pytest.mark.parametrize("date", ["soon", "", "Tue, 99 Nov 2023 99:99:99 GMT", None])
def test_a_date_that_is_none_leaves_the_clock(service: FakeService, date: str | None) -> None:
    headers = {} if date is None else {"Date": date}
    service.answers.append(refused("AuthFailure.SignatureExpire", **headers))
    with closing(client(service.address)) as caller:
        with pytest.raises(ServiceError):
            caller.send(caller.prepare([BODY]))
        caller.send(caller.prepare([BODY]))
    assert service.requests[1].headers["X-TC-Timestamp"] == str(NOW)


def test_other_errors_leave_the_clock_and_the_credentials(service: FakeService) -> None:
    source = FixedSource()
    service.answers.append(refused("AuthFailure.SignatureFailure", Date=formatdate(NOW + 9999, usegmt=True)))
    with closing(client(service.address, source)) as caller:
        with pytest.raises(ServiceError):
            caller.send(caller.prepare([BODY]))
        caller.send(caller.prepare([BODY]))
    assert service.requests[1].headers["X-TC-Timestamp"] == str(NOW)
    assert source.refreshes == 0


def test_an_expired_token_reads_the_credentials_again(service: FakeService) -> None:
    source = FixedSource("old-token")
    service.answers.append(refused("AuthFailure.TokenFailure"))
    with closing(client(service.address, source)) as caller:
        call = caller.prepare([BODY])
        with pytest.raises(ServiceError, match=r"AuthFailure\.TokenFailure"):
            caller.send(call)
        caller.send(call)
    assert source.refreshes == 1
    assert [request.headers["X-TC-Token"] for request in service.requests] == ["old-token", TOKEN]
    assert service.requests[1].headers["Authorization"] == authorization(service.requests[1], NOW, f"{KEY}1")


def test_threads_share_a_client_without_mixing_calls(service: FakeService) -> None:
    with closing(client(service.address)) as caller:

        def call(number: int) -> bool:
            body = b'{"Data": "%d"}' % number
            return caller.send(caller.prepare([body])).text == hashlib.sha256(body).hexdigest()

        with ThreadPoolExecutor(8) as threads:
            assert all(threads.map(call, range(200)))
    assert len(service.requests) == 200
    for request in service.requests:
        assert request.headers["Authorization"] == authorization(request, NOW)


def test_nothing_secret_is_logged_or_told(service: FakeService, caplog: pytest.LogCaptureFixture) -> None:
    service.answers += [refused("AuthFailure.TokenFailure"), refused("InternalError")]
    shown = []
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "urllib3")
    with closing(client(service.address, FixedSource(TOKEN))) as caller:
        call, call_v1 = caller.prepare([BODY]), caller.prepare_v1({"Url": "http://private.example/a"})
        for prepared in (call, call, call, call_v1):
            try:
                shown.append(repr(caller.send(prepared).request_id))
            except ServiceError as error:
                shown.append(f"{error} {error!r}")
        shown += [repr(caller), repr(call), repr(call_v1)]
    assert "urllib3" in caplog.text
    text = caplog.text + "".join(shown)
    signatures = [request.headers["Authorization"] for request in service.requests[:3]]
    for secret in (KEY, TOKEN, BODY.decode(), "U3VwZXJ", "private.example", "Credential=", *signatures):
        assert secret not in text


def test_a_failure_of_the_network_passes_through(service: FakeService) -> None:
    with closing(client("http://name.invalid")) as caller, pytest.raises(ServiceError) as caught:
        caller.send(caller.prepare([BODY]))
    assert (caught.value.code, caught.value.possibly_billed) == ("ConnectionFailed", False)


def test_a_client_is_never_pickled_and_its_settings_are() -> None:
    settings = ClientSettings(region="ap-shanghai")
    with closing(SentenceClient(settings, FixedSource())) as caller, pytest.raises(TypeError, match="never"):
        pickle.dumps(caller)
    assert pickle.loads(pickle.dumps(settings)) == settings


@pytest.mark.parametrize(
    "endpoint",
    [
        "asr.tencentcloudapi.com",
        "ftp://asr.tencentcloudapi.com",
        "https://",
        "https://user:secret@asr.tencentcloudapi.com",
        "https://asr.tencentcloudapi.com/path",
        "https://asr.tencentcloudapi.com/?query",
        "https://asr.tencentcloudapi.com:port",
        "https://asr.tencentcloudapi.com\n",
        "https://[::1",
    ],
)
def test_an_endpoint_of_another_form_is_refused(endpoint: str) -> None:
    with pytest.raises(UsageError, match=r"recognition\.endpoint") as caught:
        ClientSettings(endpoint=endpoint)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "endpoint", ["http://[::1]:8000", "https://ASR.tencentcloudapi.com/", "http://localhost:1"]
)
def test_an_endpoint_may_have_a_port_and_a_slash(endpoint: str) -> None:
    assert ClientSettings(endpoint=endpoint).endpoint == endpoint
