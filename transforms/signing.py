"""The two signatures of the Tencent Cloud API 3.0, pure: bytes in, text out.

TC3-HMAC-SHA256 signs a JSON body of up to 10 MB; the older one, called v1 here,
signs the parameters of a form or a query and matters only for calls that send a
``Url``. Formulas: https://cloud.tencent.com/document/api/1093/35640 (TC3) and
https://cloud.tencent.com/document/api/1093/35641 (v1).
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime, timezone
from functools import lru_cache
from typing import Final, Literal

TC3_ALGORITHM: Final = "TC3-HMAC-SHA256"
"""The name that opens an Authorization header of this kind."""

V1Algorithm = Literal["HmacSHA1", "HmacSHA256"]
"""What ``SignatureMethod`` may say in a v1 request."""

_TERMINATOR: Final = "tc3_request"


def sign_tc3(
    *,
    secret_id: str,
    secret_key: str,
    service: str,
    host: str,
    content_type: str,
    action: str | None,
    body_sha256: str,
    timestamp: int,
    method: str = "POST",
    path: str = "/",
    query: str = "",
) -> str:
    """Signs a request with TC3-HMAC-SHA256.

    Args:
        secret_id: the public half of the credentials.
        secret_key: the secret half.
        service: the product's short name, ``asr`` here.
        host: the Host header exactly as it is sent, with the port if it has one;
            in lowercase, since the service lowercases what it checks.
        content_type: the Content-Type header exactly as it is sent, in lowercase.
        action: the X-TC-Action header, in any case; None leaves that header unsigned, as the
            official SDK does.
        body_sha256: SHA-256 of the body's bytes in lowercase hexadecimal.
        timestamp: the X-TC-Timestamp header, seconds since 1970 UTC.
        method: the HTTP method in capitals.
        path: the path of the address.
        query: the query string as it is sent; empty for a POST.

    Returns:
        The whole value of the Authorization header.
    """
    signed_headers = "content-type;host"
    canonical_headers = f"content-type:{content_type}\nhost:{host}\n"
    if action is not None:
        signed_headers += ";x-tc-action"
        canonical_headers += f"x-tc-action:{action.lower()}\n"
    canonical_request = "\n".join((method, path, query, canonical_headers, signed_headers, body_sha256))
    date = datetime.fromtimestamp(timestamp, tz=timezone.utc).strftime("%Y-%m-%d")
    scope = f"{date}/{service}/{_TERMINATOR}"
    hashed_request = hashlib.sha256(canonical_request.encode()).hexdigest()
    string_to_sign = f"{TC3_ALGORITHM}\n{timestamp}\n{scope}\n{hashed_request}"
    key = _tc3_key(secret_key, date, service)
    signature = hmac.new(key, string_to_sign.encode(), hashlib.sha256).hexdigest()
    return (
        f"{TC3_ALGORITHM} Credential={secret_id}/{scope}, "
        f"SignedHeaders={signed_headers}, Signature={signature}"
    )


def sign_v1(
    *,
    secret_key: str,
    method: str,
    host: str,
    path: str,
    parameters: Mapping[str, str],
    algorithm: V1Algorithm = "HmacSHA1",
) -> str:
    """Signs the parameters of a request in the older form.

    Args:
        secret_key: the secret half of the credentials.
        method: the HTTP method in capitals.
        host: the Host header exactly as it is sent.
        path: the path of the address, ``/`` here.
        parameters: every parameter that is sent but ``Signature``, unescaped.
        algorithm: what the parameter ``SignatureMethod`` says; a request without
            that parameter is signed with HmacSHA1.

    Returns:
        The parameter ``Signature``: base64, not yet escaped for a form.
    """
    pairs = "&".join(f"{name}={parameters[name]}" for name in sorted(parameters))
    digest = hashlib.sha1 if algorithm == "HmacSHA1" else hashlib.sha256
    text = f"{method}{host}{path}?{pairs}"
    return b64encode(hmac.digest(secret_key.encode(), text.encode(), digest)).decode("ascii")


# One key serves a whole day; more than one is wanted only around midnight UTC
# and when credentials are renewed.
@lru_cache(maxsize=8)
def _tc3_key(secret_key: str, date: str, service: str) -> bytes:
    """Derives the key of a day and a service from the secret."""
    key = f"TC3{secret_key}".encode()
    for part in (date, service, _TERMINATOR):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
