from __future__ import annotations

import base64
import hashlib
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from pathlib import Path

import numpy as np
import pytest
import urllib3
from tencentcloud.common import abstract_client
from urllib3.exceptions import HTTPError, ProtocolError, ReadTimeoutError

from pipeline.service.server import LocalService
from pipeline.service.settings import ServiceSettings
from pytest_beamscribe import StartService
from tests.service.calls import code_of, fields_of, post, sdk_call, sdk_client, sdk_code, tone, wav

PAYLOAD = wav(tone(0.2))
FIELDS = fields_of(PAYLOAD)


def wait_until_decided(service: LocalService) -> None:
    """Waits for the first call to be entered into the ledger; the client may have left."""
    deadline_s = time.monotonic() + 30
    while not service.received and time.monotonic() < deadline_s:
        time.sleep(0.01)


# The unmodified official SDK as the client.


def test_the_sdk_gets_a_transcript(serve: StartService) -> None:
    service = serve()
    answer = sdk_call(sdk_client(service), {**FIELDS, "WordInfo": 1})
    assert (answer.AudioDuration, answer.WordSize) == (200, 8)
    assert answer.Result == " ".join(word.Word for word in answer.WordList)
    assert (answer.WordList[0].StartTime, answer.WordList[-1].EndTime) == (0, 200)
    again = sdk_call(sdk_client(service), FIELDS)
    assert (again.Result, again.WordList, again.WordSize) == (answer.Result, None, 0)
    assert again.RequestId != answer.RequestId
    assert sdk_call(sdk_client(service), fields_of(wav(tone(0.2, hertz=500)))).Result != answer.Result


def test_the_sdk_is_refused_for_each_reason(serve: StartService, monkeypatch: pytest.MonkeyPatch) -> None:
    service = serve(token="the-token")
    client = sdk_client(service, token="the-token")
    wrong = {
        "AuthFailure.SecretIdNotFound": sdk_client(service, secret_id="AKIDother", token="the-token"),
        "AuthFailure.SignatureFailure": sdk_client(service, secret_key="other", token="the-token"),
        "AuthFailure.TokenFailure": sdk_client(service, token="other"),
    }
    for code, each in wrong.items():
        assert sdk_code(each, FIELDS) == code
    assert sdk_code(sdk_client(service), FIELDS) == "AuthFailure.TokenFailure"
    too_long = wav(np.ones(16_000 * 60 + 1, np.int16))
    payload_codes = {
        "InvalidParameterValue.ErrorInvalidEngservice": {**FIELDS, "EngSerViceType": "16k_xx"},
        "InvalidParameterValue.ErrorInvalidSourcetype": {**FIELDS, "SourceType": 2},
        "InvalidParameterValue.ErrorInvalidVoiceFormat": {**FIELDS, "VoiceFormat": "flac"},
        "InvalidParameterValue.ErrorVoicedataTooLong": fields_of(too_long),
        "InvalidParameterValue.ErrorInvalidVoicedata": {**FIELDS, "EngSerViceType": "8k_en"},
        "InvalidParameterValue.NoHumanVoice": fields_of(wav(np.zeros(1600, np.int16))),
        "InvalidParameter.ErrorContentlength": {**FIELDS, "DataLen": 5},
        "InvalidParameter.FileEncode": {**FIELDS, "Data": base64.encodebytes(PAYLOAD).decode()},
        "InvalidParameter": {**FIELDS, "WordInfo": "1"},
        "MissingParameter": {name: value for name, value in FIELDS.items() if name != "DataLen"},
        "RequestSizeLimitExceeded": fields_of(bytes(2_250_001), "pcm"),
    }
    for code, fields in payload_codes.items():
        assert sdk_code(client, fields) == code
    old = time.time() - 301
    with monkeypatch.context() as patched:
        patched.setattr(abstract_client.time, "time", lambda: old)
        assert sdk_code(client, FIELDS) == "AuthFailure.SignatureExpire"
    expected = dict.fromkeys([*wrong, *payload_codes, "AuthFailure.SignatureExpire"], 1)
    assert service.stats().refused == {**expected, "AuthFailure.TokenFailure": 2}
    assert service.stats().billed == 0
    sdk_call(client, FIELDS)


@pytest.mark.parametrize("sign_method", ["HmacSHA1", "HmacSHA256", "TC3-HMAC-SHA256"])
@pytest.mark.parametrize("http_method", ["GET", "POST"])
def test_the_sdk_calls_with_a_url_in_every_form(
    serve: StartService, sign_method: str, http_method: str
) -> None:
    files = serve()
    service = serve()
    # Not audio, but served on this machine: the download works, its content is refused.
    fields = {
        "EngSerViceType": "16k_en",
        "SourceType": 0,
        "VoiceFormat": "wav",
        "Url": f"{files.endpoint}/healthz?a=b c&d=中",
    }
    client = sdk_client(service, sign_method=sign_method, http_method=http_method)
    assert sdk_code(client, fields) == "InvalidParameterValue.ErrorInvalidVoicedata"
    assert service.received[0].payload_sha256 == hashlib.sha256(b"ok\n").hexdigest()
    wrong = sdk_client(service, secret_key="other", sign_method=sign_method, http_method=http_method)
    assert sdk_code(wrong, fields) == "AuthFailure.SignatureFailure"


def test_the_sdk_meets_the_rate_limit() -> None:
    seconds = [5.0]
    settings = ServiceSettings(requests_per_second=2)
    with LocalService(settings, monotonic=lambda: seconds[0]) as service:
        client = sdk_client(service)
        for _ in range(2):
            sdk_call(client, FIELDS)
        assert sdk_code(client, FIELDS) == "RequestLimitExceeded"
        seconds[0] = 5.9
        # Refused calls fill the window too.
        assert sdk_code(client, FIELDS) == "RequestLimitExceeded"
        seconds[0] = 6.0
        sdk_call(client, FIELDS)
        assert sdk_code(client, FIELDS) == "RequestLimitExceeded"
        assert service.stats().max_in_second == 4
        assert service.stats().refused == {"RequestLimitExceeded": 3}


# The form of answers.


def test_an_answer_has_exactly_the_documented_form(serve: StartService) -> None:
    response = post(serve(), FIELDS)
    assert (response.status, response.headers["Content-Type"]) == (200, "application/json")
    assert parsedate_to_datetime(response.headers["Date"]).tzinfo is not None
    answer = json.loads(response.data)["Response"]
    assert set(answer) == {"Result", "AudioDuration", "WordSize", "WordList", "RequestId"}


def test_an_error_is_status_200_with_a_request_id(serve: StartService) -> None:
    response = post(serve(), {**FIELDS, "Foo": 1})
    assert (response.status, response.headers["Content-Type"]) == (200, "application/json")
    answer = json.loads(response.data)["Response"]
    assert set(answer) == {"Error", "RequestId"}
    assert set(answer["Error"]) == {"Code", "Message"}


def test_a_clock_that_is_off_shows_in_the_date(serve: StartService) -> None:
    service = serve(clock_offset_s=4000.0)
    response = post(service, {**FIELDS, "Foo": 1})
    date_s = parsedate_to_datetime(response.headers["Date"]).timestamp()
    assert date_s == pytest.approx(service.now(), abs=30)
    assert sdk_code(sdk_client(service), FIELDS) == "AuthFailure.SignatureExpire"


def test_connections_stay_open_between_calls(serve: StartService) -> None:
    service = serve()
    with urllib3.PoolManager() as pool:
        host = pool.connection_from_url(service.endpoint)
        for _ in range(3):
            assert host.request("GET", "/healthz").data == b"ok\n"
        assert host.num_connections == 1


def test_a_body_beyond_every_limit_is_refused_not_kept(serve: StartService) -> None:
    assert code_of(serve(), {**FIELDS, "Data": "A" * 10_000_000}) == "RequestSizeLimitExceeded"


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST /other HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"PUT / HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_call_is_not_counted(serve: StartService, request_bytes: bytes) -> None:
    service = serve()
    host, _, port = service.endpoint.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(request_bytes)
        assert connection.recv(100).split()[1] in (b"404", b"411", b"501")
    assert service.stats().calls == 0


# Quota and faults.


def test_the_quota_runs_out_after_the_billed_calls(serve: StartService) -> None:
    service = serve(calls_left=2)
    silence = fields_of(wav(np.zeros(1600, np.int16)))
    codes = [code_of(service, fields) for fields in (FIELDS, silence, FIELDS, FIELDS)]
    assert codes == [None, "InvalidParameterValue.NoHumanVoice", None, "FailedOperation.UserHasNoAmount"]
    assert service.stats().billed == 2


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("throttle=1", "RequestLimitExceeded"),
        ("internal=1", "InternalError"),
        ("code:FailedOperation.ServiceIsolate=1", "FailedOperation.ServiceIsolate"),
    ],
)
def test_error_faults_are_not_billed(serve: StartService, text: str, code: str) -> None:
    service = serve(faults=[text])
    assert sdk_code(sdk_client(service), FIELDS) == code
    stats = service.stats()
    assert (stats.billed, stats.refused) == (0, {code: 1})
    assert stats.faults == {text.partition("=")[0].partition(":")[0]: 1}


def test_an_error_can_hide_behind_a_charset(serve: StartService) -> None:
    service = serve(faults=["charset-code:InternalError=1"])
    response = post(service, FIELDS)
    assert response.headers["Content-Type"] == "application/json; charset=utf-8"
    assert json.loads(response.data)["Response"]["Error"]["Code"] == "InternalError"
    assert sdk_call(sdk_client(service), FIELDS).Result is None, "the SDK takes it for a success"


def test_a_gateway_s_page(serve: StartService) -> None:
    service = serve(faults=["http502=1"])
    response = post(service, FIELDS)
    assert (response.status, response.headers["Content-Type"]) == (502, "text/html")
    assert response.data.startswith(b"<html>")
    assert (service.stats().billed, service.stats().faults) == (0, {"http502": 1})


@pytest.mark.parametrize("kind", ["reset", "truncate"])
def test_answers_that_are_lost_are_billed(serve: StartService, kind: str) -> None:
    service = serve(faults=[f"{kind}=first:1"])
    with pytest.raises(ProtocolError) as caught:
        post(service, FIELDS)
    is_reset = isinstance(caught.value.args[1], ConnectionResetError) if len(caught.value.args) > 1 else False
    assert is_reset == (kind == "reset")
    assert (service.stats().billed, service.stats().faults) == (1, {kind: 1})
    assert code_of(service, FIELDS) is None


def test_a_hanging_answer_is_billed_and_nothing_comes(serve: StartService) -> None:
    service = serve(faults=["hang:60=1"])
    with pytest.raises(ReadTimeoutError):
        post(service, FIELDS, timeout_s=0.3)
    wait_until_decided(service)
    assert service.stats().billed == 1


def test_a_slow_answer_drips_in_and_is_right(serve: StartService) -> None:
    service = serve(faults=["slow:0.2=1"])
    response = post(service, FIELDS)
    assert json.loads(response.data)["Response"]["AudioDuration"] == 200
    hanging = serve(faults=["slow:600=1"])
    # The headers come at once, the body does not.
    with pytest.raises(HTTPError):
        post(hanging, FIELDS, timeout_s=0.3)
    wait_until_decided(hanging)
    assert hanging.stats().billed == 1


def test_right_answers_in_a_wrong_dress(serve: StartService) -> None:
    response = post(serve(faults=["charset=1"]), FIELDS)
    assert response.headers["Content-Type"] == "application/json; charset=utf-8"
    assert json.loads(response.data)["Response"]["Result"]
    empty = json.loads(post(serve(faults=["empty=1"]), FIELDS).data)["Response"]
    assert (empty["Result"], "Error" in empty) == (None, False)
    with pytest.raises(ValueError, match="Expecting value"):
        json.loads(post(serve(faults=["notjson=1"]), FIELDS).data)


def test_the_same_seed_plans_the_same_faults(serve: StartService) -> None:
    def codes(seed: int) -> list[str | None]:
        service = serve(seed=seed, faults=["throttle=0.3", "internal=0.3"])
        return [code_of(service, FIELDS) for _ in range(20)]

    assert codes(1) == codes(1)
    assert len({tuple(codes(seed)) for seed in range(4)}) == 4


# Statistics and life.


def test_each_call_is_remembered(serve: StartService) -> None:
    service = serve()
    post(service, FIELDS)
    post(service, {**FIELDS, "DataLen": 1})
    good, bad = service.received
    assert (good.engine, good.voice_format, good.data_len) == ("16k_en", "wav", len(PAYLOAD))
    assert (good.payload_sha256, good.duration_ms) == (hashlib.sha256(PAYLOAD).hexdigest(), 200)
    assert (good.code, good.billed) == (None, True)
    assert (bad.code, bad.billed, bad.payload_sha256) == ("InvalidParameter.ErrorContentlength", False, None)


def test_statistics_are_told_at_an_address(serve: StartService) -> None:
    service = serve()
    for _ in range(2):
        post(service, FIELDS)
    # A call is in flight until its thread has done with it, a moment after its answer has come.
    for _ in range(200):
        with urllib3.PoolManager() as pool:
            stats = pool.request("GET", f"{service.endpoint}/stats").json()
        if stats["in_flight"] == 0:
            break
        time.sleep(0.02)
    assert (stats["calls"], stats["billed"], stats["distinct_billed_payloads"]) == (2, 2, 1)
    assert (stats["refused"], stats["in_flight"]) == ({}, 0)
    assert stats["first_arrival_s"] <= stats["last_arrival_s"]


def test_many_callers_at_once_get_their_own_answers(serve: StartService) -> None:
    service = serve(latency_ms=(20.0, 60.0))
    payloads = [wav(tone(0.1, hertz=300 + 10 * index)) for index in range(40)]

    def text_of(payload: bytes) -> str:
        return str(json.loads(post(service, fields_of(payload)).data)["Response"]["Result"])

    with ThreadPoolExecutor(40) as pool:
        texts = list(pool.map(text_of, payloads))
    assert len(set(texts)) == 40
    assert texts[:3] == [text_of(payload) for payload in payloads[:3]]
    assert service.stats().max_in_flight > 1


def test_a_scripted_service(serve: StartService, tmp_path: Path) -> None:
    path = tmp_path / "script.json"
    path.write_text('[{"text": "你好 world"}, {"code": "FailedOperation.ErrorRecognize"}]', encoding="utf-8")
    service = serve(recognizer="script", script_path=str(path))
    assert sdk_call(sdk_client(service), FIELDS).Result == "你好 world"
    assert code_of(service, FIELDS) == "FailedOperation.ErrorRecognize"
    assert service.stats().billed == 1


def test_stopping_cuts_calls_that_wait() -> None:
    service = LocalService(ServiceSettings(latency_ms=(60_000.0, 60_000.0)))
    service.start()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(post, service, FIELDS, timeout_s=30.0)
        wait_until_decided(service)
        service.stop()
        with pytest.raises(HTTPError):
            waiting.result(timeout=20)
    service.stop()
