"""What stands in a dataset, from the rows of its tables: in memory are some thousands of them at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np

from pipeline.failure_examples import ExamplePicker
from pipeline.spool import Spool, groups
from pipeline.standing import Standing, count_segments, fold
from pipeline.standing_columns import (
    FailureColumns,
    Flags,
    RunFlags,
    SegmentColumns,
    TranscriptColumns,
)
from pipeline.standing_rows import (
    TableReader,
    failure_columns,
    pick_examples,
    segment_columns,
    transcript_columns,
)
from pipeline.temporary_database import temporary_file
from transforms.schemas import Table


@dataclass(frozen=True, slots=True)
class Found:
    """What stands in a dataset.

    Attributes:
        answered: segments.
        begun_ms: length of those of runs that have not ended.
        examples: of the failures that count.
    """

    standing: Standing
    answered: int
    begun_ms: int
    examples: ExamplePicker


@dataclass(frozen=True, slots=True)
class _Spools:
    """The rows of a dataset; no ``segments`` where all of its runs have ended."""

    transcripts: Spool[TranscriptColumns]
    failures: Spool[FailureColumns]
    segments: Spool[SegmentColumns]


def find_standing(
    tables: Mapping[Table, TableReader], place_of: Callable[[str], int], runs: RunFlags
) -> Found:
    """Read what stands in a dataset.

    Args:
        tables: its tables; what is damaged is noted in them.
        place_of: the place of a run in ``runs``.
        runs: all that wrote a part.

    Raises:
        PartVanishedError: a part is no longer there.
        OutputError: the store or the temporary folder fails.
    """
    codes: dict[str, int] = {}
    segments = tables[Table.SEGMENTS]

    def open_place_of(run_id: str) -> int | None:
        place = place_of(run_id)
        return None if runs.ended[place] else place

    all_ended = all(open_place_of(part.run_id) is None for part in segments.parts)
    with ExitStack() as files:
        spools = _Spools(
            Spool(TranscriptColumns, files.enter_context(temporary_file())),
            Spool(FailureColumns, files.enter_context(temporary_file())),
            Spool(SegmentColumns, files.enter_context(temporary_file())),
        )
        for rows in transcript_columns(tables[Table.TRANSCRIPTS], place_of):
            spools.transcripts.add(rows)
        for failed in failure_columns(tables[Table.FAILURES], place_of, codes):
            spools.failures.add(failed)
        for heard in () if all_ended else segment_columns(segments, open_place_of):
            spools.segments.add(heard)
        standing, answered, begun_ms, current = _folded(spools, runs, tuple(codes))
    if all_ended:
        answered = sum(map(segments.rows, segments.parts))
    return Found(standing, answered, begun_ms, pick_examples(tables[Table.FAILURES], current))


def _folded(spools: _Spools, runs: RunFlags, codes: tuple[str, ...]) -> tuple[Standing, int, int, Flags]:
    """What stands, segments answered, length of those begun, and which failures count, in their order."""
    sizes = [each.rows_by_range() for each in (spools.transcripts, spools.failures, spools.segments)]
    current = np.zeros(int(sizes[1].sum()), dtype=np.bool_)
    answered = begun_ms = 0
    standing: Standing | None = None
    for first, end in groups(*sizes):
        failures = spools.failures.of_ranges(first, end)
        counted = count_segments(spools.segments.of_ranges(first, end))
        transcripts = spools.transcripts.of_ranges(first, end)
        part, latest = fold(transcripts, failures, counted.begun, runs, codes)
        current[failures.number[latest]] = True
        standing = part if standing is None else standing + part
        answered += counted.answered
        begun_ms += counted.begun_ms
    assert standing is not None, "there is a group, of all ranges if there are no rows"
    return standing, answered, begun_ms, current
