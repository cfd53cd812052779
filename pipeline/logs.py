"""What the libraries say at start-up and nobody needs to read."""

from __future__ import annotations

import logging

_NOISE = ("apitools not found",)


def quiet() -> None:
    """Log warnings and worse to standard error, without the known noise of imports."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    for handler in logging.getLogger().handlers:
        handler.addFilter(lambda record: not record.getMessage().startswith(_NOISE))
