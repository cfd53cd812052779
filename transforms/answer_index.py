"""Where the entries of the record lie: an index in memory, and its form as a file. Pure.

An entry takes 16 bytes in sorted arrays: the first 8 bytes of its key, and its place.
Whoever looks something up checks the whole key against the entry itself, so the index can
send a reader to the wrong entry but never make it take that for the right one.

A place is one number that orders the entries of a key by precedence: the highest bit
says that it is no refusal, then come 20 bits of file number and 43 bits of offset.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Final

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from transforms.answer_entry import Label

MAX_FILES: Final = 2**20
_OFFSET_BITS: Final = 43
_OFFSET_MASK: Final = (1 << _OFFSET_BITS) - 1
_NOT_REFUSED: Final = 1 << 63

# So many keys are held in a dict before they become a sorted array.
_FOLD_AT: Final = 2**8

_MAGIC: Final = b"BSINDEX1"
_HEADER: Final = struct.Struct("<8sQQQ")
_CHECKSUM: Final = struct.Struct("<I")
_CHECKED_AT_ONCE: Final = 2**20
_STORED: Final = np.dtype("<u8")

_Numbers = NDArray[np.uint64]


def place_of(label: Label, offset: int, file_number: int = 0) -> int:
    """The place of an entry.

    Args:
        label: what it is.
        offset: of its frame in the file.
        file_number: below `MAX_FILES`; a higher one takes precedence.
    """
    place = file_number << _OFFSET_BITS | offset
    return place if label.refused else place | _NOT_REFUSED


def file_number_of(place: int) -> int:
    """In which file an entry lies."""
    return (place & ~_NOT_REFUSED) >> _OFFSET_BITS


def offset_of(place: int) -> int:
    """Where in the file it begins."""
    return place & _OFFSET_MASK


def alike(key: bytes, other: bytes) -> bool:
    """Whether an index takes these keys for the same."""
    return _prefix_of(key) == _prefix_of(other)


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """Entries in two arrays of the same length, sorted by the first 8 bytes of their keys."""

    prefixes: _Numbers
    places: _Numbers

    def __len__(self) -> int:
        return len(self.prefixes)

    def of(self, key: bytes) -> list[int]:
        """The places of the entries whose key begins like this one."""
        prefix = np.uint64(_prefix_of(key))
        first = np.searchsorted(self.prefixes, prefix, "left")
        last = np.searchsorted(self.prefixes, prefix, "right")
        return [int(place) for place in self.places[first:last]]

    def in_file(self, file_number: int) -> Run:
        """The same entries, whose places so far name file 0, in another file."""
        return Run(self.prefixes, self.places + np.uint64(file_number << _OFFSET_BITS))

    def last_offset(self) -> int:
        """The offset of the entry that lies last in its file; there is at least one."""
        return int(np.max(self.places & np.uint64(_OFFSET_MASK)))

    def repeated(self) -> list[_Numbers]:
        """The places of each group of entries whose keys begin alike, most important first."""
        alike = self.prefixes[1:] == self.prefixes[:-1]
        groups = []
        for prefix in np.unique(self.prefixes[1:][alike]):
            first = np.searchsorted(self.prefixes, prefix, "left")
            last = np.searchsorted(self.prefixes, prefix, "right")
            groups.append(np.sort(self.places[first:last])[::-1])
        return groups


class RunBuilder:
    """Collects entries in any order, 16 bytes each."""

    def __init__(self) -> None:
        self._prefixes = array("Q")
        self._places = array("Q")

    def add(self, key: bytes, place: int) -> None:
        """Take one entry."""
        self._prefixes.append(_prefix_of(key))
        self._places.append(place)

    def run(self) -> Run:
        """What was collected, sorted."""
        return _sorted(np.array(self._prefixes, np.uint64), np.array(self._places, np.uint64))


def merged(runs: Iterable[Run]) -> Run:
    """One run of all entries."""
    kept = [run for run in runs if len(run)]
    if len(kept) == 1:
        return kept[0]  # what is sorted stays as it is: it may be most of the memory
    empty = np.empty(0, np.uint64)
    return _sorted(
        np.concatenate([empty, *(run.prefixes for run in kept)]),
        np.concatenate([empty, *(run.places for run in kept)]),
    )


class KeyIndex:
    """The places of all entries: sorted runs, and a dict of what came one by one."""

    def __init__(self) -> None:
        self._runs: list[Run] = []
        self._recent: dict[bytes, tuple[int, ...]] = {}

    def add(self, key: bytes, place: int) -> None:
        """Take one entry."""
        # Those outranked stay: what outranks them may turn out to be damaged.
        self._recent[key] = (*self._recent.get(key, ()), place)
        if len(self._recent) >= _FOLD_AT:
            builder = RunBuilder()
            for recent, places in self._recent.items():
                for each in places:
                    builder.add(recent, each)
            self._recent = {}
            self.add_run(builder.run())

    def add_run(self, run: Run) -> None:
        """Take many entries. Each run stays more than twice as long as the next, so they stay few."""
        while self._runs and len(self._runs[-1]) <= 2 * len(run):
            run = merged((self._runs.pop(), run))
        if len(run):
            self._runs.append(run)

    def forget(self, file_numbers: Collection[int]) -> None:
        """Drop the entries of files that are no longer there."""
        gone = np.array(sorted(file_numbers), np.uint64)
        runs, self._runs = self._runs, []
        for run in runs:
            numbers = (run.places & np.uint64(~_NOT_REFUSED & 2**64 - 1)) >> np.uint64(_OFFSET_BITS)
            stays = ~np.isin(numbers, gone)
            self.add_run(Run(run.prefixes[stays], run.places[stays]))
        kept = {
            key: tuple(place for place in places if file_number_of(place) not in file_numbers)
            for key, places in self._recent.items()
        }
        self._recent = {key: places for key, places in kept.items() if places}

    def places(self, key: bytes) -> list[int]:
        """Where entries of this key may lie, the one that takes precedence first."""
        found = {place for run in self._runs for place in run.of(key)}
        found.update(self._recent.get(key, ()))
        return sorted(found, reverse=True)


@dataclass(frozen=True, slots=True, eq=False)
class LogIndex:
    """What is known of one log without reading it.

    Attributes:
        run: its entries, their places in file 0.
        covered: bytes of the log from its start that the run covers; the end of a frame.
        skipped: bytes among them that belong to no sound frame.
    """

    run: Run = field(default_factory=lambda: merged(()))
    covered: int = 0
    skipped: int = 0


def encode_index(index: LogIndex) -> bytes:
    """Writes the index as a file with a checksum of its own."""
    run = index.run
    body = b"".join(
        (
            _HEADER.pack(_MAGIC, index.covered, index.skipped, len(run)),
            run.prefixes.astype(_STORED).tobytes(),
            run.places.astype(_STORED).tobytes(),
        )
    )
    return body + _CHECKSUM.pack(google_crc32c.value(body))


def decode_index(data: bytes) -> LogIndex | None:
    """Reads such a file; None if it is damaged or of another version."""
    if len(data) < _HEADER.size + _CHECKSUM.size:
        return None
    magic, covered, skipped, count = _HEADER.unpack_from(data)
    end = len(data) - _CHECKSUM.size
    if magic != _MAGIC or end != _HEADER.size + 2 * count * _STORED.itemsize:
        return None
    if _CHECKSUM.pack(_crc32c_of(data, end)) != data[end:]:
        return None
    numbers = np.frombuffer(data, _STORED, 2 * count, _HEADER.size)
    # Two arrays of their own: half of one would keep all of it.
    prefixes, places = numbers[:count].astype(np.uint64), numbers[count:].astype(np.uint64)
    return LogIndex(Run(prefixes, places), covered, skipped)


def _crc32c_of(data: bytes, end: int) -> int:
    """The checksum of the first bytes, without a copy of them all."""
    checksum = 0
    for start in range(0, end, _CHECKED_AT_ONCE):
        checksum = google_crc32c.extend(checksum, data[start : min(end, start + _CHECKED_AT_ONCE)])
    return checksum


def _prefix_of(key: bytes) -> int:
    return int.from_bytes(key[:8], "big")


def _sorted(prefixes: _Numbers, places: _Numbers) -> Run:
    order = np.argsort(prefixes, kind="stable")  # fast where it is sorted in parts already
    return Run(prefixes[order], places[order])
