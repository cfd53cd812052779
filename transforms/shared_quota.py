"""Which limiter holds the rate: this host's own, or one that runs everywhere share."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from transforms.errors import BeamscribeError, UsageError
from transforms.limiter import HostLimiter, Limiter
from transforms.pace import PacePolicy
from transforms.shared_link import link_of
from transforms.shared_pace import SharedPace
from transforms.shared_place import Coordination, SharedPlace, host_folder

if TYPE_CHECKING:
    import redis

USERNAME_VARIABLE: Final = "BEAMSCRIBE_REDIS_USERNAME"
PASSWORD_VARIABLE: Final = "BEAMSCRIBE_REDIS_PASSWORD"

_SCHEMES: Final = ("redis", "rediss")
_NAME: Final = "beamscribe"
_TIMEOUT_SECONDS: Final = 2.0


class QuotaStoreError(BeamscribeError):
    """The store that the quota is shared by cannot be reached (exit code 4)."""


def quota_url_problem(url: str) -> str | None:
    """What is wrong with the address of a store; None if nothing is."""
    try:
        parts = urlsplit(url)
        complete = parts.scheme in _SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        complete = False
    if not complete:
        return "is no address of a Redis server: redis://HOST:PORT/DATABASE is, or rediss:// over TLS"
    if parts.username is not None or parts.password is not None:
        return (
            f"holds a password or a user: those are read from {PASSWORD_VARIABLE} and {USERNAME_VARIABLE} in "
            "the environment, since configurations are printed and written down"
        )
    return None


def limiter_of(
    coordination: Coordination,
    policy: PacePolicy,
    url: str | None,
    environment: Mapping[str, str] = os.environ,
) -> Limiter:
    """The limiter of a run.

    Args:
        coordination: what the processes of the run share, for a pace of this host's own, or a share
            of one where other hosts may be at work on the same run.
        policy: the pace.
        url: of a Redis server, for a pace that all runs which name it share.
        environment: holds the password.

    Raises:
        UsageError: the client of Redis is not installed.
    """
    if url is None:
        limiter = HostLimiter(host_folder(coordination), policy)
        if isinstance(coordination, SharedPlace):
            return SharedPace(limiter, link_of(coordination))
        return limiter
    client = _client(url, environment)
    from transforms.redis_grid import RedisGrid
    from transforms.redis_limiter import RedisLimiter

    shared = RedisLimiter(RedisGrid(client, _NAME), policy)
    shared.beat_often()
    return shared


def _client(url: str, environment: Mapping[str, str]) -> redis.Redis:
    # An extra, and only those who ask for it have it.
    try:
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry
    except ImportError as error:
        raise UsageError(
            f"recognition.shared_quota needs the Python package redis ({error}): pip install "
            "'beamscribe[redis]'."
        ) from error
    client: redis.Redis = redis.Redis.from_url(
        url,
        username=environment.get(USERNAME_VARIABLE),
        password=environment.get(PASSWORD_VARIABLE),
        socket_timeout=_TIMEOUT_SECONDS,
        socket_connect_timeout=_TIMEOUT_SECONDS,
        # The limiter itself says when to ask again, and what to do until then.
        retry=Retry(NoBackoff(), 0),
    )
    return client


def check_shared_quota(url: str | None, environment: Mapping[str, str] = os.environ) -> None:
    """Raise unless the store can be reached and written to, before anything is started.

    Raises:
        UsageError: its client is not installed.
        QuotaStoreError: it does not answer, or refuses this user.
    """
    if url is None:
        return
    client = _client(url, environment)
    from redis.exceptions import RedisError

    try:
        client.set(f"{_NAME}:check", b"", px=1000)  # a replica answers, and takes nothing
    except RedisError as error:
        raise QuotaStoreError(
            f"recognition.shared_quota: {url} cannot be used ({error}). Without it nobody knows what other "
            f"runs leave of the quota. See that the server runs and can be reached, and that "
            f"{PASSWORD_VARIABLE} is right; then run the same command again."
        ) from error
    finally:
        client.close()
