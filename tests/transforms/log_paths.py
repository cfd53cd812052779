"""Logs of the record in a local folder, by their paths."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from transforms import answer_log
from transforms.answer_index import LogIndex
from transforms.answer_log import Loaded
from transforms.framing import Framed
from transforms.local_logs import LocalLogs


def read_payload(log: Path, offset: int) -> bytes | None:
    """See `answer_log.read_payload`."""
    return answer_log.read_payload(LocalLogs(log.parent), log.name, offset)


def frames_of(log: Path) -> Iterator[Framed]:
    """See `answer_log.frames_of`."""
    return answer_log.frames_of(LocalLogs(log.parent), log.name)


def load(log: Path) -> Loaded:
    """See `answer_log.load`."""
    return answer_log.load(LocalLogs(log.parent), log.name)


def scan(log: Path, known: LogIndex) -> LogIndex:
    """See `answer_log.scan`."""
    return answer_log.scan(LocalLogs(log.parent), log.name, known)


def save_index(log: Path, index: LogIndex) -> None:
    """See `answer_log.save_index`."""
    answer_log.save_index(LocalLogs(log.parent), log.name, index)


def is_written(log: Path) -> bool | None:
    """See `LogFiles.is_written`."""
    return LocalLogs(log.parent).is_written(log.name)
