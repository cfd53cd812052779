"""What the tests of the whole share: the fixtures of the plugin under short names, and the recordings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # pytest is to load it first, so that it rewrites its assertions
    from pytest_beamscribe import StartService

pytest_plugins = ["pytest_beamscribe", "pytester"]

HERE = Path(__file__).resolve().parent
SHIPPED = HERE / "recordings"
SHARED = HERE.parents[1] / "shared" / "audio"


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
