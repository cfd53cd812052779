"""Where the logs of the record of paid answers lie, as far as the record has to know it.

`local_logs` keeps them in a folder, `object_logs` in object storage.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import IO, Protocol

from transforms.framing import ReadAt


@dataclass(frozen=True, slots=True)
class Written:
    """Where a frame was put: the name of a log, and the offset in it."""

    log: str
    offset: int


class LogAppender(Protocol):
    """Writes one log, which nobody else writes. Used by one thread at a time."""

    def append(self, frames: Sequence[bytes]) -> Written:
        """Write frames behind each other; returns where the first lies, when all would survive a crash.

        Raises:
            OutputError: they could not be written.
        """

    def close(self) -> None:
        """Let the log go; what was written can still be read by its name."""


class LogFiles(Protocol):
    """The logs and indexes of one record, by name; used by many threads at once."""

    linger_seconds: float
    """How long a batch waits for others to join it before it is written."""

    def names(self) -> list[str]:
        """The names of logs and indexes, sorted; empty where there is nothing.

        Raises:
            OutputError: they cannot be listed.
        """

    def size(self, name: str) -> int:
        """Bytes of a log.

        Raises:
            FileNotFoundError: there is no such log (any more).
            OutputError: it cannot be read.
        """

    def reading(self, name: str) -> AbstractContextManager[ReadAt]:
        """Reads a log, while inside.

        Raises:
            FileNotFoundError: there is no such log (any more).
            OutputError: it cannot be read.
        """

    def stored_index(self, name: str) -> bytes | None:
        """What the file of that name holds; None if there is none.

        Raises:
            OutputError: it cannot be read.
        """

    def is_written(self, name: str) -> bool | None:
        """Whether a live writer holds a log; None where nobody can tell.

        Once it is not written any more it never will be again.

        Raises:
            FileNotFoundError: there is no such log (any more).
            OutputError: it cannot be read.
        """

    def prepare(self) -> None:
        """Prove that logs can be written.

        Raises:
            UsageError: this user may not.
            OutputError: the disk is full, or the storage is failing.
        """

    def put(self, name: str, data: bytes) -> None:
        """Write an index.

        Raises:
            OutputError: it could not be written.
        """

    def adding(self, name: str) -> AbstractContextManager[IO[bytes]]:
        """A log that appears whole when the context is left without an error.

        Raises:
            OutputError: it could not be written; nothing of it can be seen.
        """

    def remove(self, name: str) -> None:
        """Remove a log or index; one that is gone already is no error.

        Raises:
            OutputError: it could not be removed.
        """

    def appender(self, new_name: Callable[[Iterable[str]], str]) -> LogAppender:
        """A writer of a new log, which is made with its first frame.

        Args:
            new_name: makes a name for a log that sorts behind these.
        """

    def anew(self) -> LogFiles:
        """The same logs without what this object remembers of those that were appended here."""
