"""``python -m pipeline status OUTPUT``: what a finished, running or killed run has done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from rich.console import Console

from pipeline.at_work import at_work, budget_spent
from pipeline.config_load import load_prices
from pipeline.dataset_check import check_dataset
from pipeline.failure_examples import ExamplePicker
from pipeline.run_files import Runs, read_runs
from pipeline.standing import Standing
from pipeline.standing_columns import RunFlags
from pipeline.standing_facts import (
    AtWork,
    Damage,
    DatasetStatus,
    FailureCounts,
    NextRun,
    Segments,
    Sound,
    Working,
)
from pipeline.standing_found import Found, find_standing
from pipeline.standing_rows import PartVanishedError, TableReader
from pipeline.standing_runs import RowsOfRun, last_run, spending
from pipeline.status_text import show_status
from transforms.addresses import display_name
from transforms.folders import OutputError, dataset_folder
from transforms.parts import newest_parts
from transforms.schemas import Table

_LOOKS = 5
"""A run that ends replaces its parts once; more looks than that mean that something else is wrong."""


@dataclass(frozen=True, slots=True)
class StatusArguments:
    """What the command line asks for: the dataset, and whether to print JSON."""

    output: str
    as_json: bool = False


def status(arguments: StatusArguments, console: Console) -> DatasetStatus:
    """Print how a dataset stands.

    Raises:
        UsageError: there is no dataset, or one of another schema version.
        OutputError: its storage fails.
    """
    found = read_status(arguments.output)
    if arguments.as_json:
        console.file.write(found.as_json())
    else:
        show_status(console, found)
    return found


def read_status(output: str) -> DatasetStatus:
    """How a dataset stands; it is only read, and its lock left alone.

    Raises:
        UsageError: there is no dataset, or one of another schema version.
        OutputError: its storage fails.
    """
    version = check_dataset(output)
    for _ in range(_LOOKS):
        try:
            return _look(output, version)
        except PartVanishedError:
            continue
    raise OutputError(f"{display_name(output)}: its parts vanish while they are read. Is it being deleted?")


def _look(output: str, schema_version: str) -> DatasetStatus:
    runs = read_runs(output)
    tables = {table: _reader(output, table) for table in Table}
    transcripts, failures, segments = (
        tables[each] for each in (Table.TRANSCRIPTS, Table.FAILURES, Table.SEGMENTS)
    )
    names = sorted({part.run_id for table in tables.values() for part in table.parts})
    places = {run_id: place for place, run_id in enumerate(names)}
    rows = find_standing(tables, places.__getitem__, _flags(runs, names))
    standing = rows.standing
    damaged = (*runs.damaged, *(each for table in tables.values() for each in table.damaged.values()))
    state = runs.records[-1].state if runs.records else None
    working = at_work(output, state, runs.ended)

    def rows_of(run_id: str) -> RowsOfRun:
        return RowsOfRun(*(table.rows_of(run_id) for table in (transcripts, segments, failures)))

    return DatasetStatus(
        output=display_name(output),
        schema_version=schema_version,
        at_work=working,
        last_run=last_run(runs.records, working, rows_of),
        recordings=standing.recordings,
        channels=standing.channels,
        segments=Segments(rows.answered, standing.failed_segments, standing.never_called),
        sound=_sound(rows),
        failures=_failures(standing, rows.examples),
        spending=spending(runs.records, budget_spent(output, state), load_prices()),
        next_run=_next_run(standing, runs, working, damaged),
        damaged=damaged,
    )


def _reader(output: str, table: Table) -> TableReader:
    folder = dataset_folder(output, table.value)
    return TableReader(folder, table.value, newest_parts(folder.names()))


def _flags(runs: Runs, names: Sequence[str]) -> RunFlags:
    lacking = {record.run_id for record in runs.records if record.may_lack_channels}
    return RunFlags(
        ended=np.array([run_id in runs.ended for run_id in names], dtype=np.bool_),
        may_lack_channels=np.array([run_id in lacking for run_id in names], dtype=np.bool_),
    )


def _sound(rows: Found) -> Sound:
    lengths = rows.standing.lengths
    in_ms = (lengths.audio_ms, lengths.channel_ms, lengths.speech_ms, rows.begun_ms)
    return Sound(*(each / 1000 for each in in_ms))


def _failures(standing: Standing, examples: ExamplePicker) -> FailureCounts:
    by_code = [replace(each, examples=examples.best(each.code)) for each in standing.by_code if each.failures]
    return FailureCounts(
        failures=standing.failures,
        recordings=standing.failed_recordings,
        passing=standing.passing,
        for_good=standing.failures - standing.passing,
        by_code=tuple(sorted(by_code, key=lambda each: (-each.failures, each.code))),
    )


def _next_run(standing: Standing, runs: Runs, working: AtWork, damaged: Sequence[Damage]) -> NextRun:
    reading = standing.reading
    left = reading.continued + reading.tried_again + reading.without_mark + reading.looked_at_again
    counts = runs.records[-1].counts if runs.records else None
    not_started = 0 if counts is None else counts.files_not_started
    replacing = any(record.is_replacing for record in runs.records)
    # Parts of segments are looked into only where rows of them are replaced.
    in_the_way = [each for each in damaged if not each.file.startswith(Table.SEGMENTS.value)]
    return NextRun(
        possible=working.working is not Working.YES and not in_the_way,
        continues=runs.continues,
        finishes_replacing=replacing,
        nothing_to_do=not (left or not_started or runs.continues or replacing or damaged),
        failures_tried_again=standing.passing,
        failures_tried_again_with_all=standing.failures,
        recordings=reading,
    )
