"""Merges the logs of ended writers, so that there are few, without writing gigabytes each night.

Logs are merged from the oldest one that is no larger than all newer ones together. What
remains are logs of which each is larger than all newer ones together, so they are about
log2 of what they hold; and whenever an entry that was merged before is written again,
the log that it lies in has at least doubled. The work over n entries is O(n log n).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import IO

from transforms.answer_entry import label_of
from transforms.answer_index import LogIndex, Run, RunBuilder, file_number_of, merged, offset_of, place_of
from transforms.answer_log import (
    HEADER,
    frames_of,
    index_name,
    load,
    log_names,
    new_name,
    read_payload,
    save_index,
)
from transforms.framing import frame
from transforms.log_files import LogFiles


def compact(files: LogFiles, *, clock_us: Callable[[], int]) -> None:
    """Merge what is worth it. Logs of live writers stay as they are.

    Killed at any moment it loses nothing: the merged log is on the disk before the
    first of the others is removed, and an entry that is there twice counts once.

    Args:
        files: the logs. Nobody else may compact them meanwhile.
        clock_us: microseconds since 1970 UTC, for the name of the merged log.

    Raises:
        OutputError: something could not be read or written.
        UsageError: a later version wrote one of the logs, or the folder cannot be written to.
    """
    logs = [log for log in log_names(files.names()) if not files.is_written(log)]
    if not logs:
        return
    files.prepare()
    indexes = [load(files, log).index for log in logs]
    sizes = [files.size(log) for log in logs]
    damaged = [index.skipped > 0 or index.covered < size for index, size in zip(indexes, sizes, strict=True)]
    first = first_to_merge(sizes, damaged)
    if first < len(logs):
        _replace(files, logs[first:], indexes[first:], clock_us)
    present = files.names()
    with_log = {index_name(name) for name in log_names(present)}
    for name in present:
        if name.endswith(".idx") and name not in with_log:
            files.remove(name)


def first_to_merge(sizes: Sequence[int], damaged: Sequence[bool]) -> int:
    """From which log on all are merged into one; the number of logs if none are.

    Args:
        sizes: of the logs in bytes, the oldest first.
        damaged: which of them hold bytes that are no entry, and are rewritten without.
    """
    newer = sum(sizes)
    for number, (size, is_damaged) in enumerate(zip(sizes, damaged, strict=True)):
        newer -= size
        if is_damaged or size <= newer:
            return number
    return len(sizes)


def _replace(
    files: LogFiles, logs: Sequence[str], indexes: Sequence[LogIndex], clock_us: Callable[[], int]
) -> None:
    run = merged(index.run.in_file(number) for number, index in enumerate(indexes))
    outranked = _outranked(files, logs, run)
    merged_log = new_name(files.names(), clock_us())
    with files.adding(merged_log) as file:
        index = _copy(file, files, logs, outranked)
    save_index(files, merged_log, index)
    for old in logs:
        files.remove(old)
        files.remove(index_name(old))


def _copy(file: IO[bytes], files: LogFiles, logs: Sequence[str], outranked: set[int]) -> LogIndex:
    """Writes all entries but those outranked, and what a later version may understand."""
    builder = RunBuilder()
    end = file.write(HEADER)
    for number, log in enumerate(logs):
        for found in frames_of(files, log):
            label = label_of(found.payload)
            if label is not None:
                if place_of(label, found.offset, number) in outranked:
                    continue
                builder.add(label.key, place_of(label, end))
            end += file.write(frame(found.payload))
    return LogIndex(builder.run(), end)


def _outranked(files: LogFiles, logs: Sequence[str], run: Run) -> set[int]:
    """The places of sound entries for whose key another sound entry takes precedence."""
    outranked = set()
    for group in run.repeated():
        seen: set[bytes] = set()
        for place in map(int, group):
            payload = read_payload(files, logs[file_number_of(place)], offset_of(place))
            label = label_of(payload) if payload is not None else None
            if label is None:
                continue
            if label.key in seen:
                outranked.add(place)
            seen.add(label.key)
    return outranked
