"""Who signed a call: the headers of TC3-HMAC-SHA256 and the form of the older v1.

Both forms answer the same questions (`SignedCall`), so that `checks` can ask them in
one order. Nothing is verified before its turn: each method raises for its own step.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, Protocol
from urllib.parse import parse_qsl

from pipeline.service.parameters import INTEGERS
from pipeline.service.refusal import ServiceFault
from transforms.signing import sign_tc3, sign_v1

SERVICE: Final = "asr"
"""The product's name in the credential scope."""

FORM_CONTENT_TYPE: Final = "application/x-www-form-urlencoded"

MAX_TC3_BODY_BYTES: Final = 10_000_000
"""10 MB by the documents of the signature, in the smaller reading."""

MAX_V1_BODY_BYTES: Final = 1_000_000
"""1 MB for a POST that is signed in the older form."""

_TC3_HEADERS: Final = (
    "Host",
    "Content-Type",
    "X-TC-Action",
    "X-TC-Version",
    "X-TC-Timestamp",
    "Authorization",
)
_V1_PARAMETERS: Final = ("Action", "Version", "Timestamp", "Nonce", "SecretId", "Signature")
_V1_COMMON: Final = frozenset(
    {*_V1_PARAMETERS, "SignatureMethod", "Token", "Region", "Language", "RequestClient"}
)
_AUTHORIZATION: Final = re.compile(
    r"TC3-HMAC-SHA256 Credential=(?P<id>[^/,\s]+)/(?P<date>\d{4}-\d\d-\d\d)/(?P<service>[a-z]+)/tc3_request,"
    r"\s*SignedHeaders=(?P<signed>content-type;host(?:;x-tc-action)?),\s*Signature=(?P<signature>[0-9a-f]{64})"
)


@dataclass(frozen=True, slots=True)
class HttpCall:
    """A request as it came in.

    Attributes:
        method: in capitals.
        query: the query string as it was sent.
        headers: by lowercase name.
        content_length: how long the body said it is; where that exceeds
            `MAX_TC3_BODY_BYTES` the body was not kept.
        body: the bytes received.
    """

    method: str
    query: str
    headers: Mapping[str, str]
    content_length: int
    body: bytes


class SignedCall(Protocol):
    """What the checks ask of a call, however it is signed."""

    max_body_bytes: int

    def missing(self) -> str | None:
        """Returns the first required header or common parameter that is not there."""

    def common(self, name: Literal["Action", "Version", "Timestamp"]) -> str:
        """Returns a common parameter as it was sent."""

    def secret_id(self) -> str:
        """Returns the key id; raises AuthFailure.InvalidAuthorization for a malformed claim."""

    def token(self) -> str | None:
        """Returns the session token, if one was sent."""

    def matches(self, secret_key: str) -> bool:
        """Tells whether the signature is this key's over the bytes received."""

    def fields(self) -> Mapping[str, object]:
        """Returns the parameters of the action; raises InvalidParameter if unreadable."""


class Tc3Call:
    """A call with an Authorization header: a JSON body, or a GET with a query."""

    max_body_bytes = MAX_TC3_BODY_BYTES

    def __init__(self, call: HttpCall) -> None:
        self._call = call

    def missing(self) -> str | None:
        """Returns the first required header that is not there."""
        return next((name for name in _TC3_HEADERS if not self._call.headers.get(name.lower())), None)

    def common(self, name: Literal["Action", "Version", "Timestamp"]) -> str:
        """Returns a common parameter out of its header."""
        return self._call.headers[f"x-tc-{name.lower()}"]

    def secret_id(self) -> str:
        """Returns the key id of the credential scope."""
        claim = self._claim()
        if claim["service"] != SERVICE:
            raise ServiceFault(
                "AuthFailure.InvalidAuthorization",
                f"The credential scope names the service `{claim['service']}`, not `{SERVICE}`.",
            )
        return claim["id"]

    def token(self) -> str | None:
        """Returns X-TC-Token."""
        return self._call.headers.get("x-tc-token")

    def matches(self, secret_key: str) -> bool:
        """Signs what was received and compares, the date of the scope included."""
        claim = self._claim()
        headers = self._call.headers
        action = headers["x-tc-action"] if claim["signed"].endswith("x-tc-action") else None
        expected = sign_tc3(
            secret_id=claim["id"],
            secret_key=secret_key,
            service=SERVICE,
            host=headers["host"],
            content_type=headers["content-type"],
            action=action,
            body_sha256=hashlib.sha256(self._call.body).hexdigest(),
            timestamp=int(self.common("Timestamp")),
            method=self._call.method,
            query=self._call.query,
        )
        ours = _AUTHORIZATION.fullmatch(expected)
        assert ours is not None, "the signer writes the form that is parsed here"
        return claim["date"] == ours["date"] and hmac.compare_digest(claim["signature"], ours["signature"])

    def fields(self) -> Mapping[str, object]:
        """Returns the JSON object of a POST, the query of a GET."""
        if self._call.method == "GET":
            return _typed(_form(self._call.query))
        content_type = self._call.headers["content-type"].partition(";")[0].strip().lower()
        if content_type != "application/json":
            raise ServiceFault("InvalidParameter", "The Content-Type of a POST must be application/json.")
        try:
            document = json.loads(self._call.body)
        except (ValueError, RecursionError):
            raise ServiceFault("InvalidParameter", "The body of the request is not valid JSON.") from None
        if not isinstance(document, dict):
            raise ServiceFault("InvalidParameter", "The body of the request is not a JSON object.")
        return document

    def _claim(self) -> re.Match[str]:
        """Parses the Authorization header."""
        claim = _AUTHORIZATION.fullmatch(self._call.headers["authorization"].strip())
        if claim is None:
            raise ServiceFault(
                "AuthFailure.InvalidAuthorization", "The `Authorization` header of the request is malformed."
            )
        return claim


class V1Call:
    """A call that carries its signature among the parameters of a query or form."""

    max_body_bytes = MAX_V1_BODY_BYTES

    def __init__(self, call: HttpCall) -> None:
        self._call = call
        self._parameters = _form(call.query if call.method == "GET" else call.body.decode("utf-8", "replace"))

    def missing(self) -> str | None:
        """Returns the first required common parameter that is not there."""
        if not self._call.headers.get("host"):
            return "Host"
        return next((name for name in _V1_PARAMETERS if not self._parameters.get(name)), None)

    def common(self, name: Literal["Action", "Version", "Timestamp"]) -> str:
        """Returns a common parameter."""
        return self._parameters[name]

    def secret_id(self) -> str:
        """Returns SecretId; refuses an unknown SignatureMethod."""
        if self._parameters.get("SignatureMethod", "HmacSHA1") not in ("HmacSHA1", "HmacSHA256"):
            raise ServiceFault(
                "AuthFailure.InvalidAuthorization", "`SignatureMethod` must be HmacSHA1 or HmacSHA256."
            )
        return self._parameters["SecretId"]

    def token(self) -> str | None:
        """Returns Token."""
        return self._parameters.get("Token")

    def matches(self, secret_key: str) -> bool:
        """Signs all parameters but the signature and compares."""
        expected = sign_v1(
            secret_key=secret_key,
            method=self._call.method,
            host=self._call.headers["host"],
            path="/",
            parameters={name: value for name, value in self._parameters.items() if name != "Signature"},
            algorithm="HmacSHA256" if self._parameters.get("SignatureMethod") == "HmacSHA256" else "HmacSHA1",
        )
        return hmac.compare_digest(expected.encode(), self._parameters["Signature"].encode())

    def fields(self) -> Mapping[str, object]:
        """Returns what is left without the common parameters."""
        own = {name: value for name, value in self._parameters.items() if name not in _V1_COMMON}
        return _typed(own)


def signed_call(call: HttpCall) -> SignedCall:
    """Tells the two forms apart: v1 is a form or query without Authorization."""
    is_form = call.headers.get("content-type", "").partition(";")[0].strip().lower() == FORM_CONTENT_TYPE
    if "authorization" not in call.headers and (call.method == "GET" or is_form):
        return V1Call(call)
    return Tc3Call(call)


def _form(text: str) -> dict[str, str]:
    """Parses ``a=b&c=d``; where a name repeats the last value holds."""
    return dict(parse_qsl(text, keep_blank_values=True))


def _typed(fields: Mapping[str, str]) -> Mapping[str, object]:
    """Gives the numbers of a form back their type; everything in it was text."""
    return {
        name: int(value) if name in INTEGERS and re.fullmatch(r"-?\d{1,18}", value) else value
        for name, value in fields.items()
    }
