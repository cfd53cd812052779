from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _credentials(local_credentials: None) -> None:
    """Every run here is one with the local service's public keys, unless it changes them."""
