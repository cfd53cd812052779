"""Connections as the environment wants them: its proxies, its trusted certificates."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass

import certifi
from urllib3 import PoolManager, ProxyManager, make_headers
from urllib3 import exceptions as failures

from transforms.errors import UsageError

CA_BUNDLE_VARIABLES: Final = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE")
"""Where other tools look for a CA bundle, in the order in which they count here."""


def open_manager(
    url: str, *, proxy_url: str | None, connections: int, ca_bundle: str | None = None
) -> PoolManager:
    """Open a manager of connections. TLS is always verified.

    Args:
        url: what it will be asked for, with scheme.
        proxy_url: the proxy to go through, from `proxy_for`; None for none.
        connections: how many connections to one host are kept for the next call.
        ca_bundle: a file or folder of trusted certificates; None for the
            variables of `CA_BUNDLE_VARIABLES`, else certifi's.

    Raises:
        UsageError: the CA bundle or the proxy cannot be used.
    """
    uses_tls = any(address.lower().startswith("https:") for address in (url, proxy_url or ""))
    context = _trust(ca_bundle) if uses_tls else None
    options: dict[str, Any] = {"maxsize": connections, "ssl_context": context}
    return PoolManager(**options) if proxy_url is None else _open_proxy(proxy_url, context, options)


def proxy_for(url: str) -> str | None:
    """Return the proxy that the environment names for an address; None for none."""
    parts = urlsplit(url)
    proxies = getproxies_environment()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or proxy_bypass(parts.netloc):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _open_proxy(proxy_url: str, context: ssl.SSLContext | None, options: Mapping[str, Any]) -> ProxyManager:
    parts = urlsplit(proxy_url)
    headers = {}
    if parts.username is not None:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers = make_headers(proxy_basic_auth=login)
    # The password goes into the header alone: an address is logged.
    address = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    try:
        return ProxyManager(address, proxy_headers=headers, proxy_ssl_context=context, **options)
    except (failures.ProxySchemeUnknown, failures.LocationParseError):
        raise UsageError(
            f"The proxy {address} of the environment cannot be used: give HTTPS_PROXY or HTTP_PROXY an "
            "http:// or https:// address, or name the host in NO_PROXY."
        ) from None


def _trust(ca_bundle: str | None) -> ssl.SSLContext:
    """A context that verifies; loaded once, not for each connection (some 20 ms)."""
    named = [("recognition.ca_bundle", ca_bundle)]
    named += [(variable, os.environ.get(variable)) for variable in CA_BUNDLE_VARIABLES]
    name, path = next(((name, path) for name, path in named if path), ("certifi", certifi.where()))
    try:
        if Path(path).is_dir():
            return ssl.create_default_context(capath=path)
        return ssl.create_default_context(cafile=path)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"The CA bundle {path} ({name}) cannot be read: {error}. Name a PEM file of certificates."
        ) from error
