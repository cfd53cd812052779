"""Files of earlier exports, and which of them a new one does not write again.

Folders may have as many files as the dataset recordings, so their names lie on disk.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.export_names import is_export
from pipeline.temporary_database import temporary_database
from transforms.folders import Folder

_CACHE_KIB = 4 * 1024
_TABLES = "CREATE TABLE files (name TEXT PRIMARY KEY) WITHOUT ROWID;"


class EarlierFiles:
    """Names of files that lie there, as ``srt/standup.3kq5m2hw7r4dxzta.srt``; from `earlier_files`."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._any = False

    def find(self, folder: Folder, ending: str) -> None:
        """Note the files of a format that a folder has."""
        names = ((f"{ending}/{name}",) for name in folder.each_name() if is_export(name, ending))
        self._database.executemany("INSERT INTO files VALUES (?)", names)
        self._any = self._any or self.count() > 0

    def written(self, name: str) -> None:
        """A file is there anew, with this ending's folder in front."""
        if self._any:
            self._database.execute("DELETE FROM files WHERE name = ?", (name,))

    def count(self) -> int:
        """How many were noted and not written."""
        [(count,)] = self._database.execute("SELECT count(*) FROM files")
        return int(count)

    def first(self, most: int) -> list[str]:
        """The names of some of them, the first by name."""
        found = self._database.execute("SELECT name FROM files ORDER BY name LIMIT ?", (most,))
        return [str(name) for (name,) in found]


@contextmanager
def earlier_files() -> Iterator[EarlierFiles]:
    """No files yet; `EarlierFiles.find` looks for some.

    Raises:
        OutputError: the temporary file cannot be written (any more).
    """
    with temporary_database(_TABLES, cache_kib=_CACHE_KIB) as database:
        yield EarlierFiles(database)
