"""The record of paid answers as its users see it.

`answer_store` keeps it in a local folder; another store (objects, a cluster's) fits
behind the same interface.
"""

from __future__ import annotations

from typing import Protocol

from transforms.answer_entry import Answered, Entry, Planned, Refused


class AnswerRecord(Protocol):
    """Holds what was paid for, by content; used by many threads at once."""

    def find(self, key: bytes) -> Answered | Refused | None:
        """What is known of a segment; an answer outranks a refusal.

        Raises:
            OutputError: the record cannot be read.
        """

    def find_plan(self, key: bytes) -> Planned | None:
        """The cuts of a recording.

        Raises:
            OutputError: the record cannot be read.
        """

    def add(self, entry: Entry) -> None:
        """Record an entry; returns when it would survive a crash of the machine.

        Raises:
            OutputError: it could not be recorded; no further entry will be taken.
        """

    def refresh(self) -> None:
        """See what others have recorded since.

        Raises:
            OutputError: the record cannot be read.
        """

    def close(self) -> None:
        """Nobody adds any more; what was added can still be found."""
