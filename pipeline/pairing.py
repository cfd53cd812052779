"""Transcripts and references of the same recordings, brought together in little memory.

Neither the dataset nor a manifest has an order. So both go into a `temporary_database`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pipeline.error_rates import Place
from pipeline.plain import shown_address
from pipeline.references import Reference
from pipeline.temporary_database import temporary_database
from pipeline.transcript_texts import TranscriptText
from transforms.errors import UsageError

_NO_CHANNEL = -1
_CACHE_KIB = 4 * 1024
_TABLES = """
CREATE TABLE transcripts (
    uri TEXT, channel INTEGER, run_id TEXT, status TEXT, text TEXT, PRIMARY KEY (uri, channel)
) WITHOUT ROWID;
CREATE TABLE manifest (
    uri TEXT, channel INTEGER, language TEXT, text TEXT, PRIMARY KEY (uri, channel)
) WITHOUT ROWID;
"""
# Run ids begin with the time. The text only decides between rows that one run wrote twice.
_ADD_TRANSCRIPT = """
INSERT INTO transcripts VALUES (?, ?, ?, ?, ?) ON CONFLICT (uri, channel) DO UPDATE
SET run_id = excluded.run_id, status = excluded.status, text = excluded.text
WHERE (excluded.run_id, excluded.text) > (run_id, text)
"""
_ADD_REFERENCE = "INSERT INTO manifest VALUES (?, ?, ?, ?)"
_SAME_REFERENCE = "SELECT text = ? AND language IS ? FROM manifest WHERE uri = ? AND channel = ?"
_DOUBLY_NAMED = "SELECT uri FROM manifest GROUP BY uri HAVING min(channel) < 0 AND count(*) > 1 LIMIT 1"
_PAIRS = f"""
SELECT m.uri, m.channel, m.language, m.text, t.channel, t.status, t.text,
    (SELECT count(*) FROM transcripts AS c WHERE c.uri = m.uri)
FROM manifest AS m LEFT JOIN transcripts AS t ON t.uri = m.uri AND t.channel =
    CASE m.channel WHEN {_NO_CHANNEL} THEN (SELECT min(channel) FROM transcripts AS c WHERE c.uri = m.uri)
    ELSE m.channel END
"""
_IN_ORDER = " ORDER BY m.uri, m.channel"
_ONE = " WHERE m.uri = ? AND m.channel = ?"
_UNREFERENCED = f"""
SELECT uri, channel FROM transcripts AS t WHERE NOT EXISTS (
    SELECT 1 FROM manifest AS m WHERE m.uri = t.uri AND m.channel IN ({_NO_CHANNEL}, t.channel)
) ORDER BY uri, channel
"""


@dataclass(frozen=True, slots=True)
class Pair:
    """A reference and the transcript that belongs to it.

    Attributes:
        place: as the manifest names it.
        channel: that was transcribed; None without a transcript.
        channels: how many channels of the recording have a transcript. Where the
            manifest names no channel and there are several, nobody knows which is meant.
        status: of the transcript; None without one.
        hypothesis: its text; empty without one.
    """

    place: Place
    language: str | None
    reference: str
    channel: int | None
    channels: int
    status: str | None
    hypothesis: str


class Pairs:
    """Takes transcripts and references in any order, then gives them as pairs.

    Use `open_pairs`.
    """

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def add_transcripts(self, rows: Iterable[TranscriptText]) -> None:
        """Take transcripts; of those of one recording and channel the newest run's counts."""
        self._database.executemany(
            _ADD_TRANSCRIPT, ((row.audio_uri, row.channel, row.run_id, row.status, row.text) for row in rows)
        )

    def add_references(self, references: Iterable[Reference]) -> None:
        """Take references; the same one may come again.

        Raises:
            UsageError: two differ that are of one recording and channel, or a recording is
                named with a channel and without.
        """
        for each in references:
            channel = _NO_CHANNEL if each.channel is None else each.channel
            try:
                self._database.execute(_ADD_REFERENCE, (each.audio_uri, channel, each.language, each.text))
            except sqlite3.IntegrityError as error:
                key = (each.text, each.language, each.audio_uri, channel)
                if not self._database.execute(_SAME_REFERENCE, key).fetchone()[0]:
                    raise UsageError(
                        f"{shown_address(each.audio_uri)}: the manifest has two rows with it that differ. "
                        "Leave one of them"
                        f"{', or name the channel of each' if each.channel is None else ''}."
                    ) from error
        doubly_named = self._database.execute(_DOUBLY_NAMED).fetchone()
        if doubly_named:
            raise UsageError(
                f"{shown_address(doubly_named[0])}: the manifest has a reference with a channel and one "
                "without. Name the channel of each, or leave one of them."
            )

    def count(self) -> tuple[int, int]:
        """How many transcripts and how many references there are."""
        tables = ("SELECT count(*) FROM transcripts", "SELECT count(*) FROM manifest")
        transcripts, references = (self._database.execute(table).fetchone()[0] for table in tables)
        return transcripts, references

    def __iter__(self) -> Iterator[Pair]:
        """A pair for each reference, by address and channel."""
        return map(_pair, self._database.execute(_PAIRS + _IN_ORDER))

    def __getitem__(self, place: Place) -> Pair:
        """The pair of a reference that was taken."""
        channel = _NO_CHANNEL if place.channel is None else place.channel
        return _pair(self._database.execute(_PAIRS + _ONE, (place.audio_uri, channel)).fetchone())

    def unreferenced(self) -> Iterator[Place]:
        """Transcripts without a row of the manifest, by address and channel."""
        return (Place(*row) for row in self._database.execute(_UNREFERENCED))

    def transcript_named(self, name: str) -> str | None:
        """The address of a transcript whose last part is this one."""
        query = "SELECT uri FROM transcripts WHERE substr(uri, -length(?1)) = ?1 ORDER BY uri LIMIT 1"
        found = self._database.execute(query, (f"/{name}",)).fetchone()
        return None if found is None else str(found[0])


@contextmanager
def open_pairs() -> Iterator[Pairs]:
    """An empty `Pairs`, whose temporary file is gone afterwards.

    Raises:
        OutputError: the temporary file cannot be written (any more).
    """
    with temporary_database(_TABLES, cache_kib=_CACHE_KIB) as database:
        yield Pairs(database)


def _pair(row: tuple[str, int, str | None, str, int | None, str | None, str | None, int]) -> Pair:
    uri, named, language, reference, channel, status, hypothesis, channels = row
    place = Place(uri, None if named == _NO_CHANNEL else named)
    return Pair(place, language, reference, channel, channels, status, hypothesis or "")
