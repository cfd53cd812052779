"""A signed call of SentenceRecognition: one HTTP exchange, no retry.

What a refusal teaches (the server's clock, an expired token) is kept, so that the
same call, sent again by whoever decides that, is signed anew with it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timezone
from email.utils import parsedate_to_datetime
from typing import Final, Literal, NoReturn
from urllib.parse import urlencode, urlsplit

from transforms.answer import Answer, HeardWord, ServiceError, parse_answer
from transforms.body import Body
from transforms.credentials import Credentials, CredentialSource
from transforms.errors import UsageError
from transforms.request import ENDPOINT
from transforms.signing import V1Algorithm, sign_tc3, sign_v1
from transforms.transport import Transport

__all__ = ["Answer", "ClientSettings", "HeardWord", "PreparedCall", "SentenceClient", "ServiceError"]

ACTION: Final = "SentenceRecognition"
VERSION: Final = "2019-06-14"
SERVICE: Final = "asr"

_V1_ALGORITHM: Final[V1Algorithm] = "HmacSHA256"
_FORM: Final = "application/x-www-form-urlencoded"
_SIGNATURE_EXPIRED: Final = "AuthFailure.SignatureExpire"
_TOKEN_EXPIRED: Final = "AuthFailure.TokenFailure"


def random_nonce() -> int:
    """A number that keeps two equal v1 requests of one second apart."""
    return random.SystemRandom().randint(1, 2**31 - 1)


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """How to reach the service. Can be pickled and holds no secret.

    Attributes:
        endpoint: scheme and host, with a port if need be; http for a local service.
        region: sent as X-TC-Region; the service does not need it.
        language: of error messages, sent as X-TC-Language: zh-CN or en-US.
        timeout_seconds: for a call as a whole.
        connect_timeout_seconds: for the connection alone.
        connections: how many connections are kept; as many as calls in flight.
        ca_bundle: trusted certificates, a file or folder; None for the
            environment's (REQUESTS_CA_BUNDLE, SSL_CERT_FILE, CURL_CA_BUNDLE),
            else certifi's. There is no switch against verification.
        signature: which of `SentenceClient.prepare` and `SentenceClient.prepare_v1`
            calls that send a Url are made with.
        content_type: of TC3 calls; it is signed.

    Raises:
        UsageError: the endpoint is not an address of that form.
    """

    endpoint: str = ENDPOINT
    region: str | None = None
    language: str | None = None
    timeout_seconds: float = 60.0
    connect_timeout_seconds: float = 10.0
    connections: int = 32
    ca_bundle: str | None = None
    signature: Literal["tc3", "v1"] = "tc3"
    content_type: str = "application/json"

    def __post_init__(self) -> None:
        if not _is_endpoint(self.endpoint):
            # The address itself is not shown: it may hold a password.
            raise UsageError(
                "recognition.endpoint must be a scheme and a host and nothing else, for example "
                f"{ENDPOINT} or http://127.0.0.1:8000."
            )


@dataclass(frozen=True, slots=True)
class PreparedCall:
    """A request that needs only a signature, made before waiting for a permit.

    Attributes:
        body: the JSON that is sent; None for v1, whose body holds the signature.
        parameters: the request parameters of a v1 call; None for TC3.
    """

    body: Body | None = field(repr=False)
    parameters: tuple[tuple[str, str], ...] | None = field(default=None, repr=False)


class SentenceClient:
    """Calls the service; threads may share one client. Cannot be pickled.

    Args:
        settings: how to reach the service.
        credentials: asked before every call.
        wall_clock: seconds since 1970 UTC.
        monotonic: seconds on a clock that never goes back.
        nonce: a fresh random number for each v1 call.

    Raises:
        UsageError: the CA bundle or the proxy of the environment cannot be used.
    """

    def __init__(
        self,
        settings: ClientSettings,
        credentials: CredentialSource,
        *,
        wall_clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        nonce: Callable[[], int] = random_nonce,
    ) -> None:
        self._settings = settings
        self._credentials = credentials
        self._wall_clock = wall_clock
        self._nonce = nonce
        # In lowercase: the service signs over the lowercased header.
        self._host = urlsplit(settings.endpoint).netloc.lower()
        self._content_type = settings.content_type.lower()
        self._clock_offset = 0.0
        self._transport = Transport(
            url=f"{urlsplit(settings.endpoint).scheme}://{self._host}/",
            connections=settings.connections,
            timeout_seconds=settings.timeout_seconds,
            connect_timeout_seconds=settings.connect_timeout_seconds,
            ca_bundle=settings.ca_bundle,
            clock=monotonic,
        )

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "A SentenceClient holds connections and credentials and is never pickled: "
            "pickle its ClientSettings and make the client where it is used."
        )

    def prepare(self, body: Iterable[bytes]) -> PreparedCall:
        """Keeps and hashes the JSON body of a call, given in slices, once however often it is sent."""
        return PreparedCall(Body(body))

    def prepare_v1(self, parameters: Mapping[str, str]) -> PreparedCall:
        """Takes the parameters of a call in the older form (1 MB at most, so a Url)."""
        return PreparedCall(None, tuple(parameters.items()))

    def send(self, call: PreparedCall) -> Answer:
        """Signs a call, sends it once and reads the answer.

        After ``AuthFailure.SignatureExpire`` the client's clock follows the server's,
        and after ``AuthFailure.TokenFailure`` the credentials have been read again:
        sending the call once more is worth it then.

        Raises:
            ServiceError: there is no transcript; its code says why.
            MissingCredentialsError: there is nothing to sign with.
        """
        credentials = self._credentials.current()
        timestamp = int(self._wall_clock() + self._clock_offset)
        if call.body is not None:
            body = call.body
            headers = self._tc3_headers(body.sha256, credentials, timestamp)
        else:
            body = Body([self._v1_form(dict(call.parameters or ()), credentials, timestamp)])
            headers = {"Host": self._host, "Content-Type": _FORM}
        reply = self._transport.post(body, headers)
        try:
            return parse_answer(reply.status, reply.body)
        except ServiceError as error:
            self._learn(error.code, reply.date)
            raise

    def close(self) -> None:
        """Closes the kept connections."""
        self._transport.close()

    def _learn(self, code: str, date: str | None) -> None:
        if code == _TOKEN_EXPIRED:
            self._credentials.refresh()
        elif code == _SIGNATURE_EXPIRED and date is not None:
            server_time = _seconds_of(date)
            if server_time is not None:
                self._clock_offset = server_time - self._wall_clock()

    def _tc3_headers(self, body_sha256: str, credentials: Credentials, timestamp: int) -> dict[str, str]:
        """The headers of one call: a new dict each, since threads share the client."""
        headers = {
            "Host": self._host,
            "Content-Type": self._content_type,
            "X-TC-Action": ACTION,
            "X-TC-Version": VERSION,
            "X-TC-Timestamp": str(timestamp),
            "Authorization": sign_tc3(
                secret_id=credentials.secret_id,
                secret_key=credentials.secret_key,
                service=SERVICE,
                host=self._host,
                content_type=self._content_type,
                action=ACTION,
                body_sha256=body_sha256,
                timestamp=timestamp,
            ),
        }
        optional = {
            "X-TC-Region": self._settings.region,
            "X-TC-Language": self._settings.language,
            "X-TC-Token": credentials.token,
        }
        return headers | {name: value for name, value in optional.items() if value}

    def _v1_form(self, parameters: dict[str, str], credentials: Credentials, timestamp: int) -> bytes:
        """The signed form of one call in the older style."""
        optional = {
            "Region": self._settings.region,
            "Language": self._settings.language,
            "Token": credentials.token,
        }
        parameters |= {name: value for name, value in optional.items() if value}
        parameters |= {
            "Action": ACTION,
            "Version": VERSION,
            "Timestamp": str(timestamp),
            "Nonce": str(self._nonce()),
            "SecretId": credentials.secret_id,
            "SignatureMethod": _V1_ALGORITHM,
        }
        parameters["Signature"] = sign_v1(
            secret_key=credentials.secret_key,
            method="POST",
            host=self._host,
            path="/",
            parameters=parameters,
            algorithm=_V1_ALGORITHM,
        )
        return urlencode(parameters).encode("ascii")


def _is_endpoint(endpoint: str) -> bool:
    try:
        parts = urlsplit(endpoint)
        # Reading the port checks it.
        reachable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    bare = parts.path in ("", "/") and not parts.query and not parts.fragment and "@" not in parts.netloc
    return parts.scheme in ("http", "https") and reachable and bare and not any(c.isspace() for c in endpoint)


def _seconds_of(date: str) -> float | None:
    """A Date header in seconds since 1970 UTC; None if it is not a date."""
    try:
        moment = parsedate_to_datetime(date)
    except (TypeError, ValueError):
        return None
    # A date without a zone ("-0000") is UTC in HTTP.
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()
