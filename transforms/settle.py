"""After a run: leaves one row for each key, by dropping the rows that it replaced.

A part is rewritten only if rows of it are dropped: the rest of it is written whole under
a new name, then the old file is removed. So a reader may see a row twice in between,
but never misses one.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import pyarrow as pa

from transforms.folders import Folder, dataset_folder
from transforms.known import settings_of_rows
from transforms.part_rows import TableParts, digest_of, hash_of, row_groups, rows, rows_of
from transforms.parts import Part, reading, writing
from transforms.schemas import KEY_COLUMNS, Table


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


def settle(
    output: str, run_id: str, ended: Collection[str] | None = None, shaping_bases: Collection[str] = ()
) -> Settled:
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
    each recording of the run, 8 bytes for each of its rows, and one row group at a time.

    Args:
        output: OUTPUT: a local path or a URI.
        run_id: the run that ended.
        ended: the runs that ended before; of any other, rows of recordings that one of
            these has transcribed are dropped, for they may be half of what they were.
            None if all ended.
        shaping_bases: the options of the run, and those whose rows are as good
            (`known.Shaping.bases`): channels that were asked for by themselves, under such
            options and of the same bytes, stay beside those that the run transcribed.

    Returns:
        What changed.

    Raises:
        OutputError: a part could not be read or written.
    """
    tables = {table: TableParts.find(dataset_folder(output, table.value), table, run_id) for table in Table}
    own = {table: parts.own_keys() for table, parts in tables.items()}
    transcripts = tables[Table.TRANSCRIPTS]
    hollow = _hollow_addresses(transcripts)
    transcribed = own[Table.SEGMENTS].addresses | (own[Table.TRANSCRIPTS].addresses - hollow)
    met = transcribed | hollow | own[Table.FAILURES].addresses
    killed = ended is not None and any(
        part.run_id not in ended for parts in tables.values() for part in parts.older
    )
    proven = _proven_addresses(transcripts, ended) if ended is not None and killed else set()
    standing = _standing_channels(transcripts, shaping_bases) if shaping_bases else set()
    better = _addresses_among(transcripts, hollow) if hollow else set()
    settled = Settled()
    for table, parts in tables.items():
        dropped = parts.repeated_rows(own[table].hashes)
        if table is Table.FAILURES:
            common = own[table].hashes_also_in(own[Table.SEGMENTS])
            answered = tables[Table.SEGMENTS].keys_among(common)
            for part, number, key in parts.keyed_rows(common):
                if key in answered:
                    dropped[part].add(number)
        for part in parts.own:
            if table is Table.TRANSCRIPTS:
                dropped[part] |= rows_of(parts.folder, part, better)
            settled += _drop(parts.folder, part, dropped[part])
        replaced = met if table is Table.FAILURES else transcribed
        for part in parts.older:
            if ended is None or part.run_id in ended:
                settled += _drop(parts.folder, part, rows_of(parts.folder, part, replaced, standing))
        if ended is not None:
            settled += _settle_killed(parts, ended, replaced | proven)
    return settled


def _settle_killed(parts: TableParts, ended: Collection[str], stale: set[bytes]) -> Settled:
    """Of what killed runs wrote, keep what nobody has better: of each key the latest run's row."""
    settled = Settled()
    later: set[int] = set()
    for run_id in sorted({part.run_id for part in parts.older} - set(ended), reverse=True):
        met: set[int] = set()
        for part in (each for each in parts.older if each.run_id == run_id):
            dropped = rows_of(parts.folder, part, stale)
            for number, key in enumerate(rows(parts.folder, part, KEY_COLUMNS[parts.table])):
                met.add(hash_of(key))
                if hash_of(key) in later:
                    dropped.add(number)
            settled += _drop(parts.folder, part, dropped)
        later |= met
    return settled


def _hollow_addresses(transcripts: TableParts) -> set[bytes]:
    """Recordings of which this run has nothing but failures: no reason to give up older text."""
    hollow: set[bytes] = set()
    answered: set[bytes] = set()
    for part in transcripts.own:
        for uri, segments, failed in rows(
            transcripts.folder, part, ("audio_uri", "segments", "failed_segments")
        ):
            (hollow if segments and failed == segments else answered).add(digest_of(uri))
    return hollow - answered


def _addresses_among(transcripts: TableParts, addresses: Collection[bytes]) -> set[bytes]:
    """Those of the addresses that older runs have transcripts of."""
    return {
        digest
        for part in transcripts.older
        for (uri,) in rows(transcripts.folder, part, ("audio_uri",))
        if (digest := digest_of(uri)) in addresses
    }


def _proven_addresses(transcripts: TableParts, ended: Collection[str]) -> set[bytes]:
    """Recordings of which a run that ended has the rows whole: those of killed runs are not needed."""
    return {
        digest_of(uri)
        for part in transcripts.older
        if part.run_id in ended
        for (uri,) in rows(transcripts.folder, part, ("audio_uri",))
    }


def _standing_channels(
    transcripts: TableParts, shaping_bases: Collection[str]
) -> set[tuple[bytes, int | None]]:
    """Channels of older runs that were asked for by themselves and are as good as those of this run."""
    own: dict[bytes, tuple[str | None, set[int]]] = {}
    for part in transcripts.own:
        for uri, channel, crc32c in rows(transcripts.folder, part, ("audio_uri", "channel", "audio_crc32c")):
            own.setdefault(digest_of(uri), (crc32c, set()))[1].add(channel)
    columns = ("audio_uri", "channel", "audio_crc32c", "engine", "id", "settings")
    standing: set[tuple[bytes, int | None]] = set()
    for part in transcripts.older:
        for uri, channel, crc32c, engine, recording_id, settings in rows(transcripts.folder, part, columns):
            digest = digest_of(uri)
            own_crc32c, own_channels = own.get(digest, (None, set()))
            asked_for = (settings_of_rows(base, engine, channel, recording_id) for base in shaping_bases)
            if (
                digest in own
                and channel not in own_channels
                and crc32c == own_crc32c
                and settings in asked_for
            ):
                standing.add((digest, channel))
    return standing


def _drop(folder: Folder, part: Part, dropped: Collection[int]) -> Settled:
    """Takes rows, by their numbers, out of a part."""
    if not dropped:
        return Settled()
    with reading(folder, part) as file:
        total, schema = file.metadata.num_rows, file.schema_arrow
    kept_rows = total - len(dropped)
    if kept_rows:
        with writing(folder, part.rewritten(), schema) as writer:
            for first_row, rows_now in row_groups(folder, part):
                mask = [number not in dropped for number in range(first_row, first_row + rows_now.num_rows)]
                if any(mask):  # Hugging Face datasets stumbles over a row group without rows.
                    writer.write_table(rows_now.filter(pa.array(mask)))
    folder.remove(part.name)
    return Settled(len(dropped), parts_rewritten=int(kept_rows > 0), parts_removed=int(kept_rows == 0))
