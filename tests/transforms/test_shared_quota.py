from __future__ import annotations

import builtins

import pytest

from tests.transforms.redis_server import RedisServer
from transforms.errors import UsageError
from transforms.limiter import HostLimiter
from transforms.pace import PacePolicy
from transforms.redis_limiter import RedisLimiter
from transforms.shared_quota import (
    PASSWORD_VARIABLE,
    QuotaStoreError,
    check_shared_quota,
    limiter_of,
    quota_url_problem,
)

POLICY = PacePolicy(25)


@pytest.mark.parametrize(
    "url", ["redis://host", "redis://host:6379/3", "rediss://host:6380", "redis://[::1]:1/0"]
)
def test_addresses_of_servers_are_taken(url):
    assert quota_url_problem(url) is None


@pytest.mark.parametrize(
    "url", ["host:6379", "http://host:6379", "redis://", "redis://host:port/0", "redis://["]
)
def test_other_addresses_are_told(url):
    assert "redis://HOST:PORT/DATABASE" in str(quota_url_problem(url))


@pytest.mark.parametrize("url", ["redis://:word@host", "redis://user@host", "redis://user:word@host"])
def test_a_password_belongs_into_the_environment(url):
    problem = str(quota_url_problem(url))
    assert PASSWORD_VARIABLE in problem
    assert "word@" not in problem


def test_without_an_address_the_pace_is_that_of_the_host(tmp_path):
    limiter = limiter_of(tmp_path, POLICY, None)
    assert isinstance(limiter, HostLimiter)
    limiter.close()
    check_shared_quota(None)


def test_a_password_is_read_from_the_environment_and_never_shown(tmp_path):
    server = RedisServer(tmp_path)
    try:
        server.client().config_set("requirepass", "open-sesame")
        url = f"redis://127.0.0.1:{server.port}/0"
        check_shared_quota(url, {PASSWORD_VARIABLE: "open-sesame"})
        limiter = limiter_of(tmp_path, POLICY, url, {PASSWORD_VARIABLE: "open-sesame"})
        assert isinstance(limiter, RedisLimiter)
        assert limiter.acquire() < 30
        limiter.close()
        for wrong in ({}, {PASSWORD_VARIABLE: "other-word"}):
            with pytest.raises(QuotaStoreError, match=PASSWORD_VARIABLE) as refused:
                check_shared_quota(url, wrong)
            assert "other-word" not in str(refused.value)
    finally:
        server.kill()


def test_a_server_that_is_not_there_is_told_before_anything_is_started(tmp_path):
    server = RedisServer(tmp_path)
    server.kill()
    with pytest.raises(QuotaStoreError, match="cannot be used"):
        check_shared_quota(f"redis://127.0.0.1:{server.port}/0")


def test_a_missing_client_is_told_with_what_to_install(tmp_path, monkeypatch):
    real = builtins.__import__

    def without_redis(name, *rest):
        if name.partition(".")[0] == "redis":
            raise ImportError("No module named 'redis'")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_redis)
    with pytest.raises(UsageError, match=r"beamscribe\[redis\]"):
        limiter_of(tmp_path, POLICY, "redis://127.0.0.1:1/0")


def test_a_server_that_takes_nothing_is_told_before_anything_is_started(tmp_path):
    server = RedisServer(tmp_path)
    try:
        with server.client() as client:
            client.config_set("min-replicas-to-write", 1)
        with pytest.raises(QuotaStoreError, match="cannot be used"):
            check_shared_quota(f"redis://127.0.0.1:{server.port}/0")
    finally:
        server.kill()
