from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from pipeline.service.server import LocalService
from pipeline.service.settings import ServiceSettings


@pytest.fixture
def start() -> Iterator[Callable[..., LocalService]]:
    """Starts services with the settings that it is called with, and stops them."""
    with ExitStack() as stack:

        def start_one(**settings: object) -> LocalService:
            return stack.enter_context(LocalService(ServiceSettings(**settings)))  # type: ignore[arg-type]

        yield start_one
