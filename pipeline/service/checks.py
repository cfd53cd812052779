"""What the service refuses, in its order; pure: bytes and a clock's reading in.

1. required headers, action, version, form of Authorization, age of the timestamp, key
   id, session token, signature over the bytes received, rate;
2. unknown parameter, type, missing parameter, engine, source type, format, optional
   values (`parameters`);
3. base64, DataLen, size (here), then length and decodability (`payload`).
"""

from __future__ import annotations

import hmac
import re
from typing import Final

import pybase64

from pipeline.service.authentication import HttpCall, SignedCall, signed_call
from pipeline.service.parameters import RecognitionRequest, check_parameters
from pipeline.service.refusal import ServiceFault
from pipeline.service.settings import ServiceSettings

ACTION: Final = "SentenceRecognition"
VERSION: Final = "2019-06-14"
MAX_AGE_S: Final = 300
"""How far a timestamp may be from the service's clock, by the documents."""


def check_call(
    call: HttpCall, *, now_s: float, arrivals_in_second: int, settings: ServiceSettings
) -> RecognitionRequest:
    """Checks a call as far as its parameters, without touching the audio.

    Args:
        call: the request as it came in.
        now_s: the service's clock, seconds since 1970 UTC.
        arrivals_in_second: calls that arrived in the second before this one did, this
            one and refused ones included.
        settings: the credentials and limits.

    Raises:
        ServiceFault: the first thing that is wrong.
    """
    signed = signed_call(call)
    if call.content_length > signed.max_body_bytes:
        raise ServiceFault(
            "RequestSizeLimitExceeded",
            f"The request of {call.content_length} bytes exceeds the limit of {signed.max_body_bytes} bytes.",
        )
    _check_common(signed, now_s)
    _check_identity(signed, settings)
    limit = settings.requests_per_second
    if limit and arrivals_in_second > limit:
        raise ServiceFault(
            "RequestLimitExceeded",
            f"Your current request times equals to `{arrivals_in_second}` in a second, which exceeds the "
            f"frequency limit `{limit}` for a second. Please reduce the frequency of calls.",
        )
    return check_parameters(signed.fields())


def check_data(request: RecognitionRequest, settings: ServiceSettings) -> bytes:
    """Takes the audio out of Data.

    Returns:
        The bytes before base64.

    Raises:
        ServiceFault: Data is not base64, not as long as DataLen says, or too large.
    """
    try:
        # Refuses line breaks too, as the documents do.
        payload = pybase64.b64decode(request.data, validate=True)
    except ValueError:
        raise ServiceFault(
            "InvalidParameter.FileEncode", "Data is not base64, or holds line breaks."
        ) from None
    if len(payload) != request.data_len:
        raise ServiceFault(
            "InvalidParameter.ErrorContentlength",
            f"DataLen is {request.data_len}, but Data holds {len(payload)} bytes before base64.",
        )
    if len(request.data) > settings.max_base64_bytes:
        raise ServiceFault(
            "RequestSizeLimitExceeded",
            f"Data of {len(request.data)} bytes in base64 exceeds the limit of {settings.max_base64_bytes}.",
        )
    check_payload_size(payload, settings)
    return payload


def check_payload_size(payload: bytes, settings: ServiceSettings) -> None:
    """Holds audio against the older document's limit, where one is set.

    Raises:
        ServiceFault: it is larger.
    """
    limit = settings.max_payload_bytes
    if limit is not None and len(payload) > limit:
        raise ServiceFault(
            "RequestSizeLimitExceeded",
            f"The audio of {len(payload)} bytes exceeds the limit of {limit} bytes.",
        )


def _check_common(signed: SignedCall, now_s: float) -> None:
    """Required ones, action, version, form of the claim, age."""
    missing = signed.missing()
    if missing is not None:
        raise ServiceFault("MissingParameter", f"The request is missing the required parameter `{missing}`.")
    action = signed.common("Action")
    if action != ACTION:
        raise ServiceFault("InvalidAction", f"The request action={action} is invalid or not found.")
    version = signed.common("Version")
    if version != VERSION:
        raise ServiceFault("NoSuchVersion", f"The specified version `{version}` could not be found.")
    signed.secret_id()
    timestamp = signed.common("Timestamp")
    if not re.fullmatch(r"[0-9]{1,12}", timestamp) or abs(now_s - int(timestamp)) > MAX_AGE_S:
        raise ServiceFault("AuthFailure.SignatureExpire", "The signature is expired, please request again.")


def _check_identity(signed: SignedCall, settings: ServiceSettings) -> None:
    """Key id, session token, signature."""
    if signed.secret_id() != settings.secret_id:
        raise ServiceFault(
            "AuthFailure.SecretIdNotFound",
            "The SecretId is not found, please ensure that your SecretId is correct.",
        )
    token = signed.token() or ""
    if settings.token is not None and not hmac.compare_digest(token.encode(), settings.token.encode()):
        raise ServiceFault("AuthFailure.TokenFailure", "The token is missing, invalid or expired.")
    if not signed.matches(settings.secret_key):
        raise ServiceFault(
            "AuthFailure.SignatureFailure",
            "The provided credentials could not be validated. Please check your signature is correct.",
        )
