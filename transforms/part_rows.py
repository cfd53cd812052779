"""Rows of a table's parts, read a few columns at a time: keys, hashes, numbers."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
import pyarrow as pa

from transforms.folders import Folder
from transforms.parts import Part, newest_parts, reading
from transforms.schemas import KEY_COLUMNS, Table

_BATCH_ROWS = 4096  # of a part, held at once

Row = tuple[Any, ...]
"""The values of some columns of a row."""

Hashes = np.ndarray[tuple[int], np.dtype[np.uint64]]


@dataclass(frozen=True, slots=True)
class OwnKeys:
    """What a run wrote into a table.

    Attributes:
        addresses: digests of its recordings.
        hashes: one of each row's key, sorted.
    """

    addresses: set[bytes]
    hashes: Hashes

    def hashes_also_in(self, other: OwnKeys) -> set[int]:
        """Those that the other has too; quick if these are few."""
        if not len(other.hashes):
            return set()
        places = np.minimum(np.searchsorted(other.hashes, self.hashes), len(other.hashes) - 1)
        return set(self.hashes[other.hashes[places] == self.hashes].tolist())


@dataclass(frozen=True, slots=True)
class TableParts:
    """The parts of one table: of the run that ended, and of all others."""

    folder: Folder
    table: Table
    own: Sequence[Part]
    older: Sequence[Part]

    @classmethod
    def find(cls, folder: Folder, table: Table, run_id: str) -> TableParts:
        """The parts of a folder as they are now."""
        parts = _current_parts(folder)
        own = [part for part in parts if part.run_id == run_id]
        return cls(folder, table, own, [part for part in parts if part.run_id != run_id])

    def own_keys(self) -> OwnKeys:
        """The keys of the own rows, in little memory."""
        addresses: set[bytes] = set()
        hashes = array("Q")
        for part in self.own:
            for key in rows(self.folder, part, KEY_COLUMNS[self.table]):
                addresses.add(digest_of(key[0]))
                hashes.append(hash_of(key))
        found = np.frombuffer(hashes, dtype=np.uint64) if hashes else np.empty(0, np.uint64)
        found.sort()  # in place: of a hundred million rows a copy would be 800 MB
        return OwnKeys(addresses, found)

    def keyed_rows(self, hashes: Collection[int], *more_columns: str) -> Iterator[tuple[Part, int, Row]]:
        """Part, number and values of those own rows whose key has one of ``hashes``."""
        if not hashes:
            return
        columns = KEY_COLUMNS[self.table]
        for part in self.own:
            for number, row in enumerate(rows(self.folder, part, (*columns, *more_columns))):
                if hash_of(row[: len(columns)]) in hashes:
                    yield part, number, row

    def keys_among(self, hashes: Collection[int]) -> set[Row]:
        """The keys of own rows that have one of ``hashes``."""
        return {key for _, _, key in self.keyed_rows(hashes)}

    def repeated_rows(self, hashes: Hashes) -> defaultdict[Part, set[int]]:
        """The own rows to drop so that each key stays once, the latest answer of it.

        Args:
            hashes: of the own rows, sorted.
        """
        # Hashes of 8 bytes may collide: they only choose the rows that are compared in full.
        suspects = set(hashes[1:][hashes[1:] == hashes[:-1]].tolist())
        latest = ("recognized_at",) if self.table is Table.SEGMENTS else ()
        width = len(KEY_COLUMNS[self.table])
        best: dict[Row, tuple[Row, Part, int]] = {}
        dropped: defaultdict[Part, set[int]] = defaultdict(set)
        for part, number, row in self.keyed_rows(suspects, *latest):
            key, rank = row[:width], row[width:]
            known = best.get(key)
            if known is not None and known[0] > rank:
                dropped[part].add(number)
                continue
            if known is not None:
                dropped[known[1]].add(known[2])
            best[key] = (rank, part, number)
        return dropped


def _current_parts(folder: Folder) -> list[Part]:
    """The parts of a folder, after removing those that a killed `settle` had replaced already."""
    names = folder.names()
    current = newest_parts(names)
    kept = set(current)
    for part in filter(None, map(Part.of_name, names)):
        if part not in kept:
            folder.remove(part.name)
    return current


def rows_of(
    folder: Folder,
    part: Part,
    addresses: Collection[bytes],
    standing: Collection[tuple[bytes, int | None]] = (),
) -> set[int]:
    """The numbers of a part's rows whose recording is among ``addresses``, but for channels that stay."""
    if not addresses:
        return set()
    return {
        number
        for number, (uri, channel) in enumerate(rows(folder, part, ("audio_uri", "channel")))
        if (digest := digest_of(uri)) in addresses and (digest, channel) not in standing
    }


def rows(
    folder: Folder, part: Part, columns: Iterable[str], *, batch_rows: int = _BATCH_ROWS
) -> Iterator[Row]:
    """Some columns of a part, row by row; ``batch_rows`` of them are held at once.

    A column that came after the part was written has no values.
    """
    names = list(columns)
    with reading(folder, part) as file:
        there = set(file.schema_arrow.names)
        for batch in file.iter_batches(batch_size=batch_rows, columns=names):
            nothing = [None] * batch.num_rows
            yield from zip(
                *(batch.column(name).to_pylist() if name in there else nothing for name in names), strict=True
            )


def count_rows(folder: Folder, part: Part) -> int:
    """The rows of a part, by its footer alone."""
    with reading(folder, part) as file:
        return int(file.metadata.num_rows)


def count_structs(folder: Folder, part: Part, name: str, field: str) -> int:
    """In how many rows of a part a column is not null, of which only a small field is read."""
    with reading(folder, part) as file:
        if name not in file.schema_arrow.names:
            return 0
        batches = file.iter_batches(batch_size=_BATCH_ROWS, columns=[f"{name}.{field}"])
        return sum(batch.num_rows - batch.column(name).null_count for batch in batches)


def row_groups(folder: Folder, part: Part) -> Iterator[tuple[int, pa.Table]]:
    """All columns of a part, a row group at a time, each with the number of its first row.

    Where rows carry sound, some thousands of them at once would take gigabytes.
    """
    first_row = 0
    with reading(folder, part) as file:
        for number in range(file.num_row_groups):
            found = file.read_row_group(number)
            yield first_row, found
            first_row += found.num_rows


def digest_of(address: str) -> bytes:
    """16 bytes that stand for an address in sets of many."""
    return blake2b(address.encode(), digest_size=16).digest()


def hash_of(key: Row) -> int:
    """8 bytes that stand for a key where keys are only looked for; two may share them."""
    return int.from_bytes(blake2b(repr(key).encode(), digest_size=8).digest(), "little")
