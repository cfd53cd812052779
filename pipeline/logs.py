"""What the libraries say at start-up and nobody needs to read."""

from __future__ import annotations

import logging

_NOISE = ("apitools not found",)


def quiet() -> None:
    """Log warnings and worse to standard error, without the known noise of imports.

    Call it before Beam is imported.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger().addFilter(lambda record: not record.getMessage().startswith(_NOISE))
