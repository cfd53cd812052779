from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tencentcloud.asr.v20190614 import errorcodes

from transforms import codes
from transforms.codes import Verdict, advice, attempts_allowed, classify

EXPECTED = {
    Verdict.THROTTLED: """RequestLimitExceeded RequestLimitExceeded.UinLimitExceeded
        RequestLimitExceeded.GlobalRegionUinLimitExceeded
        RequestLimitExceeded.IPLimitExceeded HttpStatus.429""",
    Verdict.TRANSIENT: """InternalError InternalError.ErrorDownFile InternalError.New FailedOperation
        FailedOperation.New FailedOperation.ErrorDownFile FailedOperation.ErrorRecognize ResourceInUse
        ResourceInsufficient ResourceUnavailable ServiceUnavailable 100 103 109 110 111 4008 ConnectionFailed
        ConnectionReset DeadlineExceeded TruncatedAnswer NotJson MalformedAnswer NoResult ProxyFailed
        HttpStatus.500 HttpStatus.502 HttpStatus.503 HttpStatus.504 HttpStatus.599 HttpStatus.408""",
    Verdict.SEGMENT: """InvalidParameterValue InvalidParameterValue.ErrorInvalidVoicedata
        InvalidParameterValue.ErrorVoicedataTooLong InvalidParameterValue.ErrorInvalidVoiceFormat
        InvalidParameterValue.ErrorInvalidUrl InvalidParameter InvalidParameter.ErrorContentlength
        InvalidParameter.ErrorParsequest InvalidParameter.FileEncode RequestSizeLimitExceeded 101 112""",
    Verdict.EMPTY: "InvalidParameterValue.NoHumanVoice",
    Verdict.RESIGN: "AuthFailure.SignatureExpire AuthFailure.TokenFailure",
    Verdict.STOP: """AuthFailure AuthFailure.SignatureFailure AuthFailure.SecretIdNotFound
        AuthFailure.InvalidAuthorization AuthFailure.UnauthorizedOperation UnauthorizedOperation
        UnauthorizedOperation.CamNoAuth FailedOperation.ServiceIsolate FailedOperation.UserHasNoAmount
        FailedOperation.UserHasNoFreeAmount FailedOperation.UserNotRegistered
        FailedOperation.CheckAuthInfoFailed ResourceUnavailable.InArrears
        InvalidParameterValue.ErrorInvalidEngservice InvalidParameterValue.ErrorInvalidSourcetype
        InvalidParameterValue.ErrorInvalidAppid InvalidParameterValue.ErrorInvalidClientip MissingParameter
        UnknownParameter InvalidAction NoSuchVersion ResourceNotFound DryRunOperation UnsupportedOperation
        UnsupportedProtocol UnsupportedRegion LimitExceeded LimitExceeded.VocabFull 102 104 105 106 107 108
        4002 4003 4004 4005 HttpStatus.301 HttpStatus.400 HttpStatus.403 HttpStatus.404 HttpStatus.407
        TlsVerificationFailed""",
    Verdict.UNKNOWN: "NeverSeen NeverSeen.InternalError InternalErrorX 999 HttpStatusX",
}
KNOWN = [
    code for verdict, listed in EXPECTED.items() if verdict is not Verdict.UNKNOWN for code in listed.split()
]


@pytest.mark.parametrize(
    ("code", "verdict"), [(code, verdict) for verdict, listed in EXPECTED.items() for code in listed.split()]
)
def test_the_table(code, verdict):
    assert classify(code) is verdict


def test_every_verdict_is_tested():
    assert set(EXPECTED) == set(Verdict)


def test_an_old_code_may_be_a_number():
    assert classify(4008) is Verdict.TRANSIENT
    assert classify(102) is Verdict.STOP


def test_the_empty_code_is_unknown():
    assert classify("") is Verdict.UNKNOWN


FREQUENCY = "Your current request times exceeds the frequency limit `30` for a second."


@pytest.mark.parametrize("message", [FREQUENCY, "Frequency", "Too frequent", "请求频率超限"])
@pytest.mark.parametrize("code", ["LimitExceeded", "LimitExceeded.OnlineFull"])
def test_a_limit_on_frequency_is_throttling(code, message):
    assert classify(code, message) is Verdict.THROTTLED


@pytest.mark.parametrize("code", [code for code in KNOWN if not code.startswith("LimitExceeded")])
def test_no_other_message_counts(code):
    assert classify(code, FREQUENCY) is classify(code)


@given(st.sampled_from(KNOWN), st.text(st.characters(categories=("Lo",)), min_size=1))
def test_a_new_sub_code_is_like_its_parent(code, sub_code):
    if not code.startswith("HttpStatus"):
        assert classify(f"{code}.{sub_code}") is classify(code)
        assert advice(f"{code}.{sub_code}.{sub_code}") == advice(code)


def test_the_sdk_knows_no_code_that_is_unknown_here():
    listed = [value for name, value in vars(errorcodes).items() if name.isupper()]
    assert len(listed) > 50
    assert [code for code in listed if classify(code) is Verdict.UNKNOWN] == []


def test_every_code_has_advice_in_one_sentence():
    unknown = advice("NeverSeen")
    for code in KNOWN:
        assert advice(code) != unknown
        assert advice(code).endswith((".", "?"))
        assert len(advice(code)) > 40


def test_some_codes_are_tried_less_often():
    assert attempts_allowed("FailedOperation.ErrorDownFile", 5) == 3
    assert attempts_allowed("FailedOperation.ErrorRecognize", 5) == 2
    assert attempts_allowed("InternalError", 5) == 5
    assert attempts_allowed("FailedOperation.ErrorDownFile", 1) == 1


def test_what_giving_up_means():
    failing = {verdict for verdict in Verdict if codes.fails_when_given_up(verdict)}
    assert failing == {Verdict.THROTTLED, Verdict.TRANSIENT, Verdict.SEGMENT, Verdict.UNKNOWN}
    assert {verdict for verdict in Verdict if codes.is_passing(verdict)} == {
        Verdict.THROTTLED,
        Verdict.TRANSIENT,
    }


def test_http_status():
    assert classify(codes.http_status(502)) is Verdict.TRANSIENT
