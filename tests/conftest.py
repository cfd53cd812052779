"""What the tests of the whole share: the fixtures of the plugin under short names, and the recordings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.object_server import (
    BUCKET,
    GOOGLE_CREDENTIALS,
    ObjectServer,
    as_google,
    fault_proxy,
    object_server,
)

if TYPE_CHECKING:  # pytest is to load it first, so that it rewrites its assertions
    from pytest_beamscribe import StartService

pytest_plugins = ["pytest_beamscribe", "pytester"]

HERE = Path(__file__).resolve().parent
SHIPPED = HERE / "recordings"
SHARED = HERE.parents[1] / "shared" / "audio"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`make test-s3` runs these and no others."""
    for item in items:
        if "started_object_server" in getattr(item, "fixturenames", ()):
            item.add_marker("object_storage")


@pytest.fixture
def serve(beamscribe_service: StartService) -> StartService:
    """Starts local services with the given settings; they stop after the test."""
    return beamscribe_service


@pytest.fixture
def local_credentials(beamscribe_credentials: None) -> None:
    """The public test credentials of the local service, in the environment."""


@pytest.fixture
def shared_audio() -> Path:
    """The folder of real recordings beside the checkout; skips where there is none."""
    if not SHARED.is_dir():
        pytest.skip(f"no recordings at {SHARED}")
    return SHARED


@pytest.fixture(scope="session")
def started_object_server() -> Iterator[ObjectServer]:
    """One S3 server for the session: a real one where `PROGRAM` names it, as `make test-s3` does."""
    with object_server() as server:
        yield server


@pytest.fixture
def s3(started_object_server: ObjectServer, monkeypatch: pytest.MonkeyPatch) -> ObjectServer:
    """An S3 server with one empty bucket, which the environment leads to."""
    started_object_server.bucket(BUCKET)
    for name, value in started_object_server.environment().items():
        monkeypatch.setenv(name, value)
    return started_object_server


@pytest.fixture
def gcs(s3: ObjectServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The same bucket by Google's XML interface; returns its URI.

    No emulator from PyPI serves: gcp-storage-emulator 2026.7 knows Google's JSON interface, while
    `obstore` lists, asks for marks and uploads in parts by the XML one, which it answers by 501.
    """
    with fault_proxy(s3.url, every=0, dialect=as_google) as proxy:
        monkeypatch.setenv("GOOGLE_BASE_URL", proxy.url)
        for name, value in GOOGLE_CREDENTIALS.items():
            monkeypatch.setenv(name, value)
        yield f"gs://{BUCKET}"
