"""What the tests of the whole share: the local service and the recordings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.service.server import LocalService
from pipeline.service.settings import TEST_SECRET_ID, TEST_SECRET_KEY, ServiceSettings

HERE = Path(__file__).resolve().parent
SHIPPED = HERE / "recordings"
SHARED = HERE.parents[1] / "shared" / "audio"


@pytest.fixture
def serve() -> Iterator[Callable[..., LocalService]]:
    """Starts local services with the given settings; they stop after the test."""
    running: list[LocalService] = []

    def start(**settings: object) -> LocalService:
        service = LocalService(ServiceSettings(**settings))
        service.start()
        running.append(service)
        return service

    yield start
    for service in running:
        service.stop()


@pytest.fixture
def local_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """The public test credentials of the local service, in the environment."""
    monkeypatch.setenv("TENCENTCLOUD_SECRET_ID", TEST_SECRET_ID)
    monkeypatch.setenv("TENCENTCLOUD_SECRET_KEY", TEST_SECRET_KEY)
    monkeypatch.delenv("TENCENTCLOUD_TOKEN", raising=False)


@pytest.fixture
def shared_audio() -> Path:
    """The folder of real recordings beside the checkout; skips where there is none."""
    if not SHARED.is_dir():
        pytest.skip(f"no recordings at {SHARED}")
    return SHARED
