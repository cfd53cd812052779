"""Folds the rows of a dataset, also of one that a run is writing to, into what stands there. Pure.

All that is counted belongs to a recording. So a dataset can be folded some recordings at a
time, and what stands in it is the sum. What the next run does follows `pipeline.finished`,
which decides it; the tests hold the two together.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np

from pipeline.standing_columns import (
    NONE,
    STATUSES,
    BegunColumns,
    FailureColumns,
    Flags,
    Hashes,
    RunFlags,
    SegmentColumns,
    TranscriptColumns,
    highest,
    newest,
    paired,
    pick,
    total,
)
from pipeline.standing_facts import Channels, CodeCount, Reading, Recordings
from transforms.records import Status


@dataclass(frozen=True, slots=True)
class Lengths:
    """Of recordings and channels that have transcripts; see `pipeline.standing_facts.Sound`."""

    audio_ms: int
    channel_ms: int
    speech_ms: int


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands in a dataset, or in some recordings of it.

    Attributes:
        by_code: without examples, in the order of the list of codes.
    """

    recordings: Recordings
    channels: Channels
    lengths: Lengths
    reading: Reading
    failed_segments: int
    never_called: int
    failures: int
    failed_recordings: int
    passing: int
    by_code: tuple[CodeCount, ...]

    def __add__(self, other: Standing) -> Standing:
        """Of other recordings as well, by the same list of codes."""
        return Standing(
            _added(self.recordings, other.recordings),
            _added(self.channels, other.channels),
            _added(self.lengths, other.lengths),
            _added(self.reading, other.reading),
            self.failed_segments + other.failed_segments,
            self.never_called + other.never_called,
            self.failures + other.failures,
            self.failed_recordings + other.failed_recordings,
            self.passing + other.passing,
            tuple(map(_added_code, self.by_code, other.by_code)),
        )


_Counts = TypeVar("_Counts", Recordings, Channels, Lengths, Reading)


def _added(one: _Counts, other: _Counts) -> _Counts:
    return type(one)(*(getattr(one, each.name) + getattr(other, each.name) for each in fields(one)))


def _added_code(one: CodeCount, other: CodeCount) -> CodeCount:
    return CodeCount(
        one.code,
        one.failures + other.failures,
        one.recordings + other.recordings,
        one.segments + other.segments,
        one.passing + other.passing,
    )


@dataclass(frozen=True, slots=True)
class SegmentCount:
    """Segments that are answered.

    Attributes:
        answered: each key once.
        begun: recordings of which runs that have not ended have some.
        begun_ms: length of these.
    """

    answered: int
    begun: BegunColumns
    begun_ms: int


def count_segments(segments: SegmentColumns) -> SegmentCount:
    """How many segments are answered: runs that ended have left one row for each, others may have more."""
    in_open = segments.run != NONE
    opened = pick(segments, in_open)
    keys, first = np.unique(opened.key, return_index=True)
    settled = segments.key[~in_open]
    pairs = np.unique(np.stack([opened.recording, opened.run.view(np.uint64)]), axis=1)
    return SegmentCount(
        answered=len(keys) + _count(~np.isin(settled, keys)),
        begun=BegunColumns(pairs[0], pairs[1].view(np.int64)),
        begun_ms=int(opened.length_ms[first].sum()),
    )


@dataclass(frozen=True, slots=True)
class _Finished:
    """Identities that the next run does not read; recordings of which something has failed."""

    identities: Hashes
    failing: Hashes


def fold(
    transcripts: TranscriptColumns,
    failures: FailureColumns,
    begun: BegunColumns,
    runs: RunFlags,
    codes: tuple[str, ...] = (),
) -> tuple[Standing, Flags]:
    """What stands in a dataset of these rows, of which the newest of a key counts.

    Args:
        transcripts: all rows of some recordings.
        failures: all rows of the same recordings; likewise the next one.
        begun: of runs that have not ended.
        runs: of the dataset.
        codes: those that ``failures`` number.

    Returns:
        What stands there, and which rows of ``failures`` tell of a latest attempt.
    """
    current = newest(transcripts.run, transcripts.recording, transcripts.channel)
    latest = newest(failures.run, failures.recording, failures.channel, failures.segment)
    latest &= ~_overtaken(transcripts, failures, begun, runs)
    shown = pick(transcripts, current)
    failed = pick(failures, latest)
    addresses = np.unique(np.concatenate([shown.recording, failed.recording, begun.recording]))
    missing = total(shown.recording, shown.failed_segments, addresses)
    in_segments = total(failed.recording, failed.segment != NONE, addresses)
    has_transcript = total(shown.recording, None, addresses) > 0
    never_called = np.where(has_transcript, np.maximum(missing - in_segments, 0), 0)
    finished = _finished(transcripts, failures, runs)
    standing = Standing(
        recordings=_recordings(shown, failed, addresses),
        channels=Channels(len(shown.status), *(_count(shown.status == at) for at in _PLACES)),
        lengths=_lengths(shown),
        reading=_reading(shown, failed, addresses, finished, never_called > 0, begun, runs),
        failed_segments=_count(failed.segment != NONE),
        never_called=int(never_called.sum()),
        failures=len(failed.code),
        failed_recordings=len(np.unique(failed.recording)),
        passing=_count(failed.retryable),
        by_code=tuple(_of_code(failed, place, code) for place, code in enumerate(codes)),
    )
    return standing, latest


_PLACES = tuple(STATUSES.index(status) for status in (Status.COMPLETE, Status.PARTIAL, Status.EMPTY))


def _overtaken(
    transcripts: TranscriptColumns, failures: FailureColumns, begun: BegunColumns, runs: RunFlags
) -> Flags:
    """Which failures a later run has met again that has not yet removed them."""
    open_transcripts, open_failures = ~runs.ended[transcripts.run], ~runs.ended[failures.run]
    recording = (transcripts.recording[open_transcripts], failures.recording[open_failures], begun.recording)
    run = (transcripts.run[open_transcripts], failures.run[open_failures], begun.run)
    return highest(np.concatenate(recording), np.concatenate(run), failures.recording) > failures.run


def _finished(transcripts: TranscriptColumns, failures: FailureColumns, runs: RunFlags) -> _Finished:
    """What the next run finds finished: see `pipeline.finished.finished_recordings`."""
    rows = pick(transcripts, runs.ended[transcripts.run])
    failed = pick(failures, runs.ended[failures.run])
    of_row, of_failure = paired(rows.recording, rows.run), paired(failed.recording, failed.run)
    for_good = ~failed.retryable & (failed.segment != NONE)
    partial = rows.status == STATUSES.index(Status.PARTIAL)
    missing = total(of_row, np.where(partial, rows.failed_segments, 0), of_row)
    proven = ~runs.may_lack_channels[rows.run]
    done = (
        proven
        & rows.known
        & (total(of_failure, failed.retryable, of_row) == 0)
        & (missing == total(of_failure, for_good, of_row))
        & (total(of_failure, None, of_row) == total(failed.recording, None, rows.recording))
    )
    whole = (
        (failed.segment == NONE)
        & failed.stays
        & failed.known
        & (total(of_failure, failed.retryable, of_failure) == 0)
        & (total(rows.recording[proven], None, failed.recording) == 0)
    )
    return _Finished(np.concatenate([rows.identity[done], failed.identity[whole]]), failed.recording)


def _recordings(rows: TranscriptColumns, failed: FailureColumns, addresses: Hashes) -> Recordings:
    complete, partial, empty = (
        total(rows.recording, rows.status == place, addresses) > 0 for place in _PLACES
    )
    transcribed = complete | partial | empty
    whole = failed.segment == NONE
    last_failed = highest(failed.recording[whole], failed.run[whole], addresses)
    since = transcribed & (last_failed > highest(rows.recording, rows.run, addresses))
    partial |= transcribed & (last_failed != NONE) & ~since
    return Recordings(
        known=len(addresses),
        complete=_count(complete & ~partial),
        partial=_count(partial),
        empty=_count(empty & ~complete & ~partial),
        failed=_count(~transcribed & (last_failed != NONE)),
        unfinished=_count(~transcribed & (last_failed == NONE)),
        failed_since=_count(since),
    )


def _reading(
    rows: TranscriptColumns,
    failed: FailureColumns,
    addresses: Hashes,
    finished: _Finished,
    left: Flags,
    begun: BegunColumns,
    runs: RunFlags,
) -> Reading:
    def any_of(keys: Hashes, values: Flags) -> Flags:
        return total(keys, values, addresses) > 0

    has_transcript = total(rows.recording, None, addresses) > 0
    # A failure without a mark of its own goes with the transcripts, if there are any.
    whole = (failed.segment == NONE) & (failed.known | (total(rows.recording, None, failed.recording) == 0))
    news = ~(rows.known & np.isin(rows.identity, finished.identities))
    whole_news = whole & ~(failed.known & np.isin(failed.identity, finished.identities))
    read = any_of(rows.recording, news) | any_of(failed.recording, whole_news)
    read |= ~has_transcript & ~any_of(failed.recording, whole)
    open_runs = ~runs.ended | runs.may_lack_channels
    unfinished = left | any_of(rows.recording, open_runs[rows.run])
    unfinished |= any_of(failed.recording, ~runs.ended[failed.run])
    unfinished |= np.isin(addresses, begun.recording)
    passing = any_of(failed.recording, failed.retryable)
    unmarked = any_of(rows.recording, ~rows.known)
    failing = np.isin(addresses, finished.failing)
    return Reading(
        skipped=_count(~read & ~failing),
        still_failing=_count(~read & failing),
        continued=_count(read & unfinished),
        tried_again=_count(read & ~unfinished & passing),
        without_mark=_count(read & ~unfinished & ~passing & unmarked),
        looked_at_again=_count(read & ~unfinished & ~passing & ~unmarked),
    )


def _lengths(rows: TranscriptColumns) -> Lengths:
    addresses = np.unique(rows.recording)
    # The channels of a recording are equally long.
    lengths = np.maximum(highest(rows.recording, rows.duration_ms, addresses), 0)
    return Lengths(int(lengths.sum()), int(rows.duration_ms.sum()), int(rows.speech_ms.sum()))


def _of_code(failed: FailureColumns, place: int, code: str) -> CodeCount:
    of_code = failed.code == place
    return CodeCount(
        code=code,
        failures=_count(of_code),
        recordings=len(np.unique(failed.recording[of_code])),
        segments=_count(of_code & (failed.segment != NONE)),
        passing=_count(of_code & failed.retryable),
    )


def _count(flags: Flags) -> int:
    return int(np.count_nonzero(flags))
