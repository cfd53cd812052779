"""Folds the rows of a dataset, also of one that a run is writing to, into what stands there. Pure.

What the next run does follows `pipeline.finished`, which decides it; the tests hold
the two together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.standing_columns import (
    NONE,
    STATUSES,
    BegunColumns,
    FailureColumns,
    Flags,
    Hashes,
    RunFlags,
    TranscriptColumns,
    highest,
    newest,
    paired,
    pick,
    total,
)
from pipeline.standing_facts import Channels, CodeCount, Reading, Recordings, Sound
from transforms.records import Status


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands in a dataset.

    Attributes:
        current_failures: which rows of ``failures`` tell of a latest attempt.
        by_code: without examples, in the order of the list of codes.
    """

    recordings: Recordings
    channels: Channels
    sound: Sound
    reading: Reading
    failed_segments: int
    never_called: int
    failures: int
    failed_recordings: int
    passing: int
    by_code: tuple[CodeCount, ...]
    current_failures: Flags


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
) -> Standing:
    """What stands in a dataset of these rows, of which the newest of a key counts."""
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
    return Standing(
        recordings=_recordings(shown, failed, addresses),
        channels=Channels(len(shown.status), *(_count(shown.status == at) for at in _PLACES)),
        sound=_sound(shown),
        reading=_reading(shown, failed, addresses, finished, never_called > 0, begun, runs),
        failed_segments=_count(failed.segment != NONE),
        never_called=int(never_called.sum()),
        failures=len(failed.code),
        failed_recordings=len(np.unique(failed.recording)),
        passing=_count(failed.retryable),
        by_code=tuple(_of_code(failed, place, code) for place, code in enumerate(codes)),
        current_failures=latest,
    )


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


def _sound(rows: TranscriptColumns) -> Sound:
    addresses = np.unique(rows.recording)
    # The channels of a recording are equally long.
    lengths = np.maximum(highest(rows.recording, rows.duration_ms, addresses), 0)
    return Sound(
        audio_seconds=int(lengths.sum()) / 1000,
        channel_seconds=int(rows.duration_ms.sum()) / 1000,
        speech_seconds=int(rows.speech_ms.sum()) / 1000,
    )


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
