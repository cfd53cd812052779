"""Copy a remote recording into a local file, once, within limits of size and time."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import BinaryIO
from urllib.parse import urljoin, urlsplit

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from urllib3 import BaseHTTPResponse, PoolManager, Retry, Timeout
from urllib3.exceptions import HTTPError, MaxRetryError, ReadTimeoutError

from transforms.addresses import is_http
from transforms.bounded import BoundedPool, BoundedTlsPool, Deadline, Outgoing
from transforms.codes import DOWNLOAD_FAILED, NOT_FOUND, PERMISSION_DENIED, READ_FAILED, TOO_LARGE
from transforms.connections import open_manager, proxy_for
from transforms.errors import RecordingError, UsageError
from transforms.objects import Objects, is_object_uri
from transforms.records import Mark, Stage

_BLOCK_BYTES = 1 << 20
_REDIRECTS = 5
_REDIRECT_STATUSES = frozenset({301, 302, 303, 307, 308})
_PASSING_STATUSES = frozenset({408, 425, 429})
_CONNECT_SECONDS = 10.0
_QUERY = re.compile(r"\?.*")


class _WithoutQueries(logging.Filter):
    """Takes the signature out of what urllib3 logs, as when it repeats a download."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                _QUERY.sub("?...", each) if isinstance(each, str) else each for each in record.args
            )
        return True


for _logger in ("urllib3.connectionpool", "urllib3.util.retry"):
    logging.getLogger(_logger).addFilter(_WithoutQueries())


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """How much a remote recording may take.

    Attributes:
        max_bytes: size; 4 GiB is where the sizes in a wav header end.
        max_seconds: time of the whole transfer.
    """

    max_bytes: int = 4 << 30
    max_seconds: float = 600.0


def fetch(uri: str, target: BinaryIO, *, limits: ReadLimits, clock: Callable[[], float]) -> None:
    """Copy what lies behind a URI.

    Args:
        uri: http, https, object storage, or a scheme of Beam's file systems.
        target: where the bytes go.
        limits: the size and time that the copy may take.
        clock: monotonic seconds.

    Raises:
        RecordingError: it cannot be had whole within the limits.
    """
    deadline = clock() + limits.max_seconds
    copied = 0
    with closing(_blocks(uri, limits, clock)) as blocks:
        for block in blocks:
            copied += len(block)
            if copied > limits.max_bytes:
                raise _too_large(uri, limits)
            if clock() > deadline:
                raise _too_slow(uri, limits)
            _write(target, block)


@lru_cache(maxsize=16)
def _manager(scheme: str, proxy_url: str | None) -> PoolManager:
    """Keep connections between downloads; threads may share them."""
    manager = open_manager(f"{scheme}://", proxy_url=proxy_url, connections=16)
    # Headers that drip in, as well as silences, end with the time of the whole transfer.
    manager.pool_classes_by_scheme = {"http": BoundedPool, "https": BoundedTlsPool}
    return manager


def _http_blocks(url: str, limits: ReadLimits, clock: Callable[[], float]) -> Generator[bytes, None, None]:
    try:
        response = _ask("GET", url, limits, clock)
        try:
            if (response.length_remaining or 0) > limits.max_bytes:
                raise _too_large(url, limits)
            # read1, not read: a server that sends byte after byte must not hold the clock up.
            while block := response.read1(_BLOCK_BYTES):
                yield block
        finally:
            response.close()
    except UsageError as error:
        raise _failed(DOWNLOAD_FAILED, f"{url}: {error}") from error
    except ValueError as error:
        raise _failed(DOWNLOAD_FAILED, f"{url}: no address that can be opened ({error}).") from error
    except (HTTPError, OSError) as error:
        cause = error.reason if isinstance(error, MaxRetryError) else error
        if isinstance(cause, (ReadTimeoutError, TimeoutError)):
            raise _too_slow(url, limits) from error
        raise _failed(
            DOWNLOAD_FAILED,
            f"{url}: the download broke off ({cause}). Check network and proxy, and run the command again.",
            retryable=True,
        ) from error


def mark_of_url(url: str, limits: ReadLimits, clock: Callable[[], float] = time.monotonic) -> Mark | None:
    """What a web server says of a file, by which a change shows without fetching it.

    Returns:
        Its size with its entity tag or, failing that, its time of change; None where the
        server tells neither, does not answer, or refuses: it may still answer others.
    """
    try:
        response = _ask("HEAD", url, limits, clock)
        response.close()
    except (RecordingError, UsageError, HTTPError, OSError, ValueError):
        return None
    modified = response.headers.get("ETag") or response.headers.get("Last-Modified")
    size = response.headers.get("Content-Length", "")
    return Mark(int(size), modified) if modified and size.isdecimal() else None


def _ask(method: str, url: str, limits: ReadLimits, clock: Callable[[], float]) -> BaseHTTPResponse:
    """Ask for a URL, following redirects to http and https only."""
    timeout = Timeout(connect=min(_CONNECT_SECONDS, limits.max_seconds), read=limits.max_seconds)
    nothing = Outgoing((), Deadline(limits.max_seconds, clock))
    target = url
    for _ in range(_REDIRECTS + 1):
        response = _manager(urlsplit(target).scheme, proxy_for(target)).urlopen(
            method,
            target,
            body=nothing,
            redirect=False,
            preload_content=False,
            timeout=timeout,
            retries=Retry(total=None, connect=2, read=2, status=0, other=0, backoff_factor=0.5),
            headers={"Accept-Encoding": "identity", "User-Agent": "beamscribe", "Content-Length": "0"},
        )
        if response.status == 200:
            return response
        response.close()
        location = response.headers.get("Location")
        if response.status not in _REDIRECT_STATUSES or not location:
            raise _refused(url, response.status)
        target = urljoin(target, location)
        if not is_http(target):
            raise _failed(DOWNLOAD_FAILED, f"{url}: leads to {target}, which is not http or https.")
    raise _failed(DOWNLOAD_FAILED, f"{url}: redirected more than {_REDIRECTS} times; give the last address.")


def _refused(url: str, status: int) -> RecordingError:
    if status in (404, 410):
        return _failed(NOT_FOUND, f"{url}: the server has no such file (HTTP {status}). Check the address.")
    if status in (401, 403):
        return _failed(
            PERMISSION_DENIED,
            f"{url}: the server refuses it (HTTP {status}). Has a signed address run out? Make a new one.",
        )
    passing = status >= 500 or status in _PASSING_STATUSES
    return _failed(
        DOWNLOAD_FAILED,
        f"{url}: the server answered HTTP {status}. "
        + ("Run the command again later." if passing else "Check the address."),
        retryable=passing,
    )


def _blocks(uri: str, limits: ReadLimits, clock: Callable[[], float]) -> Generator[bytes, None, None]:
    if is_http(uri):
        return _http_blocks(uri, limits, clock)
    return _object_blocks(uri) if is_object_uri(uri) else _beam_blocks(uri)


def _object_blocks(uri: str) -> Generator[bytes, None, None]:
    with object_errors():
        yield from Objects(uri).blocks("")


@contextmanager
def object_errors() -> Iterator[None]:
    """What a store says of a recording, as the failure of that recording.

    Raises:
        RecordingError: the store refused it, or was away.
    """
    try:
        yield
    except UsageError as error:
        raise _failed(READ_FAILED, str(error), retryable=True) from error
    except FileNotFoundError as error:
        raise _failed(NOT_FOUND, f"{error.strerror}. Check bucket, path and credentials.") from error
    except PermissionError as error:
        raise _failed(PERMISSION_DENIED, f"{error.strerror}.") from error
    except OSError as error:
        raise _failed(DOWNLOAD_FAILED, f"{error.strerror}. Run the command again.", retryable=True) from error


def _beam_blocks(uri: str) -> Generator[bytes, None, None]:
    try:
        # A recording's bytes are what is stored: nothing is unpacked because of its name.
        with FileSystems.open(uri, compression_type=CompressionTypes.UNCOMPRESSED) as file:
            while block := file.read(_BLOCK_BYTES):
                yield block
    except ValueError as error:
        raise _failed(READ_FAILED, f"{uri}: no file system for this address ({error}).") from error
    except OSError as error:
        if not FileSystems.exists(uri):
            raise _failed(NOT_FOUND, f"{uri}: no such file. Check bucket, path and credentials.") from error
        raise _failed(
            DOWNLOAD_FAILED, f"{uri}: cannot be read ({error}). Run the command again.", retryable=True
        ) from error


def _write(target: BinaryIO, block: bytes) -> None:
    try:
        target.write(block)
    except OSError as error:
        raise _failed(
            READ_FAILED,
            f"The temporary file for a download cannot be written ({error}). Is the disk full? "
            "TMPDIR names another place.",
            retryable=True,
        ) from error


def _too_slow(uri: str, limits: ReadLimits) -> RecordingError:
    return _failed(
        DOWNLOAD_FAILED,
        f"{uri}: not there after {limits.max_seconds:g} s. The line or the server is slow; run the command "
        "again, or copy the file here first.",
        retryable=True,
    )


def _too_large(uri: str, limits: ReadLimits) -> RecordingError:
    return _failed(TOO_LARGE, f"{uri}: larger than {limits.max_bytes:,} bytes, the limit of a download.")


def _failed(code: str, message: str, *, retryable: bool = False) -> RecordingError:
    return RecordingError(Stage.READ, code, message, retryable=retryable)
