"""What the service does with a Url: it downloads the audio itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import urllib3

from pipeline.service.refusal import ServiceFault
from transforms.addresses import is_loopback

MAX_DOWNLOAD_BYTES: Final = 3_000_000
"""The largest file, by the documents (3 MB)."""

_TIMEOUT_S: Final = 10.0
_BLOCK_BYTES: Final = 65_536


def download(
    url: str,
    *,
    allow_public: bool,
    max_bytes: int = MAX_DOWNLOAD_BYTES,
    clock: Callable[[], float] = time.monotonic,
) -> bytes:
    """Downloads the audio behind a Url; follows no redirect.

    Args:
        url: an http(s) address.
        allow_public: whether it may lead anywhere but to this machine.
        max_bytes: the largest file.
        clock: seconds; the whole download ends within ten of them.

    Raises:
        ServiceFault: FailedOperation.ErrorDownFile, or RequestSizeLimitExceeded.
    """
    deadline = clock() + _TIMEOUT_S
    blocks: list[bytes] = []
    total = 0
    try:
        host = urllib3.util.parse_url(url).host or ""
        if not allow_public and not is_loopback(host):
            raise _failed(f"this service downloads from its own machine only, not from {host!r}")
        with urllib3.PoolManager(retries=False, timeout=_TIMEOUT_S) as pool:
            response = pool.request("GET", url, preload_content=False, redirect=False)
            if response.status != 200:
                raise _failed(f"the address answered with status {response.status}")
            for block in response.stream(_BLOCK_BYTES):
                blocks.append(block)
                total += len(block)
                if total > max_bytes:
                    raise ServiceFault(
                        "RequestSizeLimitExceeded", f"The file is larger than {max_bytes} bytes."
                    )
                if clock() > deadline:
                    raise _failed(f"it took longer than {_TIMEOUT_S:g} s")
    except urllib3.exceptions.HTTPError as error:
        raise _failed(type(error).__name__) from error
    return b"".join(blocks)


def _failed(reason: str) -> ServiceFault:
    return ServiceFault("FailedOperation.ErrorDownFile", f"The audio could not be downloaded: {reason}.")
