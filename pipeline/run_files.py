"""What the files under ``runs/`` say, read one after the other."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.finished import continues_the_last, ended_among, is_run_file
from pipeline.standing_facts import Damage
from pipeline.standing_runs import RunFacts
from transforms.folders import OutputError, dataset_folder


@dataclass(frozen=True, slots=True)
class Runs:
    """The runs of a dataset: their records, oldest first, and those that have ended.

    Attributes:
        continues: whether the next run continues the last one.
        damaged: files that are no records; with any of them nothing has ended for sure.
    """

    records: tuple[RunFacts, ...]
    ended: frozenset[str]
    continues: bool
    damaged: tuple[Damage, ...]


def read_runs(output: str) -> Runs:
    """What ``runs/`` says; a damaged record is named, and what its run wrote proves nothing.

    Raises:
        OutputError: the folder cannot be read.
    """
    told = []
    records = []
    damaged = []
    for name in _names(output):
        try:
            record = _read(output, name)
            if record is not None:
                records.append(RunFacts.of_record(record))
                told.append(record)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            if is_run_file(name):
                problem = f"no record of a run: {type(error).__name__}: {error}"
                damaged.append(Damage(f"runs/{name}", problem))
    if damaged:
        # The next run stops at it, so nobody vouches for anything.
        return Runs(tuple(records), frozenset(), True, tuple(damaged))
    return Runs(tuple(records), frozenset(ended_among(told)), continues_the_last(told), ())


def read_run(output: str, run_id: str) -> Mapping[str, Any]:
    """All that the record of one run says, which `read_runs` has read.

    Raises:
        OutputError: it is gone, or damaged.
    """
    try:
        record = _read(output, f"{run_id}.json")
    except ValueError as error:
        raise OutputError(f"runs/{run_id}.json: cannot be read any more ({error}).") from error
    return record or {}


def _names(output: str) -> list[str]:
    return [name for name in dataset_folder(output, "runs").names() if name.endswith(".json")]


def _read(output: str, name: str) -> Mapping[str, Any] | None:
    """The JSON of a file; None if it is not the record of the run that it is named after."""
    with dataset_folder(output, "runs").open(name) as file:
        record = json.load(file)
    is_own = isinstance(record, dict) and f"{record.get('run_id')}.json" == name
    return record if is_own else None
