"""Private files for rows that exceed memory; a database where they have to be put in order, or together.

Each lies in a temporary file without a name, which is gone when it is closed, also
after a kill; of a database only the cache is held in memory.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import IO

from transforms.folders import OutputError


@contextmanager
def temporary_database(tables: str, *, cache_kib: int) -> Iterator[sqlite3.Connection]:
    """An empty database, gone afterwards.

    Args:
        tables: SQL that makes its tables.
        cache_kib: memory that it may take.

    Raises:
        OutputError: the temporary file cannot be written (any more).
    """
    try:
        with closing(sqlite3.connect("")) as database:
            database.executescript(
                "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA temp_store = FILE; "
                f"PRAGMA cache_size = -{cache_kib}; {tables}"
            )
            yield database
    except sqlite3.Error as error:
        raise OutputError(
            f"The temporary file in which rows are put in order failed ({error}). It needs about the room of "
            "the dataset's text: free some space, or name another folder in TMPDIR."
        ) from error


@contextmanager
def temporary_file() -> Iterator[IO[bytes]]:
    """An empty file for numbers of rows, gone afterwards.

    Raises:
        OutputError: it cannot be written (any more), here or inside.
    """
    try:
        with tempfile.TemporaryFile() as file:
            yield file
    except OSError as error:
        raise OutputError(
            f"The temporary file in which rows are counted failed ({error.strerror or error}). It needs 100 "
            "bytes for each row of the dataset at most: free some space, or name another folder in TMPDIR."
        ) from error
