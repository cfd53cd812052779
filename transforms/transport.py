"""One HTTP exchange on urllib3, bounded as a whole. No retries, no redirects.

Proxies and trusted certificates are those of the environment, as other tools
find them; TLS is always verified.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException, IncompleteRead
from typing import Final
from urllib.parse import urlsplit

from urllib3 import PoolManager, Timeout
from urllib3 import exceptions as failures

from transforms.answer import ServiceError
from transforms.body import Body
from transforms.bounded import BoundedPool, BoundedTlsPool, Deadline, Outgoing
from transforms.codes import (
    CONNECTION_FAILED,
    CONNECTION_RESET,
    DEADLINE_EXCEEDED,
    MALFORMED_ANSWER,
    PROXY_FAILED,
    TLS_VERIFICATION_FAILED,
    TRUNCATED_ANSWER,
)
from transforms.connections import open_manager, proxy_for

MAX_ANSWER_BYTES: Final = 8 * 1024 * 1024
"""A minute of speech with its words takes some 50 kB; more than this is no answer."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer of any kind.

    Attributes:
        date: the Date header, if there was one.
        body: at most `MAX_ANSWER_BYTES`, decoded if it was compressed.
    """

    status: int
    date: str | None
    body: bytes = field(repr=False)


class Transport:
    """Posts to one address over kept connections; threads may share it.

    Args:
        url: where to post, with scheme.
        connections: how many connections are kept for the next call.
        timeout_seconds: for one exchange as a whole.
        connect_timeout_seconds: for the connection, each address of the host.
        ca_bundle: a file or folder of trusted certificates; None for the
            variables of `CA_BUNDLE_VARIABLES`, else certifi's.
        clock: a clock that never goes back, in seconds.

    Raises:
        UsageError: the CA bundle or the proxy named by the environment cannot
            be used.
    """

    def __init__(
        self,
        *,
        url: str,
        connections: int,
        timeout_seconds: float,
        connect_timeout_seconds: float,
        ca_bundle: str | None,
        clock: Callable[[], float],
    ) -> None:
        self._url = url
        self._host = urlsplit(url).netloc
        self._timeout_seconds = timeout_seconds
        self._timeout = Timeout(connect=min(connect_timeout_seconds, timeout_seconds), read=timeout_seconds)
        self._clock = clock
        self._manager = _open_manager(url, connections, ca_bundle)

    def post(self, body: Body, headers: Mapping[str, str]) -> Reply:
        """Sends a body and reads the answer.

        Raises:
            ServiceError: no whole answer came, with the code that says why.
        """
        deadline = Deadline(self._timeout_seconds, self._clock)
        outgoing = Outgoing(body, deadline)
        try:
            return self._exchange(outgoing, {**headers, "Content-Length": str(body.size_bytes)})
        except failures.HTTPError as error:
            raise _service_error(error, self._host, outgoing.left_whole) from error

    def close(self) -> None:
        """Closes the kept connections; calls in flight end by themselves."""
        # Forgetting a pool leaves its connections open until it is collected.
        self._manager.connection_from_url(self._url).close()
        self._manager.clear()

    def _exchange(self, outgoing: Outgoing, headers: dict[str, str]) -> Reply:
        response = self._manager.urlopen(
            "POST",
            self._url,
            body=outgoing,
            headers=headers,
            retries=False,
            redirect=False,
            preload_content=False,
            timeout=self._timeout,
        )
        try:
            content = response.read(MAX_ANSWER_BYTES + 1)
        finally:
            # Does nothing to a connection that went back to the pool at the answer's end.
            response.close()
        if len(content) > MAX_ANSWER_BYTES:
            raise ServiceError(
                MALFORMED_ANSWER,
                f"{self._host} sent more than {MAX_ANSWER_BYTES} bytes, which no transcript has.",
                possibly_billed=True,
            )
        return Reply(response.status, response.headers.get("Date"), content)


def _service_error(error: failures.HTTPError, host: str, left_whole: bool) -> ServiceError:
    """Names what went wrong; says "possibly billed" only where the whole request had left."""
    cause = error.args[-1] if error.args else None
    if isinstance(error, failures.ProxyError):
        return ServiceError(PROXY_FAILED, f"The proxy did not connect to {host}: {error.original_error}")
    if isinstance(cause, ssl.SSLCertVerificationError):
        return ServiceError(TLS_VERIFICATION_FAILED, f"The certificate of {host} is not trusted: {cause}")
    if isinstance(
        error, (failures.NewConnectionError, failures.ConnectTimeoutError, failures.LocationValueError)
    ):
        return ServiceError(CONNECTION_FAILED, f"No connection to {host}: {error}")
    if isinstance(error, failures.TimeoutError) or isinstance(cause, TimeoutError):
        return ServiceError(
            DEADLINE_EXCEEDED, f"No whole answer from {host} in time.", possibly_billed=left_whole
        )
    if isinstance(cause, IncompleteRead):
        return ServiceError(TRUNCATED_ANSWER, f"The answer of {host} broke off.", possibly_billed=left_whole)
    if isinstance(cause, OSError):
        code = CONNECTION_RESET if left_whole else CONNECTION_FAILED
        return ServiceError(code, f"{host} broke the connection: {cause}", possibly_billed=left_whole)
    kind = type(cause if isinstance(cause, HTTPException) else error).__name__
    return ServiceError(
        MALFORMED_ANSWER, f"The answer of {host} is not HTTP ({kind}).", possibly_billed=left_whole
    )


def _open_manager(url: str, connections: int, ca_bundle: str | None) -> PoolManager:
    manager = open_manager(url, proxy_url=proxy_for(url), connections=connections, ca_bundle=ca_bundle)
    manager.pool_classes_by_scheme = {"http": BoundedPool, "https": BoundedTlsPool}
    return manager
