"""The client of a bucket, where it comes from, and what its errors mean.

Credentials are found by each store's own chain. For S3 that is Amazon's, by `boto3` where it is
installed: variables, profiles, single sign-on, roles of machines and containers. Without it, and
for Google's storage, it is `obstore`'s own. No secret is in a message.
"""

from __future__ import annotations

import errno
import os
import re
import socket
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from transforms.errors import UsageError

if TYPE_CHECKING:
    from obstore.store import GCSStore, S3Store

REPEAT_SECONDS: Final = 60.0
"""After so long nothing is repeated any more."""

ADDRESS: Final = re.compile(r"(s3|gs)://([^/@]+)/*(.*?)/*", re.IGNORECASE | re.DOTALL)
"""Scheme, bucket and what lies beneath it. Addresses are never percent-encoded."""
_READ_SECONDS: Final = 30
_REPEATS: Final[Any] = {
    "max_retries": 1000,  # the time is what limits
    "retry_timeout": timedelta(seconds=REPEAT_SECONDS),
    "backoff": {
        "init_backoff": timedelta(milliseconds=100),
        "max_backoff": timedelta(seconds=5),
        "base": 2,
    },
}
_ENDPOINTS: Final = {
    "s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
    "gs": ("GOOGLE_BASE_URL",),
}
_GOOGLE_VARIABLES: Final = (
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_SERVICE_ACCOUNT",
    "GOOGLE_SERVICE_ACCOUNT_PATH",
    "GOOGLE_SERVICE_ACCOUNT_KEY",
    "GOOGLE_BEARER_TOKEN",
    "GOOGLE_SKIP_SIGNATURE",
    "GCE_METADATA_HOST",
    "GCE_METADATA_IP",
)
_GOOGLE_METADATA: Final = "metadata.google.internal"
_NAME_BYTES: Final = 850
"""Longer names COS does not take; S3 and Google's storage take up to 1024 bytes."""
_COS_HOSTS: Final = (".myqcloud.com", ".tencentcos.cn", ".tencentcos.com")
_BROKEN: Final = re.compile(r"HTTP error: |response body")
_STATUS: Final = re.compile(r"status code: (\d{3} [A-Za-z ]+)")
_CODE: Final = re.compile(r"<Code>([^<]{1,100})</Code>(?:\s*<Message>([^<]{1,300})</Message>)?")


def parts_of(uri: str) -> tuple[str, str, str]:
    """Scheme, bucket, and what is beneath it, without a slash at either end."""
    address = ADDRESS.fullmatch(uri)
    if address is None:
        raise UsageError(f"{uri}: no address of object storage. It is s3://BUCKET/NAME or gs://BUCKET/NAME.")
    return address[1].lower(), address[2], address[3]


def endpoint_of(scheme: str, bucket: str) -> str | None:
    """Where a bucket answers, if not where its store answers everybody: by the usual variables.

    Tencent COS has a host for each bucket and refuses to be asked otherwise for those that were
    made after 2023 (https://www.tencentcloud.com/document/product/436/57456).
    """
    names = _ENDPOINTS[scheme]
    endpoint = next((os.environ[name] for name in names if os.environ.get(name)), None)
    if endpoint is None or not (_has_own_hosts() or is_cos(endpoint)) or scheme == "gs":
        return endpoint
    protocol, _, host = endpoint.partition("://")
    return endpoint if host.startswith(f"{bucket}.") else f"{protocol}://{bucket}.{host}"


def _has_own_hosts() -> bool:
    return os.environ.get("AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "").lower() in ("1", "true", "yes")


def is_cos(endpoint: str | None) -> bool:
    """Whether Tencent COS answers there."""
    return (urlsplit(endpoint or "").hostname or "").endswith(_COS_HOSTS)


@lru_cache(maxsize=64)
def open_store(
    scheme: str, bucket: str, endpoint: str | None, *, forbid_overwrite: bool = False
) -> S3Store | GCSStore:
    """The one client of a bucket in this process.

    Args:
        scheme: ``s3`` or ``gs``.
        bucket: its name.
        endpoint: from `endpoint_of`.
        forbid_overwrite: tell Tencent COS with each request that nothing may be overwritten.

    Raises:
        UsageError: `obstore` is not installed.
        PermissionError: there are no credentials.
    """
    try:
        from obstore.store import GCSStore, S3Store
    except ImportError as error:
        raise UsageError(
            f"{scheme}://{bucket}: object storage needs obstore. Install it with this project's extra: "
            "pip install 'beamscribe[objects]'."
        ) from error
    client: Any = {
        "connect_timeout": "10s",
        "read_timeout": f"{_READ_SECONDS}s",
        "timeout": "1day",  # a large object on a slow line takes its time; silence is what is limited
        "user_agent": "beamscribe",
        "allow_http": (endpoint or "").lower().startswith("http://"),
    }
    if forbid_overwrite:
        client["default_headers"] = {"x-cos-forbid-overwrite": "true"}
    options: Any = {"client_options": client, "retry_config": _REPEATS}
    if scheme == "gs":
        _refuse_without_google_credentials()
        return GCSStore(bucket, **options)
    if endpoint is not None:
        options["endpoint"] = endpoint
        options["virtual_hosted_style_request"] = _has_own_hosts() or is_cos(endpoint)
    # One by one: what speaks like S3 often does not know how to delete many at once.
    return S3Store(bucket, disable_bulk_delete=True, credential_provider=_boto3_credentials(), **options)


def _refuse_without_google_credentials() -> None:
    """Look where `obstore` looks; it asks for the role of a machine for a minute where there is none.

    Raises:
        PermissionError: there are none.
    """
    own = Path.home() / ".config" / "gcloud" / "application_default_credentials.json"
    if any(os.environ.get(name) for name in _GOOGLE_VARIABLES) or own.is_file():
        return
    try:
        socket.getaddrinfo(_GOOGLE_METADATA, 80)
    except OSError as error:
        raise PermissionError(
            errno.EACCES,
            "no credentials for Google's storage were found. Set GOOGLE_APPLICATION_CREDENTIALS or run "
            "gcloud auth application-default login; for a public bucket GOOGLE_SKIP_SIGNATURE=true",
        ) from error


def _boto3_credentials() -> Any:
    """Amazon's own chain: variables, profiles, single sign-on, roles; None to take obstore's.

    Raises:
        PermissionError: there are none. `obstore` looks nowhere else, and asks long for machines' roles.
    """
    if os.environ.get("AWS_SKIP_SIGNATURE"):
        return None
    try:
        from obstore.auth.boto3 import Boto3CredentialProvider
    except ImportError:
        return None
    try:
        return Boto3CredentialProvider()
    except ValueError as error:
        raise PermissionError(
            errno.EACCES,
            "no credentials for S3 were found. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or a profile "
            "(AWS_PROFILE); for a public bucket AWS_SKIP_SIGNATURE=true",
        ) from error


def is_broken(error: Exception) -> bool:
    """Whether a connection broke, which says nothing of what the store did."""
    return _BROKEN.search(str(error)) is not None


def status_of(error: Exception) -> str:
    """The HTTP status that a store answered, number and words; empty if it did not."""
    found = _STATUS.search(str(error))
    return found[1].strip() if found else ""


def told(uri: str, error: Exception) -> OSError:
    """What a store complained of, in the words of this project and without what its answer quotes."""
    from obstore.exceptions import PermissionDeniedError, UnauthenticatedError

    text = str(error)
    status = status_of(error)
    code = _CODE.search(text)
    said = ": ".join(filter(None, code.groups())) if code else ""
    said = f" ({'; '.join(filter(None, (status, said)))})" if status or said else ""
    if "169.254." in text or "metadata.google" in text:
        return PermissionError(
            errno.EACCES,
            f"{uri}: no credentials were found for this store. Set the variables of its own tools",
        )
    if isinstance(error, (PermissionDeniedError, UnauthenticatedError)) or status[:3] in ("401", "403"):
        return PermissionError(
            errno.EACCES, f"{uri}: the store refuses it{said}. Check the credentials and their rights"
        )
    if isinstance(error, FileNotFoundError) or status.startswith("404"):
        return FileNotFoundError(errno.ENOENT, f"{uri}: there is no such object or bucket{said}")
    if status.startswith("400") and len(uri.encode()) > _NAME_BYTES:  # a HEAD tells no more than the status
        return OSError(errno.ENAMETOOLONG, f"{uri}: too long a name for the store{said}")
    if is_broken(error):
        return OSError(errno.EIO, f"{uri}: the store cannot be reached, or breaks off")
    if status or said:
        return OSError(errno.EIO, f"{uri}: the store fails{said}")
    return OSError(errno.EINVAL, f"{uri}: {text.partition('Debug source')[0].strip()}")
