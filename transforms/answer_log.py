"""The files of the record: names, reading, and the index beside a log.

A log ``answers-<UTC time>-<token>.log`` is written by one writer, from its first frame,
which says the version of the format, to its last; nobody opens it for writing again.
``answers-....idx`` beside it only saves reading the log: it is made again whenever it is
missing, damaged or behind.
"""

from __future__ import annotations

import json
import os
import re
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Final

from transforms.answer_entry import label_of
from transforms.answer_index import LogIndex, RunBuilder, decode_index, encode_index, merged, place_of
from transforms.errors import UsageError
from transforms.folders import LocalFolder, output_error, output_errors, try_lock
from transforms.framing import Framed, FrameReader, frame, read_frame

FORMAT_VERSION: Final = 1

# No entry begins like this.
_HEADER_MARK: Final = b"\x00beamscribe answers "
HEADER: Final = frame(_HEADER_MARK + json.dumps({"format": FORMAT_VERSION}).encode())
"""The first frame of a log."""

_NAME: Final = re.compile(r"answers-(?P<time>\d{8}T\d{12}Z)-[0-9a-f]{32}\.log")
_TIME: Final = "%Y%m%dT%H%M%S%fZ"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND: Final = timedelta(microseconds=1)


def new_name(names: Iterable[str], now_us: int) -> str:
    """A name for a log that sorts behind those that there are, even if the clock was set back.

    Args:
        names: what the folder holds.
        now_us: microseconds since 1970 UTC.
    """
    times = [_EPOCH + now_us * _MICROSECOND]
    for found in map(_NAME.fullmatch, names):
        if found:
            last = datetime.strptime(found["time"], _TIME).replace(tzinfo=timezone.utc)
            times.append(last + _MICROSECOND)
    return f"answers-{max(times).strftime(_TIME)}-{uuid.uuid4().hex}.log"


def log_names(names: Iterable[str]) -> list[str]:
    """The logs among these names, oldest first."""
    return sorted(name for name in names if _NAME.fullmatch(name))


def index_name(log_name: str) -> str:
    """The name of the index beside a log."""
    return log_name.removesuffix(".log") + ".idx"


def read_payload(log: Path, offset: int) -> bytes | None:
    """The payload of the frame at an offset; None if it is not sound.

    Raises:
        FileNotFoundError: the log was merged into another one meanwhile.
        OutputError: it cannot be read.
    """
    with _opened(log) as descriptor:
        found = read_frame(partial(os.pread, descriptor), offset)
    return found.payload if found else None


def frames_of(log: Path) -> Iterator[Framed]:
    """The sound frames of a log but its header, in order.

    Raises:
        FileNotFoundError: there is no such log.
        OutputError: it cannot be read.
    """
    with _opened(log) as descriptor:
        yield from (
            found for found in FrameReader(partial(os.pread, descriptor)) if not _is_header(log, found)
        )


@dataclass(frozen=True, slots=True)
class Loaded:
    """What `load` brings.

    Attributes:
        index: covers the log up to its last sound frame.
        scanned: bytes of the log that had to be read.
    """

    index: LogIndex
    scanned: int


def load(log: Path) -> Loaded:
    """The index of a log: that of the file beside it, as far as it goes, and of the rest.

    Raises:
        FileNotFoundError: there is no such log.
        OutputError: it cannot be read.
        UsageError: a later version wrote it.
    """
    stored = _stored_index(log)
    # A log that was cut, or changed at its end, is not the one that the index was made for.
    if stored is None or not _ends_soundly(log, stored):
        stored = LogIndex()
    index = scan(log, stored)
    return Loaded(index, index.covered - stored.covered)


def scan(log: Path, known: LogIndex) -> LogIndex:
    """Reads what a log holds behind what is known of it, and adds it.

    Raises:
        FileNotFoundError: there is no such log.
        OutputError: it cannot be read.
        UsageError: a later version wrote it.
    """
    builder = RunBuilder()
    with _opened(log) as descriptor:
        reader = FrameReader(partial(os.pread, descriptor), known.covered)
        for found in reader:
            label = label_of(found.payload)
            if label is not None:
                builder.add(label.key, place_of(label, found.offset))
            else:
                _is_header(log, found)
    return LogIndex(merged((known.run, builder.run())), reader.end, known.skipped + reader.skipped)


def save_index(log: Path, index: LogIndex) -> None:
    """Puts the index beside its log.

    Raises:
        OutputError: it cannot be written.
    """
    LocalFolder(log.parent).put(index_name(log.name), encode_index(index))


def is_written(log: Path) -> bool | None:
    """Whether a live writer holds the log; None where the file system has no locks.

    Once it is not written any more it never will be again.

    Raises:
        FileNotFoundError: there is no such log.
        OutputError: it cannot be read.
    """
    with _opened(log) as descriptor:
        free = try_lock(descriptor)
        return None if free is None else not free


def _stored_index(log: Path) -> LogIndex | None:
    file = log.with_name(index_name(log.name))
    with output_errors("read", file):
        try:
            return decode_index(file.read_bytes())
        except FileNotFoundError:
            return None


def _ends_soundly(log: Path, index: LogIndex) -> bool:
    if not len(index.run):
        return True
    last = index.run.last_offset()
    with _opened(log) as descriptor:
        found = read_frame(partial(os.pread, descriptor), last)
    return found is not None and found.end <= index.covered


def _is_header(log: Path, found: Framed) -> bool:
    """Whether a frame is a log's header.

    Raises:
        UsageError: it is that of a later version.
    """
    if not found.payload.startswith(_HEADER_MARK):
        return False
    version = json.loads(found.payload[len(_HEADER_MARK) :])["format"]
    if version > FORMAT_VERSION:
        raise UsageError(
            f"{log}: this record of paid answers has format {version}, which a later version of Beamscribe "
            f"wrote; this one knows formats up to {FORMAT_VERSION}. Use that one, or another --output."
        )
    return True


@contextmanager
def _opened(log: Path) -> Iterator[int]:
    """A descriptor; for each use a new one, since there can be more logs than a process may open."""
    try:
        descriptor = os.open(log, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise output_error("read", log, error) from error
    try:
        with output_errors("read", log):
            yield descriptor
    finally:
        os.close(descriptor)
