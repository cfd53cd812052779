from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from pipeline.service.authentication import HttpCall
from pipeline.service.checks import check_call, check_data
from pipeline.service.refusal import ServiceFault
from pipeline.service.settings import TEST_SECRET_ID, ServiceSettings
from tests.service.calls import NOW, fields_of, http_call, tone, wav
from transforms.signing import sign_v1

PAYLOAD = wav(tone(0.1))
FIELDS = fields_of(PAYLOAD)


def refusal(
    call: HttpCall, *, now_s: float = NOW, arrivals: int = 1, settings: ServiceSettings | None = None
) -> ServiceFault:
    settings = settings or ServiceSettings()
    with pytest.raises(ServiceFault) as caught:
        check_data(check_call(call, now_s=now_s, arrivals_in_second=arrivals, settings=settings), settings)
    return caught.value


@pytest.mark.parametrize("with_action", [True, False])
def test_a_right_call_passes_with_either_form_of_signed_headers(with_action: bool) -> None:
    call = http_call(FIELDS, with_action=with_action)
    request = check_call(call, now_s=NOW, arrivals_in_second=1, settings=ServiceSettings())
    assert (request.engine, request.voice_format, request.sample_rate) == ("16k_en", "wav", 16_000)
    assert check_data(request, ServiceSettings()) == PAYLOAD


@pytest.mark.parametrize(
    "header", ["Host", "Content-Type", "X-TC-Action", "X-TC-Version", "X-TC-Timestamp", "Authorization"]
)
def test_a_missing_header_is_named(header: str) -> None:
    fault = refusal(http_call(FIELDS, {header: None}))
    assert fault.code == "MissingParameter"
    assert f"`{header}`" in fault.message


def test_each_check_comes_before_all_later_ones() -> None:
    # Everything is wrong at first; each step mends the reason that the step before met.
    settings = ServiceSettings(token="token", requests_per_second=30)
    right = http_call(b"{}").headers
    steps: list[tuple[dict[str, str], object, int, float, str]] = []
    headers: dict[str, str] = {
        "X-TC-Action": "Other",
        "X-TC-Version": "2000-01-01",
        "Authorization": "nonsense",
    }
    late = NOW + 301.0
    broken = {"Foo": 1, "SourceType": "1", "EngSerViceType": "x"}
    steps.append(({**headers, "X-TC-Timestamp": ""}, broken, 31, late, "MissingParameter"))
    steps.append((dict(headers), broken, 31, late, "InvalidAction"))
    headers["X-TC-Action"] = right["x-tc-action"]
    steps.append((dict(headers), broken, 31, late, "NoSuchVersion"))
    headers["X-TC-Version"] = right["x-tc-version"]
    steps.append((dict(headers), broken, 31, late, "AuthFailure.InvalidAuthorization"))
    headers["Authorization"] = right["authorization"].replace(TEST_SECRET_ID, "AKIDother")
    steps.append((dict(headers), broken, 31, late, "AuthFailure.SignatureExpire"))
    steps.append((dict(headers), broken, 31, NOW, "AuthFailure.SecretIdNotFound"))
    headers["Authorization"] = right["authorization"]
    steps.append((dict(headers), broken, 31, NOW, "AuthFailure.TokenFailure"))
    headers["X-TC-Token"] = "token"
    steps.append((dict(headers), broken, 31, NOW, "AuthFailure.SignatureFailure"))
    del headers["Authorization"]
    steps.append((dict(headers), broken, 31, NOW, "RequestLimitExceeded"))
    steps.append((dict(headers), broken, 30, NOW, "UnknownParameter"))
    for sent, fields, arrivals, now_s, code in steps:
        fault = refusal(http_call(fields, sent), now_s=now_s, arrivals=arrivals, settings=settings)
        assert fault.code == code


def test_parameters_are_checked_in_order_after_the_rate() -> None:
    data = base64.b64encode(PAYLOAD).decode()
    steps: list[tuple[dict[str, object], str]] = [
        ({"Foo": 1, "SourceType": "1"}, "UnknownParameter"),
        ({"SourceType": "1"}, "InvalidParameter"),
        ({"SourceType": 5, "EngSerViceType": "x"}, "MissingParameter"),
        (
            {"SourceType": 5, "EngSerViceType": "x", "VoiceFormat": "x"},
            "InvalidParameterValue.ErrorInvalidEngservice",
        ),
        ({"SourceType": 5, "VoiceFormat": "x"}, "InvalidParameterValue.ErrorInvalidSourcetype"),
        (
            {"SourceType": 1, "VoiceFormat": "x", "Data": "!", "DataLen": 0},
            "InvalidParameterValue.ErrorInvalidVoiceFormat",
        ),
        (
            {"SourceType": 1, "VoiceFormat": "wav", "Data": data + "\n", "DataLen": 0},
            "InvalidParameter.FileEncode",
        ),
        (
            {"SourceType": 1, "VoiceFormat": "wav", "Data": data, "DataLen": 0},
            "InvalidParameter.ErrorContentlength",
        ),
        (
            {"SourceType": 1, "VoiceFormat": "wav", "Data": data, "DataLen": len(PAYLOAD)},
            "RequestSizeLimitExceeded",
        ),
    ]
    settings = ServiceSettings(max_base64_bytes=len(data) - 1)
    for fields, code in steps:
        sent = {"EngSerViceType": "16k_en", **fields}
        assert refusal(http_call(sent), settings=settings).code == code


def test_the_documented_messages() -> None:
    assert refusal(http_call(FIELDS), now_s=NOW - 301).message == (
        "The signature is expired, please request again."
    )
    throttled = refusal(http_call(FIELDS), arrivals=31, settings=ServiceSettings(requests_per_second=30))
    assert throttled.message == (
        "Your current request times equals to `31` in a second, which exceeds the frequency limit `30` for a "
        "second. Please reduce the frequency of calls."
    )


@pytest.mark.parametrize("offset_s", [-300, 300])
def test_a_timestamp_may_be_300_seconds_off(offset_s: int) -> None:
    check_call(http_call(FIELDS), now_s=NOW + offset_s, arrivals_in_second=1, settings=ServiceSettings())


@pytest.mark.parametrize(
    "authorization",
    [
        "HMAC Credential=AKID",
        *(
            f"TC3-HMAC-SHA256 Credential=AKID/2023-11-14/{service}/tc3_request, "
            f"SignedHeaders={signed}, Signature={digits}"
            for service, signed, digits in [
                ("asr", "host", "0" * 64),
                ("cvm", "content-type;host", "0" * 64),
                ("asr", "content-type;host", "0" * 63),
            ]
        ),
    ],
)
def test_a_malformed_claim_is_refused(authorization: str) -> None:
    code = refusal(http_call(FIELDS, {"Authorization": authorization})).code
    assert code == "AuthFailure.InvalidAuthorization"


def test_the_signature_covers_body_host_and_content_type() -> None:
    call = http_call(FIELDS)
    changed = [
        replace(call, body=call.body + b" "),
        replace(call, headers={**call.headers, "host": "example.com"}),
        replace(call, headers={**call.headers, "content-type": "application/json; charset=utf-8"}),
        replace(call, headers={**call.headers, "x-tc-timestamp": str(NOW + 1)}),
    ]
    assert [refusal(each).code for each in changed] == ["AuthFailure.SignatureFailure"] * 4


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    assert refusal(http_call(body)).code == "InvalidParameter"


def test_the_older_payload_limit_counts_bytes_before_base64() -> None:
    exact = ServiceSettings(max_payload_bytes=len(PAYLOAD))
    request = check_call(http_call(FIELDS), now_s=NOW, arrivals_in_second=1, settings=exact)
    assert check_data(request, exact) == PAYLOAD
    smaller = replace(exact, max_payload_bytes=len(PAYLOAD) - 1)
    assert refusal(http_call(FIELDS), settings=smaller).code == "RequestSizeLimitExceeded"


def test_a_body_beyond_the_limit_of_its_signature_is_refused() -> None:
    tc3 = replace(http_call(FIELDS), content_length=10_000_001, body=b"")
    assert refusal(tc3).code == "RequestSizeLimitExceeded"
    form = HttpCall("POST", "", {"content-type": "application/x-www-form-urlencoded"}, 1_000_001, b"")
    assert refusal(form).code == "RequestSizeLimitExceeded"


def v1_call(**changes: str) -> HttpCall:
    parameters = {
        "Action": "SentenceRecognition",
        "Version": "2019-06-14",
        "Timestamp": str(NOW),
        "Nonce": "7",
        "SecretId": TEST_SECRET_ID,
        "EngSerViceType": "16k_en",
        "SourceType": "0",
        "VoiceFormat": "wav",
        "Url": "http://127.0.0.1/a.wav",
    }
    key = ServiceSettings().secret_key
    parameters["Signature"] = sign_v1(secret_key=key, method="GET", host="h", path="/", parameters=parameters)
    pairs = {**parameters, **changes}
    query = "&".join(f"{name}={value.replace('+', '%2B')}" for name, value in pairs.items() if value)
    return HttpCall("GET", query, {"host": "h"}, 0, b"")


def test_the_older_signature_passes_and_its_numbers_are_numbers() -> None:
    request = check_call(v1_call(), now_s=NOW, arrivals_in_second=1, settings=ServiceSettings())
    assert (request.source_type, request.url) == (0, "http://127.0.0.1/a.wav")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"Nonce": ""}, "MissingParameter"),
        ({"Action": "Other"}, "InvalidAction"),
        ({"SignatureMethod": "MD5"}, "AuthFailure.InvalidAuthorization"),
        ({"Timestamp": str(NOW - 301)}, "AuthFailure.SignatureExpire"),
        ({"SecretId": "AKIDother"}, "AuthFailure.SecretIdNotFound"),
        ({"VoiceFormat": "mp3"}, "AuthFailure.SignatureFailure"),
    ],
)
def test_the_older_signature_is_refused_for_each_reason(changes: dict[str, str], code: str) -> None:
    assert refusal(v1_call(**changes)).code == code
