"""What a disk or store that cannot be written or read is told as: what happened, and what to do."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from apache_beam.io.filesystem import BeamIOError

from transforms.errors import BeamscribeError, UsageError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
FORBIDDEN = frozenset({errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST})
"""Errors that say that this user may not write there."""


class OutputError(BeamscribeError):
    """The dataset cannot be written or read: the run has to stop (exit code 4)."""


@contextmanager
def output_errors(verb: str, target: Path | str) -> Iterator[None]:
    """Turns what a disk or store complains of into an `OutputError` that says what to do."""
    try:
        yield
    except (OSError, BeamIOError) as error:
        raise output_error(verb, target, error) from error


def output_error(verb: str, target: Path | str, error: OSError) -> OutputError:
    """What could not be done to what, why, and what to do."""
    if error.errno in _FULL:
        advice = "The disk or the quota on it is full: free some space"
    elif error.errno in FORBIDDEN:
        advice = "The folder may not be written to (any more): mend its rights or its mount"
    else:
        advice = "The storage seems to fail: see whether it can be reached"
    reason = str(error.strerror or error).removeprefix(f"{target}: ")  # stores name it too
    return OutputError(
        f"{target}: cannot {verb} it ({reason}). {advice}, then run the same command again; "
        f"what was written before is kept."
    )


def not_writable(target: str, reason: str | None) -> UsageError:
    """An output that this user cannot write to, found before anything was started."""
    return UsageError(
        f"{target}: the output folder cannot be written to ({reason}). Choose another --output, or give this "
        f"user the right to write there."
    )
