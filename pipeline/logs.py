"""What the libraries say at start-up and nobody needs to read."""

from __future__ import annotations

import logging

_NOISE = ("apitools not found", "No semi_persistent_directory found")


def quiet() -> None:
    """Log warnings and worse to standard error, without the known noise of imports.

    Call it before Beam is imported.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    for where in (logging.getLogger(), *logging.getLogger().handlers):  # which see those of other loggers
        where.addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    message = record.getMessage()
    return not any(each in message for each in _NOISE)
