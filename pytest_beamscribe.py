"""Fixtures for tests of pipelines that transcribe: the local service, and what points at it.

pytest loads this module in every session of an environment that Beamscribe is installed
in, so it imports nothing of Beamscribe before a fixture is asked for. It lies beside the
packages, not in one: a test's own module may be called ``pipeline`` too.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from pipeline.config import Config
    from pipeline.service.faults import FaultRule
    from pipeline.service.server import LocalService

_LOOPBACK = "127.0.0.1,localhost,::1"


class StartService(Protocol):
    """What `beamscribe_service` hands out."""

    def __call__(
        self,
        *,
        answers: Sequence[str | Mapping[str, object]] | None = None,
        faults: Sequence[str | FaultRule] = (),
        **settings: object,
    ) -> LocalService:
        """Start a service.

        Args:
            answers: what it answers, a call each; texts, or the mappings of a script
                (`pipeline.service.recognizers.read_script`).
            faults: rules (`pipeline.service.faults`), also as texts such as ``throttle=0.1``.
            settings: further fields of `pipeline.service.settings.ServiceSettings`.

        Raises:
            UsageError: a setting is unknown or wrong.
        """
        ...


class MakeConfig(Protocol):
    """What `beamscribe_config` hands out."""

    def __call__(
        self, *settings: str, service: LocalService | None = None, file: str | None = None
    ) -> Config:
        """Load a configuration that points at a service.

        Args:
            settings: ``dotted.key=value`` each, as ``--set`` takes them.
            service: who is called; None starts one.
            file: as ``--config`` takes it: a YAML file or the name of a shipped one.

        Raises:
            UsageError: something in it is wrong.
        """
        ...


@pytest.fixture
def beamscribe_credentials() -> Iterator[None]:
    """The local service's public keys in the environment; what was there is back after the test.

    Calls to this machine also go past any proxy that the environment names.
    """
    _refuse_namesakes()
    from pipeline.service.settings import TEST_SECRET_ID, TEST_SECRET_KEY

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TENCENTCLOUD_SECRET_ID", TEST_SECRET_ID)
        patch.setenv("TENCENTCLOUD_SECRET_KEY", TEST_SECRET_KEY)
        patch.delenv("TENCENTCLOUD_TOKEN", raising=False)
        direct = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
        for name in ("no_proxy", "NO_PROXY"):
            patch.setenv(name, f"{direct},{_LOOPBACK}" if direct else _LOOPBACK)
        yield


@pytest.fixture
def beamscribe_service(
    beamscribe_credentials: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StartService]:
    """Starts local services with the settings that it is called with; they stop after the test."""
    from pipeline.service.faults import parse_fault
    from pipeline.service.server import LocalService
    from pipeline.service.settings import ServiceSettings

    with ExitStack() as running:

        def start(
            *,
            answers: Sequence[str | Mapping[str, object]] | None = None,
            faults: Sequence[str | FaultRule] = (),
            **settings: object,
        ) -> LocalService:
            _refuse_unknown(settings, tuple(ServiceSettings.__dataclass_fields__))
            if answers is not None:
                script = tmp_path_factory.mktemp("beamscribe") / "answers.json"
                script.write_text(json.dumps(list(map(_entry_of, answers))), encoding="utf-8")
                settings = {"recognizer": "script", "script_path": str(script), **settings}
            rules = tuple(parse_fault(rule) if isinstance(rule, str) else rule for rule in faults)
            chosen = ServiceSettings(faults=rules, **settings)  # type: ignore[arg-type]
            return running.enter_context(LocalService(chosen))

        yield start


@pytest.fixture
def beamscribe_config(beamscribe_service: StartService) -> MakeConfig:
    """Loads configurations that point at a local service."""
    from pipeline.config_load import load

    def make(*settings: str, service: LocalService | None = None, file: str | None = None) -> Config:
        called = beamscribe_service() if service is None else service
        return load(file, [f"recognition.endpoint={called.endpoint}", *settings]).config

    return make


def _entry_of(answer: str | Mapping[str, object]) -> Mapping[str, object]:
    return {"text": answer} if isinstance(answer, str) else dict(answer)


def _refuse_unknown(settings: Mapping[str, object], known: Sequence[str]) -> None:
    from transforms.errors import UsageError
    from transforms.slips import did_you_mean

    every = ("answers", *known)
    for name in settings:
        if name not in every:
            raise UsageError(
                f"beamscribe_service: {name!r} is no setting of the service.{did_you_mean(name, every)} "
                f"It takes {', '.join(every)}."
            )


def _refuse_namesakes() -> None:
    """Tell a module of the tests that has the name of a package of Beamscribe, before it is mistaken."""
    from_here = Path(__file__).resolve().parent
    for name in ("pipeline", "transforms"):
        spec = find_spec(name)
        found = None if spec is None or spec.origin is None else Path(spec.origin).resolve()
        if found != from_here / name / "__init__.py":
            pytest.fail(
                f"import {name} finds {found} here, and not Beamscribe's package of that name. "
                "Move your own into a package, or give it another name.",
                pytrace=False,
            )
