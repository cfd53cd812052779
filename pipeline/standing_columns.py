"""Rows of a dataset as columns of numbers, and how they are found and added up. Pure.

An address is a hash of 64 bits, a run its place among the runs in order. So a row takes
some 80 bytes whatever its texts. Two addresses may share a hash, which for a million
recordings happens once in 40 million datasets.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import Field, dataclass, fields
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from transforms.records import Status

Hashes = NDArray[np.uint64]
Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]

NONE = -1
"""In place of a channel or segment that a row does not have."""

STATUSES = tuple(Status)
"""A transcript's status is its place in here."""

_SPREAD = np.uint64(0x9E3779B97F4A7C15)  # odd, so that different runs and channels stay different


@dataclass(frozen=True, slots=True)
class TranscriptColumns:
    """Rows of ``transcripts``: a value for each in every array.

    Attributes:
        recording: hash of the address.
        run: place of the run in `RunFlags`.
        identity: hash of address, mark and settings, as the next run compares them.
        known: whether there is a mark.
    """

    recording: Hashes
    run: Numbers
    identity: Hashes
    known: Flags
    channel: Numbers
    segments: Numbers
    failed_segments: Numbers
    duration_ms: Numbers
    speech_ms: Numbers
    status: Numbers


@dataclass(frozen=True, slots=True)
class FailureColumns:
    """Rows of ``failures``, as `TranscriptColumns`.

    Attributes:
        segment: its index, or `NONE` where the whole recording or channel failed.
        code: place of the code in a list of them.
        stays: whether a failure of the code stays as long as the bytes do.
        number: the row's place in the table.
    """

    recording: Hashes
    run: Numbers
    identity: Hashes
    known: Flags
    channel: Numbers
    segment: Numbers
    code: Numbers
    retryable: Flags
    stays: Flags
    number: Numbers


@dataclass(frozen=True, slots=True)
class SegmentColumns:
    """Rows of ``segments``, as `TranscriptColumns`.

    Attributes:
        run: `NONE` for all runs that have ended.
        key: hash of recording, channel and index.
    """

    recording: Hashes
    run: Numbers
    key: Hashes
    length_ms: Numbers


@dataclass(frozen=True, slots=True)
class BegunColumns:
    """Recordings of which runs that have not ended have segments."""

    recording: Hashes
    run: Numbers


@dataclass(frozen=True, slots=True)
class RunFlags:
    """Of each run, in order of time.

    Attributes:
        ended: its rows are whole, and have replaced the older ones.
        may_lack_channels: it was stopped, and split channels.
    """

    ended: Flags
    may_lack_channels: Flags


_Columns = TypeVar("_Columns", TranscriptColumns, FailureColumns, SegmentColumns, BegunColumns)


def pick(columns: _Columns, rows: Flags) -> _Columns:
    """Some of the rows."""
    return type(columns)(*(getattr(columns, each.name)[rows] for each in fields(columns)))


def joined(kind: type[_Columns], pieces: Iterable[_Columns]) -> _Columns:
    """The rows of all pieces, as one."""
    found = [kind(*(np.zeros(0, dtype_of(each)) for each in fields(kind))), *pieces]
    return kind(*(np.concatenate([getattr(piece, each.name) for piece in found]) for each in fields(kind)))


def dtype_of(column: Field[Any]) -> np.dtype[Any]:
    """The type of a column's values."""
    return np.dtype({"Hashes": np.uint64, "Flags": np.bool_}.get(str(column.type), np.int64))


def paired(hashes: Hashes, numbers: Numbers) -> Hashes:
    """A hash for each pair of a hash and a number."""
    mixed: Hashes = (hashes ^ (hashes >> np.uint64(32))) * _SPREAD + numbers.astype(np.uint64)
    return mixed


def total(keys: Hashes, values: Numbers | Flags | None, wanted: Hashes) -> Numbers:
    """For each of ``wanted`` the sum of the values that have its key; of ones where there are no values."""
    if not len(keys):
        return np.zeros(len(wanted), dtype=np.int64)
    unique, inverse = np.unique(keys, return_inverse=True)
    sums = np.bincount(inverse, weights=values)
    place = np.searchsorted(unique, wanted).clip(max=len(unique) - 1)
    return np.where(unique[place] == wanted, sums[place], 0).astype(np.int64)


def highest(keys: Hashes, values: Numbers, wanted: Hashes) -> Numbers:
    """For each of ``wanted`` the highest value that has its key, or `NONE`."""
    if not len(keys):
        return np.full(len(wanted), NONE, dtype=np.int64)
    unique, inverse = np.unique(keys, return_inverse=True)
    highest = np.full(len(unique), NONE, dtype=np.int64)
    np.maximum.at(highest, inverse, values)
    place = np.searchsorted(unique, wanted).clip(max=len(unique) - 1)
    return np.where(unique[place] == wanted, highest[place], NONE)


def newest(run: Numbers, recording: Hashes, *numbers: Numbers) -> Flags:
    """Which rows are the newest of their key; of two of one run the last."""
    key = recording
    for each in numbers:
        key = paired(key, each)
    order = np.lexsort((run, key))
    last = np.ones(len(order), dtype=np.bool_)
    last[:-1] = key[order][1:] != key[order][:-1]
    newest = np.zeros(len(order), dtype=np.bool_)
    newest[order[last]] = True
    return newest
