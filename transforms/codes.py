"""What every error code means for the call, the segment and the run: one table.

Codes of the service (``InvalidParameterValue.NoHumanVoice``, old numeric ones
like ``4008``), codes of this package's own client (``ConnectionReset``,
``HttpStatus.502``), and names for what goes wrong before a call is made.
Sources: the error lists of SentenceRecognition and of Tencent Cloud API 3.0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final

# Failures of recordings, before and beside the calls.
NOT_FOUND: Final = "NotFound"
PERMISSION_DENIED: Final = "PermissionDenied"
READ_FAILED: Final = "ReadFailed"
CHECKSUM_MISMATCH: Final = "ChecksumMismatch"
DOWNLOAD_FAILED: Final = "DownloadFailed"
TOO_LARGE: Final = "TooLarge"
EMPTY_FILE: Final = "EmptyFile"
NOT_AUDIO: Final = "NotAudio"
NO_AUDIO_STREAM: Final = "NoAudioStream"
NO_SAMPLES: Final = "NoSamples"
DECODE_FAILED: Final = "DecodeFailed"
DAMAGED: Final = "Damaged"
NO_SUCH_CHANNEL: Final = "NoSuchChannel"
TOO_LONG: Final = "TooLong"
DECODER_HUNG: Final = "DecoderHung"
DECODER_CRASHED: Final = "DecoderCrashed"
DECODER_OUT_OF_MEMORY: Final = "DecoderOutOfMemory"
URL_TOO_LONG: Final = "UrlTooLong"
PAYLOAD_TOO_LARGE: Final = "PayloadTooLarge"
NO_ENGINE_FOR_LANGUAGE: Final = "NoEngineForLanguage"
SAMPLES_UNACCOUNTED: Final = "SamplesUnaccounted"
UNFORESEEN: Final = "Unforeseen"

FOLLOW_FROM_BYTES: Final = frozenset(
    {
        NOT_AUDIO,
        NO_AUDIO_STREAM,
        NO_SAMPLES,
        DECODE_FAILED,
        DAMAGED,
        EMPTY_FILE,
        NO_SUCH_CHANNEL,
        TOO_LONG,
        DECODER_HUNG,
        DECODER_CRASHED,
        DECODER_OUT_OF_MEMORY,
    }
)
"""Failures that stay as long as the recording's bytes and the options do; of others nobody knows."""

# Failures of a call that never became an answer of the service.
CONNECTION_FAILED: Final = "ConnectionFailed"
CONNECTION_RESET: Final = "ConnectionReset"
DEADLINE_EXCEEDED: Final = "DeadlineExceeded"
TRUNCATED_ANSWER: Final = "TruncatedAnswer"
NOT_JSON: Final = "NotJson"
MALFORMED_ANSWER: Final = "MalformedAnswer"
NO_RESULT: Final = "NoResult"
PROXY_FAILED: Final = "ProxyFailed"
TLS_VERIFICATION_FAILED: Final = "TlsVerificationFailed"


def http_status(status: int) -> str:
    """The code of an HTTP answer that is not 200, for example ``HttpStatus.502``."""
    return f"HttpStatus.{status}"


class Verdict(Enum):
    """What an error code asks for."""

    THROTTLED = "throttled"
    """Too many calls: slow down and try again."""
    TRANSIENT = "transient"
    """It will pass: try again a few times."""
    SEGMENT = "segment"
    """The service will never take this segment; others are not affected."""
    EMPTY = "empty"
    """Nothing was said: an empty transcript, not a failure."""
    RESIGN = "resign"
    """The signature is out of date: sign once more, then stop the run."""
    STOP = "stop"
    """Every call will fail like this: stop the run."""
    UNKNOWN = "unknown"
    """Not in the table: the segment fails, counted by its code."""


@dataclass(frozen=True, slots=True)
class _Rule:
    """One row: what the code asks for, what to tell a person, how often to try again."""

    verdict: Verdict
    advice: str
    retries: int | None = None


_CALL_RATE = (
    "The account's calls per second are used up, perhaps by another program too; "
    "lower recognition.requests_per_second if it stays."
)
_SERVICE = "The service failed inside; it usually passes, and running the same command again tries it again."
_NETWORK = "The network or the service broke the call off; check the connection and run the command again."
_ANSWER = "Something answered that is not the service; check recognition.endpoint and the proxies."
_ENDPOINT = "Whoever answers is not the service; check recognition.endpoint (https, asr.tencentcloudapi.com)."
_AUDIO = "The service cannot use this segment's audio; listen to it, or try another recognition.voice_format."
_TOO_LONG = "The segment is too large; lower segmentation.max_seconds or recognition.max_payload_bytes."
_URL = "The service cannot use the address; it must be public, with at most 60 s of audio behind it."
_REQUEST = "The service rejects the request itself; correct the recognition keys that its message names."
_ENGINE = "The engine does not exist or is not open to this account; correct recognition.engine."
_VOCABULARY = "The hotword table or model is missing or not ready; check its id and state in the console."
_KEY = "The keys are refused; check TENCENTCLOUD_SECRET_ID, TENCENTCLOUD_SECRET_KEY and TENCENTCLOUD_TOKEN."
_RIGHTS = "The account may not call this service; grant it that right in the console."
_MONEY = "The account has no balance or no free calls left; top it up or switch on postpaid billing."
_ACTIVATION = "Speech recognition is not activated for this account; activate it in the console."
_OLD = "An error under an old number; look the number up in the service's documents, and read its message."

_TABLE: Mapping[str, _Rule] = MappingProxyType(
    {
        "RequestLimitExceeded": _Rule(Verdict.THROTTLED, _CALL_RATE),
        "LimitExceeded": _Rule(
            Verdict.STOP, "A limit of the account is reached; the message names it, the console raises it."
        ),
        "InternalError": _Rule(Verdict.TRANSIENT, _SERVICE),
        "FailedOperation": _Rule(Verdict.TRANSIENT, _SERVICE),
        "FailedOperation.ErrorDownFile": _Rule(
            Verdict.TRANSIENT,
            "The service could not download the recording; is its address public?",
            retries=2,
        ),
        "FailedOperation.ErrorRecognize": _Rule(
            Verdict.TRANSIENT, "The service failed to recognize this segment; listen to it.", retries=1
        ),
        "FailedOperation.ServiceIsolate": _Rule(Verdict.STOP, _MONEY),
        "FailedOperation.UserHasNoAmount": _Rule(Verdict.STOP, _MONEY),
        "FailedOperation.UserHasNoFreeAmount": _Rule(Verdict.STOP, _MONEY),
        "FailedOperation.UserNotRegistered": _Rule(Verdict.STOP, _ACTIVATION),
        "FailedOperation.CheckAuthInfoFailed": _Rule(Verdict.STOP, _KEY),
        "ResourceInUse": _Rule(Verdict.TRANSIENT, _SERVICE),
        "ResourceInsufficient": _Rule(Verdict.TRANSIENT, _SERVICE),
        "ResourceUnavailable": _Rule(Verdict.TRANSIENT, _SERVICE),
        "ResourceUnavailable.InArrears": _Rule(Verdict.STOP, _MONEY),
        "ResourceNotFound": _Rule(Verdict.STOP, _ENDPOINT),
        "ServiceUnavailable": _Rule(Verdict.TRANSIENT, _SERVICE),
        "InvalidParameterValue": _Rule(Verdict.SEGMENT, _REQUEST),
        "InvalidParameterValue.NoHumanVoice": _Rule(
            Verdict.EMPTY, "Nobody speaks in this segment; its text is empty."
        ),
        "InvalidParameterValue.ErrorInvalidVoicedata": _Rule(Verdict.SEGMENT, _AUDIO),
        "InvalidParameterValue.ErrorVoicedataTooLong": _Rule(Verdict.SEGMENT, _TOO_LONG),
        "InvalidParameterValue.ErrorInvalidVoiceFormat": _Rule(Verdict.SEGMENT, _AUDIO),
        "InvalidParameterValue.ErrorInvalidUrl": _Rule(Verdict.SEGMENT, _URL),
        "InvalidParameterValue.ErrorInvalidEngservice": _Rule(Verdict.STOP, _ENGINE),
        "InvalidParameterValue.ErrorInvalidSourcetype": _Rule(Verdict.STOP, _REQUEST),
        "InvalidParameterValue.ErrorInvalidSubservicetype": _Rule(Verdict.STOP, _REQUEST),
        "InvalidParameterValue.ErrorInvalidProjectid": _Rule(Verdict.STOP, _REQUEST),
        "InvalidParameterValue.ErrorInvalidUseraudiokey": _Rule(Verdict.STOP, _REQUEST),
        "InvalidParameterValue.ErrorInvalidAppid": _Rule(Verdict.STOP, _KEY),
        "InvalidParameterValue.ErrorInvalidClientip": _Rule(Verdict.STOP, _RIGHTS),
        "InvalidParameterValue.InvalidVocabId": _Rule(Verdict.STOP, _VOCABULARY),
        "InvalidParameterValue.InvalidVocabState": _Rule(Verdict.STOP, _VOCABULARY),
        "InvalidParameterValue.InvalidWordWeight": _Rule(Verdict.STOP, _VOCABULARY),
        "InvalidParameterValue.InvalidWordWeightStr": _Rule(Verdict.STOP, _VOCABULARY),
        "InvalidParameterValue.ModelId": _Rule(Verdict.STOP, _VOCABULARY),
        "InvalidParameter": _Rule(Verdict.SEGMENT, _REQUEST),
        "InvalidParameter.ErrorContentlength": _Rule(Verdict.SEGMENT, _TOO_LONG),
        "InvalidParameter.ErrorParsequest": _Rule(Verdict.SEGMENT, _REQUEST),
        "InvalidParameter.FileEncode": _Rule(Verdict.SEGMENT, _AUDIO),
        "RequestSizeLimitExceeded": _Rule(Verdict.SEGMENT, _TOO_LONG),
        "AuthFailure": _Rule(Verdict.STOP, _KEY),
        "AuthFailure.UnauthorizedOperation": _Rule(Verdict.STOP, _RIGHTS),
        "AuthFailure.SignatureExpire": _Rule(
            Verdict.RESIGN, "The clock is more than 5 minutes off; set it right, for example by NTP."
        ),
        "AuthFailure.TokenFailure": _Rule(
            Verdict.RESIGN, "The temporary credentials have expired; get new ones for TENCENTCLOUD_TOKEN."
        ),
        "UnauthorizedOperation": _Rule(Verdict.STOP, _RIGHTS),
        "MissingParameter": _Rule(Verdict.STOP, _REQUEST),
        "UnknownParameter": _Rule(Verdict.STOP, _REQUEST),
        "InvalidAction": _Rule(Verdict.STOP, _ENDPOINT),
        "NoSuchVersion": _Rule(Verdict.STOP, _ENDPOINT),
        "DryRunOperation": _Rule(Verdict.STOP, _REQUEST),
        "UnsupportedOperation": _Rule(Verdict.STOP, _REQUEST),
        "UnsupportedProtocol": _Rule(Verdict.STOP, _ENDPOINT),
        "UnsupportedRegion": _Rule(Verdict.STOP, _ENDPOINT),
        **dict.fromkeys(("100", "103", "109", "110", "111", "4008"), _Rule(Verdict.TRANSIENT, _OLD)),
        **dict.fromkeys(("101", "112"), _Rule(Verdict.SEGMENT, _OLD)),
        **dict.fromkeys(("102", "104", "105", "106", "107", "108"), _Rule(Verdict.STOP, _OLD)),
        **dict.fromkeys(("4002", "4003", "4004", "4005"), _Rule(Verdict.STOP, _OLD)),
        CONNECTION_FAILED: _Rule(Verdict.TRANSIENT, _NETWORK),
        CONNECTION_RESET: _Rule(Verdict.TRANSIENT, _NETWORK),
        DEADLINE_EXCEEDED: _Rule(
            Verdict.TRANSIENT, "No answer in time; raise recognition.timeout_seconds or check the uplink."
        ),
        TRUNCATED_ANSWER: _Rule(Verdict.TRANSIENT, _NETWORK),
        NOT_JSON: _Rule(Verdict.TRANSIENT, _ANSWER),
        MALFORMED_ANSWER: _Rule(Verdict.TRANSIENT, _ANSWER),
        NO_RESULT: _Rule(Verdict.TRANSIENT, _ANSWER),
        PROXY_FAILED: _Rule(
            Verdict.TRANSIENT, "The proxy does not let the call through; check HTTPS_PROXY and NO_PROXY."
        ),
        TLS_VERIFICATION_FAILED: _Rule(
            Verdict.STOP, "The endpoint's certificate is not trusted; name the CA bundle of your network."
        ),
        "HttpStatus": _Rule(Verdict.STOP, _ENDPOINT),
        "HttpStatus.5xx": _Rule(Verdict.TRANSIENT, _SERVICE),
        "HttpStatus.4xx": _Rule(Verdict.STOP, _ENDPOINT),
        "HttpStatus.407": _Rule(Verdict.STOP, "The proxy asks for a password; put it into HTTPS_PROXY."),
        "HttpStatus.408": _Rule(Verdict.TRANSIENT, _NETWORK),
        "HttpStatus.429": _Rule(Verdict.THROTTLED, _CALL_RATE),
    }
)

_UNKNOWN = _Rule(
    Verdict.UNKNOWN, "A code that this version does not know; read its message and the service's error list."
)
# The one place where a message counts: the service says LimitExceeded both of
# calls per second and of limits that waiting does not lift.
_SPEAKS_OF_FREQUENCY = re.compile(r"frequen|频率|频次|频繁", re.IGNORECASE)
_HTTP_STATUS = re.compile(r"HttpStatus\.(\d)\d\d")


def classify(code: str | int, message: str = "") -> Verdict:
    """What to do about an error.

    Args:
        code: the error's code; the longest known prefix of its dotted parts decides.
        message: the error's message, looked at for ``LimitExceeded`` only.
    """
    if str(code).split(".")[0] == "LimitExceeded" and _SPEAKS_OF_FREQUENCY.search(message):
        return Verdict.THROTTLED
    return _rule(code).verdict


def attempts_allowed(code: str | int, max_attempts: int) -> int:
    """How many calls for one segment may end in this code before it is given up.

    Args:
        code: the error's code.
        max_attempts: the limit for codes that have none of their own.
    """
    retries = _rule(code).retries
    return max_attempts if retries is None else min(max_attempts, retries + 1)


def advice(code: str | int) -> str:
    """One sentence for a person: the likely cause and what to do."""
    return _rule(code).advice


def fails_when_given_up(verdict: Verdict) -> bool:
    """Whether giving up after this verdict fails the segment, and only it.

    Otherwise the segment is empty, or the run stops.
    """
    return verdict in (Verdict.THROTTLED, Verdict.TRANSIENT, Verdict.SEGMENT, Verdict.UNKNOWN)


def is_passing(verdict: Verdict) -> bool:
    """Whether the same call may succeed later, with nothing changed."""
    return verdict in (Verdict.THROTTLED, Verdict.TRANSIENT)


def _rule(code: str | int) -> _Rule:
    return next((_TABLE[known] for known in _from_exact_to_general(str(code)) if known in _TABLE), _UNKNOWN)


def _from_exact_to_general(code: str) -> Iterator[str]:
    yield code
    status = _HTTP_STATUS.fullmatch(code)
    if status:
        yield f"HttpStatus.{status.group(1)}xx"
    while "." in code:
        code = code.rpartition(".")[0]
        yield code
