"""How the local service behaves: one frozen record, checked when it is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal, cast, get_args

from pipeline.service.faults import FaultRule, check_shares
from transforms.errors import UsageError
from transforms.slips import did_you_mean

TEST_SECRET_ID: Final = "AKIDlocalservice000000000000000000000"
"""The key id that is expected unless another is set. Opens nothing anywhere else."""

TEST_SECRET_KEY: Final = "not-a-secret-local-service-only"
"""The key that belongs to `TEST_SECRET_ID`."""

RecognizerName = Literal["sphinx", "digest", "script"]
"""Who recognizes: see `pipeline.service.recognizers`."""


MOST_PORT: Final = 65_535


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """What the service expects, allows and spoils.

    Attributes:
        host: the address to listen on; loopback unless told otherwise.
        port: 0 takes a free one.
        recognizer: who recognizes.
        script_path: the answers of the recognizer ``script``.
        sphinx_workers: processes that recognize at once with ``sphinx``.
        secret_id: the one key id that is known.
        secret_key: the key that signatures are verified with.
        token: the session token that calls must carry; None expects none.
        requests_per_second: calls allowed in any second, refused ones counted too;
            0 allows any number.
        latency_ms: bounds of the time from the arrival of a recognized call to its
            answer, drawn evenly; refusals are answered at once.
        calls_left: billed calls until the account has no amount left; None is endless.
        max_base64_bytes: limit of Data. The documents say 3 MB; the smaller reading
            of that, 3,000,000, is the safe one to test against.
        max_payload_bytes: limit of the audio before base64, as in the older document
            (600 KB); None sets none.
        allow_public_urls: whether a Url may lead anywhere but to this machine.
        faults: the planned faults.
        seed: decides faults and latencies.
        clock_offset_s: how far the service's clock is ahead of the machine's.
        received_calls: how many of the latest calls are remembered one by one.
    """

    host: str = "127.0.0.1"
    port: int = 0
    recognizer: RecognizerName = "digest"
    script_path: str | None = None
    sphinx_workers: int = 2
    secret_id: str = TEST_SECRET_ID
    secret_key: str = field(default=TEST_SECRET_KEY, repr=False)
    token: str | None = field(default=None, repr=False)
    requests_per_second: int = 0
    latency_ms: tuple[float, float] = (0.0, 0.0)
    calls_left: int | None = None
    max_base64_bytes: int = 3_000_000
    max_payload_bytes: int | None = None
    allow_public_urls: bool = False
    faults: tuple[FaultRule, ...] = ()
    seed: int = 0
    clock_offset_s: float = 0.0
    received_calls: int = 10_000

    def __post_init__(self) -> None:
        recognizer_named(self.recognizer)
        if self.recognizer == "script" and self.script_path is None:
            raise UsageError("recognizer script needs a file of answers: give --script FILE (script_path).")
        if self.recognizer != "script" and self.script_path is not None:
            raise UsageError(
                f"--script {self.script_path} (script_path) would not be read by recognizer "
                f"{self.recognizer}: give --recognizer script as well."
            )
        low_ms, high_ms = self.latency_ms
        if not 0.0 <= low_ms <= high_ms:
            raise UsageError(
                f"--latency-ms {low_ms:g} {high_ms:g} (latency_ms): expected 0 or more, the lower one first."
            )
        for name in ("requests_per_second", "received_calls", "port"):
            if getattr(self, name) < 0:
                raise UsageError(f"{name} is {getattr(self, name)}; it must be 0 or more")
        if self.port > MOST_PORT:
            raise UsageError(f"port is {self.port}; it must be {MOST_PORT} or less")
        if self.calls_left is not None and self.calls_left < 0:
            raise UsageError(f"calls_left is {self.calls_left}; it must be 0 or more")
        if self.sphinx_workers < 1:
            raise UsageError(f"sphinx_workers is {self.sphinx_workers}; at least 1 is needed")
        check_shares(self.faults)


def recognizer_named(name: str) -> RecognizerName:
    """The recognizer of this name.

    Raises:
        UsageError: there is none; the message names the nearest.
    """
    for known in get_args(RecognizerName):
        if name == known:
            return cast(RecognizerName, known)
    names = ", ".join(get_args(RecognizerName))
    raise UsageError(
        f"recognizer {name!r} is unknown; choose one of {names}."
        f"{did_you_mean(name, get_args(RecognizerName))}"
    )


def with_environment(settings: ServiceSettings, environment: Mapping[str, str]) -> ServiceSettings:
    """Expects the credentials that the environment holds, where it holds any.

    Args:
        settings: what holds where the environment says nothing.
        environment: `os.environ`, or what stands in for it.

    Returns:
        The settings with ``TENCENTCLOUD_SECRET_ID``, ``TENCENTCLOUD_SECRET_KEY`` and
        ``TENCENTCLOUD_TOKEN``; unchanged if not both of the first two are set.
    """
    secret_id = environment.get("TENCENTCLOUD_SECRET_ID")
    secret_key = environment.get("TENCENTCLOUD_SECRET_KEY")
    if not secret_id or not secret_key:
        return settings
    token = environment.get("TENCENTCLOUD_TOKEN") or settings.token
    return replace(settings, secret_id=secret_id, secret_key=secret_key, token=token)
