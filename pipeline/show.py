"""Shows a person what a run has written: tables on a terminal, plain text elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from pipeline.failure_text import show_indented, show_places
from pipeline.page_text import many
from pipeline.plain import name_of, plain, shown_message
from pipeline.run_record import RunRecord
from transforms.addresses import display_name
from transforms.folders import dataset_folder
from transforms.parts import Part, reading
from transforms.schemas import Table

MOST_ROWS = 20
"""Rows of a table that are shown; the dataset has them all."""

_MOST_COLUMNS = 26  # of a terminal, for everything but the text


def show_run(console: Console, output: str, record: RunRecord) -> None:
    """Print what a run wrote and counted, and how it ended."""
    transcripts = _rows(output, Table.TRANSCRIPTS, record.run_id)
    failures = _rows(output, Table.FAILURES, record.run_id)
    _show_rows(
        console, "Transcripts", ("recording", "ch", "sec", "status", "text"), map(_transcript, transcripts)
    )
    _show_failures(console, failures)
    _show_counts(console, record)
    if record.stopped:
        stopped = plain(f"Stopped before the end. {record.stopped}")
        console.print(stopped, style="bold", markup=False, soft_wrap=True)
    console.print(f"The dataset is in {display_name(output)}", markup=False, soft_wrap=True)


def _transcript(row: dict[str, object]) -> tuple[str, ...]:
    return (
        _name(row),
        str(row["channel"]),
        _seconds(row["duration_ms"]),
        str(row["status"]),
        str(row["text"]),
    )


def _failure(row: dict[str, object]) -> tuple[str, str]:
    """Where it failed and with which code, and what happened."""
    uri, segment = str(row["audio_uri"]), row["segment_index"]
    part = "" if segment is None else f", segment {segment}"
    place = f"{_name(row)}{part} ({row['stage']}): {row['code']}"
    return place, shown_message(str(row["message"]), uri)


def _show_rows(console: Console, title: str, heads: Sequence[str], rows: Iterator[tuple[str, ...]]) -> None:
    shown = sorted(islice(rows, MOST_ROWS))
    if not shown:
        return
    grid = Grid(title=title, title_justify="left", expand=True)
    for head in heads[:-1]:
        grid.add_column(head, overflow="fold", max_width=_MOST_COLUMNS)
    grid.add_column(heads[-1], overflow="fold", ratio=1)
    for row in shown:
        grid.add_row(*(Text(plain(cell)) for cell in row))
    console.print(grid)
    _say_if_more(console, rows)


def _show_failures(console: Console, rows: Iterator[dict[str, object]]) -> None:
    shown = sorted(map(_failure, islice(rows, MOST_ROWS)))
    if shown:
        show_indented(console, "Failures", 0, style="italic")
        show_places(console, shown)
    _say_if_more(console, rows)


def _say_if_more(console: Console, rows: Iterator[object]) -> None:
    if next(rows, None) is not None:
        console.print(f"(only {MOST_ROWS} are shown; the dataset has them all)")


def _show_counts(console: Console, record: RunRecord) -> None:
    counts = record.counts
    if counts is None:
        return
    lines = [
        f"{many(counts.files, 'recording')}, {counts.failed_files} failed"
        + (f", {counts.skipped_files} transcribed before" if counts.skipped_files else "")
        + (f", {counts.files_still_failing} failed before" if counts.files_still_failing else "")
        + (f", {counts.files_not_started} not started" if counts.files_not_started else "")
        + (f"; {many(counts.other_files, 'other file')} left out" if counts.other_files else ""),
        f"{many(counts.segments, 'segment')} transcribed, {counts.failed_segments} failed"
        + (f", {counts.unanswered_segments} not called" if counts.unanswered_segments else "")
        + (f", {counts.reused_answers} of them paid for before" if counts.reused_answers else "")
        + f"; {counts.audio_seconds:,.1f} s of audio",
        f"{many(counts.calls, 'call')}, {counts.billed_calls} billed: {record.cost} {record.currency}",
    ]
    if counts.retries:
        lines.append(
            "retries: " + ", ".join(f"{code} {times}" for code, times in sorted(counts.retries.items()))
        )
    console.print("\n".join(lines), markup=False, highlight=False)


def _rows(output: str, table: Table, run_id: str) -> Iterator[dict[str, object]]:
    """The rows that a run wrote, part by part."""
    folder = dataset_folder(output, table.value)
    for name in folder.names():
        part = Part.of_name(name)
        if part is None or part.run_id != run_id:
            continue
        with reading(folder, part) as file:
            for batch in file.iter_batches(batch_size=MOST_ROWS):
                yield from batch.to_pylist()


def _name(row: dict[str, object]) -> str:
    return name_of(str(row["audio_uri"]))


def _seconds(milliseconds: object) -> str:
    assert isinstance(milliseconds, int), "durations are whole milliseconds"
    return f"{milliseconds / 1000:.1f}"
