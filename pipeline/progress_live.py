"""A live display of a run on a terminal, on standard error; tables at the end go elsewhere."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table as Grid
from rich.text import Text

from pipeline import progress_text
from pipeline.config import Config
from pipeline.outcome import ExitCode
from pipeline.plain import plain
from pipeline.progress import Progress
from pipeline.run_record import RunRecord
from transforms.addresses import display_name
from transforms.meter_files import FailureNote
from transforms.stopping import StopReason

_LABEL_WIDTH = 10
_BAR_WIDTH = 32
_WIDE = 72
"""Columns below which there is no room for bars."""


class LiveDisplay:
    """Shows how far a run is, in place; use it inside `shown`."""

    wants_failures = False

    def __init__(self, live: Live) -> None:
        self._live = live
        self._output = ""
        self._reason: StopReason | None = None
        self._latest: Progress | None = None

    def started(self, record: RunRecord, output: str, config: Config) -> None:
        """See `Watcher`."""
        self._output = display_name(output)

    def failed(self, note: FailureNote) -> None:
        """See `Watcher`; the display counts them by code."""

    def stopping(self, reason: StopReason) -> None:
        """See `Watcher`."""
        self._reason = reason

    def progress(self, progress: Progress) -> None:
        """See `Watcher`."""
        if not progress.processes:
            return  # they are being started, and may have things to say where the display will be
        self._latest = progress
        self._show("Stopping" if self._reason else "Transcribing")

    def ended(self, record: RunRecord) -> None:
        """See `Watcher`; the last state stays on the terminal."""
        good = record.exit_code in (ExitCode.DONE, ExitCode.SOME_FAILED)
        self._show("Transcribed" if good else "Stopped", over=True)

    def _show(self, title: str, *, over: bool = False) -> None:
        if self._latest is not None:
            width = self._live.console.width
            frame = frame_of(self._latest, title, self._output, width, reason=self._reason, over=over)
            self._live.update(frame, refresh=True)


@contextmanager
def shown(console: Console) -> Iterator[LiveDisplay]:
    """A display on a terminal; what is logged meanwhile goes above it."""
    live = Live(console=console, auto_refresh=False, redirect_stdout=False)
    try:
        live.start()
    except OSError:  # the terminal has gone; the run needs none
        yield LiveDisplay(live)
        return
    handlers = [each for each in logging.getLogger().handlers if isinstance(each, logging.StreamHandler)]
    before = [(handler, handler.setStream(sys.stderr)) for handler in handlers]
    try:
        yield LiveDisplay(live)
    finally:
        for handler, stream in before:
            if stream is not None:
                handler.setStream(stream)
        with suppress(OSError):
            live.stop()


def frame_of(
    progress: Progress,
    title: str,
    output: str,
    width: int,
    *,
    reason: StopReason | None = None,
    over: bool = False,
) -> RenderableType:
    """One picture of the display.

    Args:
        progress: what it shows.
        title: what is going on.
        output: the dataset.
        width: of the terminal, in columns.
        reason: why the run stops.
        over: whether nothing more will come.
    """
    head = Text(no_wrap=True, overflow="ellipsis")
    head.append(title, style="bold")
    head.append(f"  {progress_text.clock_time(progress.seconds)}  ", style="cyan")
    head.append(plain(output), style="dim")
    parts: list[RenderableType] = [head, _bars(progress, width), _facts(progress, over=over)]
    if reason is not None:
        parts.append(Text(plain(f"{reason.code}: {reason.message}"), style="yellow"))
    elif not over:
        parts.append(_rows([("Time left", progress_text.left_of(progress))]))
    return Group(*parts)


def _bars(progress: Progress, width: int) -> Grid:
    counts = progress.counts
    grid = Grid.grid(padding=(0, 2))
    grid.add_column(width=_LABEL_WIDTH, style="dim")
    if width >= _WIDE:
        grid.add_column(width=_BAR_WIDTH)
    grid.add_column()
    before = progress_text.before_of(progress)
    recordings = progress_text.recordings_of(progress) + (f" ({before})" if before else "")
    segments = progress_text.segments_of(progress)
    for label, bar, text in (
        ("Recordings", _bar(counts.recordings_done, progress.recordings, progress.is_listed), recordings),
        ("Segments", _bar(counts.segments_done, counts.segments_cut, progress.is_cut), segments),
    ):
        grid.add_row(label, *([bar] if width >= _WIDE else []), text)
    return grid


def _bar(done: int, total: int, total_is_known: bool) -> ProgressBar:
    """Red is for failures, and green for what is all done."""
    return ProgressBar(
        total=max(total, 1),
        completed=done,
        width=_BAR_WIDTH,
        complete_style="cyan",
        finished_style="green" if total_is_known else "cyan",
    )


def _facts(progress: Progress, *, over: bool) -> Grid:
    counts = progress.counts
    speed = "" if over else f", {progress_text.calls_of(progress)}"
    rows: list[tuple[str, str | Text]] = [("Calls", f"{counts.calls:,} made{speed}")]
    if counts.retries:
        rows.append(("Retries", progress_text.codes_of(counts.retries)))
    if counts.failures:
        rows.append(("Failed", Text(progress_text.codes_of(counts.failures), style="red")))
    rows.append(("Cost", f"{progress_text.cost_of(progress)} for {counts.billed_calls:,} billed calls"))
    return _rows(rows)


def _rows(rows: Sequence[tuple[str, str | Text]]) -> Grid:
    grid = Grid.grid(padding=(0, 2))
    grid.add_column(width=_LABEL_WIDTH, style="dim")
    grid.add_column(overflow="fold")
    for label, text in rows:
        grid.add_row(label, Text(text) if isinstance(text, str) else text)
    return grid
