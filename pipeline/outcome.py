"""What the exit codes mean; people script against them."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of ``run``.

    Attributes:
        DONE: all was transcribed.
        UNFORESEEN: anything that nobody thought of.
        USAGE: wrong usage or configuration; nothing was started.
        SOME_FAILED: finished; what failed stands in ``failures``.
        STOPPED: stopped before the end: account, credentials, budget, signal, outage or
            full disk. What was paid for is kept, the same command continues.
    """

    DONE = 0
    UNFORESEEN = 1
    USAGE = 2
    SOME_FAILED = 3
    STOPPED = 4


def exit_code_of(error: BaseException) -> ExitCode:
    """The exit code that an error leads to."""
    from transforms.errors import BeamscribeError, UsageError  # which imports more than --help needs

    if isinstance(error, UsageError):
        return ExitCode.USAGE
    return ExitCode.STOPPED if isinstance(error, BeamscribeError) else ExitCode.UNFORESEEN
