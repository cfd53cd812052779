"""After a run: leaves one row for each key, by dropping the rows that it replaced.

A part is rewritten only if rows of it are dropped: the rest of it is written whole under
a new name, then the old file is removed. So a reader may see a row twice in between,
but never misses one.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from transforms.folders import Folder, dataset_folder
from transforms.parts import Part, reading
from transforms.schemas import KEY_COLUMNS, Table

_BATCH_ROWS = 4096

_Row = tuple[Any, ...]  # the values of some columns of a row
_Hashes = np.ndarray[tuple[int], np.dtype[np.uint64]]


@dataclass(frozen=True, slots=True)
class Settled:
    """What `settle` changed.

    Attributes:
        rows_dropped: rows that are no longer in the dataset.
        parts_rewritten: parts that lost some of their rows.
        parts_removed: parts that lost all of them.
    """

    rows_dropped: int = 0
    parts_rewritten: int = 0
    parts_removed: int = 0

    def __add__(self, other: Settled) -> Settled:
        return Settled(
            self.rows_dropped + other.rows_dropped,
            self.parts_rewritten + other.parts_rewritten,
            self.parts_removed + other.parts_removed,
        )


def settle(output: str, run_id: str, ended: Collection[str] | None = None) -> Settled:
    """Makes the rows that a run wrote replace those that were there before.

    Rows of other runs go by their ``audio_uri``: segments and transcripts when this run
    has an answer for it, failures when it has met it at all. So a recording that is
    transcribed now loses its old failures, and one that cannot be read today keeps the
    transcript that was paid for. Recordings that the run did not touch keep their
    rows. Rows that the run wrote twice, since a runner repeated a bundle, are reduced to
    one: the segment that was recognized last. A failure goes if the run has an answer for
    its segment.

    Nobody else may write to OUTPUT meanwhile. Killed at any moment it loses nothing:
    calling it again for the same run finishes the work. It holds in memory a digest for
    each recording of the run, 8 bytes for each of its rows, and one part at a time.

    Args:
        output: OUTPUT: a local path or a URI.
        run_id: the run that ended.
        ended: the runs that ended before; of any other, rows of recordings that one of
            these has transcribed are dropped, for they may be half of what they were.
            None if all ended.

    Returns:
        What changed.

    Raises:
        OutputError: a part could not be read or written.
    """
    tables = {table: _TableParts.find(dataset_folder(output, table.value), table, run_id) for table in Table}
    own = {table: parts.own_keys() for table, parts in tables.items()}
    transcripts = tables[Table.TRANSCRIPTS]
    hollow = _hollow_addresses(transcripts)
    transcribed = own[Table.SEGMENTS].addresses | (own[Table.TRANSCRIPTS].addresses - hollow)
    met = transcribed | hollow | own[Table.FAILURES].addresses
    killed = ended is not None and any(
        part.run_id not in ended for parts in tables.values() for part in parts.older
    )
    proven = _proven_addresses(transcripts, ended) if ended is not None and killed else set()
    better = _addresses_among(transcripts, hollow) if hollow else set()
    settled = Settled()
    for table, parts in tables.items():
        dropped = parts.repeated_rows(own[table].hashes)
        if table is Table.FAILURES:
            common = set(np.intersect1d(own[table].hashes, own[Table.SEGMENTS].hashes).tolist())
            answered = tables[Table.SEGMENTS].keys_among(common)
            for part, number, key in parts.keyed_rows(common):
                if key in answered:
                    dropped[part].add(number)
        for part in parts.own:
            if table is Table.TRANSCRIPTS:
                dropped[part] |= _rows_of(parts.folder, part, better)
            settled += _drop(parts.folder, part, dropped[part])
        replaced = met if table is Table.FAILURES else transcribed
        for part in parts.older:
            if ended is None or part.run_id in ended:
                settled += _drop(parts.folder, part, _rows_of(parts.folder, part, replaced))
        if ended is not None:
            settled += _settle_killed(parts, ended, replaced | proven)
    return settled


def _settle_killed(parts: _TableParts, ended: Collection[str], stale: set[bytes]) -> Settled:
    """Of what killed runs wrote, keep what nobody has better: of each recording the latest run's rows."""
    settled = Settled()
    stale = set(stale)
    for run_id in sorted({part.run_id for part in parts.older} - set(ended), reverse=True):
        met: set[bytes] = set()
        for part in (each for each in parts.older if each.run_id == run_id):
            met.update(_digest(uri) for (uri,) in _rows(parts.folder, part, ("audio_uri",)))
            settled += _drop(parts.folder, part, _rows_of(parts.folder, part, stale))
        stale |= met
    return settled


def _hollow_addresses(transcripts: _TableParts) -> set[bytes]:
    """Recordings of which this run has nothing but failures: no reason to give up older text."""
    hollow: set[bytes] = set()
    answered: set[bytes] = set()
    for part in transcripts.own:
        for uri, segments, failed in _rows(
            transcripts.folder, part, ("audio_uri", "segments", "failed_segments")
        ):
            (hollow if segments and failed == segments else answered).add(_digest(uri))
    return hollow - answered


def _addresses_among(transcripts: _TableParts, addresses: Collection[bytes]) -> set[bytes]:
    """Those of the addresses that older runs have transcripts of."""
    return {
        digest
        for part in transcripts.older
        for (uri,) in _rows(transcripts.folder, part, ("audio_uri",))
        if (digest := _digest(uri)) in addresses
    }


def _proven_addresses(transcripts: _TableParts, ended: Collection[str]) -> set[bytes]:
    """Recordings of which a run that ended has the rows whole: those of killed runs are not needed."""
    return {
        _digest(uri)
        for part in transcripts.older
        if part.run_id in ended
        for (uri,) in _rows(transcripts.folder, part, ("audio_uri",))
    }


@dataclass(frozen=True, slots=True)
class _OwnKeys:
    """What a run wrote into a table: digests of its recordings, a hash for each row's key."""

    addresses: set[bytes]
    hashes: _Hashes


@dataclass(frozen=True, slots=True)
class _TableParts:
    """The parts of one table: of the run that ended, and of all others."""

    folder: Folder
    table: Table
    own: Sequence[Part]
    older: Sequence[Part]

    @classmethod
    def find(cls, folder: Folder, table: Table, run_id: str) -> _TableParts:
        parts = _current_parts(folder)
        own = [part for part in parts if part.run_id == run_id]
        return cls(folder, table, own, [part for part in parts if part.run_id != run_id])

    def own_keys(self) -> _OwnKeys:
        """The keys of the own rows, in little memory."""
        addresses: set[bytes] = set()
        hashes = array("Q")
        for part in self.own:
            for key in _rows(self.folder, part, KEY_COLUMNS[self.table]):
                addresses.add(_digest(key[0]))
                hashes.append(_hash(key))
        return _OwnKeys(addresses, np.array(hashes, dtype=np.uint64))

    def keyed_rows(self, hashes: Collection[int], *more_columns: str) -> Iterator[tuple[Part, int, _Row]]:
        """Part, number and values of those own rows whose key has one of ``hashes``."""
        if not hashes:
            return
        columns = KEY_COLUMNS[self.table]
        for part in self.own:
            for number, row in enumerate(_rows(self.folder, part, (*columns, *more_columns))):
                if _hash(row[: len(columns)]) in hashes:
                    yield part, number, row

    def keys_among(self, hashes: Collection[int]) -> set[_Row]:
        """The keys of own rows that have one of ``hashes``."""
        return {key for _, _, key in self.keyed_rows(hashes)}

    def repeated_rows(self, hashes: _Hashes) -> defaultdict[Part, set[int]]:
        """The own rows to drop so that each key stays once, the latest answer of it."""
        values, counts = np.unique(hashes, return_counts=True)
        # Hashes of 8 bytes may collide: they only choose the rows that are compared in full.
        suspects = set(values[counts > 1].tolist())
        latest = ("recognized_at",) if self.table is Table.SEGMENTS else ()
        width = len(KEY_COLUMNS[self.table])
        best: dict[_Row, tuple[_Row, Part, int]] = {}
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
    newest: dict[tuple[str, str], Part] = {}
    found = [part for name in folder.names() if (part := Part.of_name(name))]
    for part in sorted(found, key=lambda part: part.rewrites):
        replaced = newest.get((part.run_id, part.token))
        if replaced:
            folder.remove(replaced.name)
        newest[part.run_id, part.token] = part
    return list(newest.values())


def _rows_of(folder: Folder, part: Part, addresses: Collection[bytes]) -> set[int]:
    """The numbers of a part's rows whose recording is among ``addresses``."""
    if not addresses:
        return set()
    return {
        number
        for number, (uri,) in enumerate(_rows(folder, part, ("audio_uri",)))
        if _digest(uri) in addresses
    }


def _drop(folder: Folder, part: Part, dropped: Collection[int]) -> Settled:
    """Takes rows, by their numbers, out of a part."""
    if not dropped:
        return Settled()
    sink = pa.BufferOutputStream()
    kept_rows = first_row = 0
    with (
        reading(folder, part) as file,
        pq.ParquetWriter(sink, file.schema_arrow, compression="zstd") as writer,
    ):
        for batch in file.iter_batches(batch_size=_BATCH_ROWS):
            mask = [number not in dropped for number in range(first_row, first_row + batch.num_rows)]
            first_row += batch.num_rows
            kept = batch.filter(pa.array(mask))
            kept_rows += kept.num_rows
            writer.write_batch(kept)
    if kept_rows:
        folder.put(part.rewritten().name, bytes(sink.getvalue()))
    folder.remove(part.name)
    return Settled(
        first_row - kept_rows, parts_rewritten=int(kept_rows > 0), parts_removed=int(kept_rows == 0)
    )


def _rows(folder: Folder, part: Part, columns: Iterable[str]) -> Iterator[_Row]:
    names = list(columns)
    with reading(folder, part) as file:
        for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=names):
            yield from zip(*(batch.column(name).to_pylist() for name in names), strict=True)


def _digest(address: str) -> bytes:
    return blake2b(address.encode(), digest_size=16).digest()


def _hash(key: _Row) -> int:
    return int.from_bytes(blake2b(repr(key).encode(), digest_size=8).digest(), "little")
