from __future__ import annotations

import ssl

import pytest
from urllib3 import ProxyManager

from transforms.connections import CA_BUNDLE_VARIABLES, open_manager, proxy_for
from transforms.errors import UsageError


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in CA_BUNDLE_VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_the_proxy_is_that_of_the_scheme(monkeypatch):
    assert proxy_for("https://host/a") is None
    monkeypatch.setenv("HTTPS_PROXY", "proxy:3128")
    assert proxy_for("https://host/a") == "http://proxy:3128"
    assert proxy_for("http://host/a") is None
    monkeypatch.setenv("ALL_PROXY", "http://other:1")
    assert proxy_for("http://host/a") == "http://other:1"
    monkeypatch.setenv("NO_PROXY", "host,example.org")
    assert proxy_for("https://host/a") is None
    assert proxy_for("https://www.example.org:8443/a") is None
    assert proxy_for("https://elsewhere/a") is not None


def test_the_password_of_a_proxy_goes_into_its_header_alone():
    manager = open_manager("http://", proxy_url="http://me:p%40ss@proxy:3128", connections=1)
    assert isinstance(manager, ProxyManager)
    assert str(manager.proxy) == "http://proxy:3128"
    assert manager.proxy_headers == {"proxy-authorization": "Basic bWU6cEBzcw=="}


def test_a_proxy_that_is_none_is_a_usage_error():
    with pytest.raises(UsageError, match="socks5://me"):
        open_manager("http://", proxy_url="socks5://me:1", connections=1)


def test_certificates_are_always_verified():
    context = open_manager("https://", proxy_url=None, connections=1).connection_pool_kw["ssl_context"]
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.cert_store_stats()["x509_ca"] > 0


def test_the_bundle_of_the_environment_is_taken(tmp_path, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    with pytest.raises(UsageError, match=r"none\.pem \(SSL_CERT_FILE\)"):
        open_manager("https://", proxy_url=None, connections=1)
    empty = open_manager("https://", proxy_url=None, connections=1, ca_bundle=str(tmp_path))
    assert empty.connection_pool_kw["ssl_context"].cert_store_stats()["x509_ca"] == 0
