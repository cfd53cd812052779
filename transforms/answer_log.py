"""The logs of the record: names, reading, and the index beside a log.

A log ``answers-<UTC time>-<token>.log`` is written by one writer, from its first frame,
which says the version of the format, to its last; nobody opens it for writing again.
``answers-....idx`` beside it only saves reading the log: it is made again whenever it is
missing, damaged or behind.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Final

from transforms.answer_entry import label_of
from transforms.answer_index import LogIndex, RunBuilder, decode_index, encode_index, merged, place_of
from transforms.errors import UsageError
from transforms.framing import Framed, FrameReader, frame, read_frame
from transforms.log_files import LogFiles

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


def read_payload(files: LogFiles, log: str, offset: int) -> bytes | None:
    """The payload of the frame at an offset of a log; None if it is not sound.

    Raises:
        FileNotFoundError: the log was merged into another one meanwhile.
        OutputError: it cannot be read.
    """
    with files.reading(log) as read_at:
        found = read_frame(read_at, offset)
    return found.payload if found else None


def frames_of(files: LogFiles, log: str) -> Iterator[Framed]:
    """The sound frames of a log but its header, in order.

    Raises:
        FileNotFoundError: there is no such log.
        OutputError: it cannot be read.
    """
    with files.reading(log) as read_at:
        yield from (found for found in FrameReader(read_at) if not _is_header(log, found))


@dataclass(frozen=True, slots=True)
class Loaded:
    """What `load` brings.

    Attributes:
        index: covers the log up to its last sound frame.
        scanned: bytes of the log that had to be read.
    """

    index: LogIndex
    scanned: int


def load(files: LogFiles, log: str) -> Loaded:
    """The index of a log: that of the file beside it, as far as it goes, and of the rest.

    Raises:
        FileNotFoundError: there is no such log.
        OutputError: it cannot be read.
        UsageError: a later version wrote it.
    """
    data = files.stored_index(index_name(log))
    stored = None if data is None else decode_index(data)
    # A log that was cut, or changed at its end, is not the one that the index was made for.
    if stored is None or not _ends_soundly(files, log, stored):
        stored = LogIndex()
    index = scan(files, log, stored)
    return Loaded(index, index.covered - stored.covered)


def scan(files: LogFiles, log: str, known: LogIndex) -> LogIndex:
    """Reads what a log holds behind what is known of it, and adds it.

    Raises:
        FileNotFoundError: there is no such log.
        OutputError: it cannot be read.
        UsageError: a later version wrote it.
    """
    builder = RunBuilder()
    with files.reading(log) as read_at:
        reader = FrameReader(read_at, known.covered)
        for found in reader:
            label = label_of(found.payload)
            if label is not None:
                builder.add(label.key, place_of(label, found.offset))
            else:
                _is_header(log, found)
    return LogIndex(merged((known.run, builder.run())), reader.end, known.skipped + reader.skipped)


def save_index(files: LogFiles, log: str, index: LogIndex) -> None:
    """Puts the index beside its log.

    Raises:
        OutputError: it cannot be written.
    """
    files.put(index_name(log), encode_index(index))


def _ends_soundly(files: LogFiles, log: str, index: LogIndex) -> bool:
    if not len(index.run):
        return True
    with files.reading(log) as read_at:
        found = read_frame(read_at, index.run.last_offset())
    return found is not None and found.end <= index.covered


def _is_header(log: str, found: Framed) -> bool:
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
