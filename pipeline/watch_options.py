"""What of a run is shown where: on a terminal, in lines, in a log of events."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from rich.console import Console

from pipeline.event_log import EventLog
from pipeline.outcome import exit_code_of
from pipeline.progress_lines import ProgressLines
from pipeline.progress_live import shown
from pipeline.run_record import utc_now
from pipeline.watcher import Watcher, Watchers
from transforms.addresses import display_name
from transforms.errors import UsageError

STANDARD_ERROR = "-"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """What the command line asks for.

    Attributes:
        json_log: a file that events are appended to, ``-`` for standard error, which
            then shows nothing else; None for none.
        quiet: show no progress.
    """

    json_log: str | None = None
    quiet: bool = False


@contextmanager
def watchers(options: WatchOptions) -> Iterator[Watcher]:
    """Those who watch a run that goes on inside; an error that ends it is told and passed on.

    Raises:
        UsageError: the file of events cannot be written.
    """
    with ExitStack() as stack:
        log = _event_log(options.json_log, stack)
        chosen: list[Watcher] = [] if log is None else [log]
        if not options.quiet and options.json_log != STANDARD_ERROR:
            chosen.append(_display(stack))
        try:
            yield Watchers(chosen)
        except BaseException as error:
            if log is not None:
                with suppress(OSError, ValueError):  # the error itself says more
                    log.broke(exit_code_of(error), f"{type(error).__name__}: {error}")
            raise


def _event_log(path: str | None, stack: ExitStack) -> EventLog | None:
    if path is None:
        return None
    if path == STANDARD_ERROR:
        return EventLog(sys.stderr, utc_now)
    try:
        file = Path(path).open("a", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115 - below
    except (OSError, ValueError) as error:
        raise UsageError(
            f"--json-log {display_name(path)} cannot be written: {error}. Name a file in a folder that "
            "exists, or - for standard error."
        ) from error
    stack.callback(_close, file)
    return EventLog(file, utc_now)


def _close(file: TextIO) -> None:
    """Close a log; on a full disk its last events are lost, and the run ends as it ended."""
    try:
        file.close()
    except OSError as error:
        _log.warning("--json-log %s lacks events: %s", display_name(file.name), error)


def _display(stack: ExitStack) -> Watcher:
    console = Console(stderr=True)
    if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        return stack.enter_context(shown(console))
    return ProgressLines(sys.stderr, utc_now)
