"""Open a recording's bytes, wherever they lie, and compare their checksum with the promised one."""

from __future__ import annotations

import io
import os
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import BinaryIO, cast

from transforms.addresses import audio_uri_of, format_crc32c, is_uri, uri_text
from transforms.block_file import BLOCK_BYTES
from transforms.checksum import Checked, read_error
from transforms.codes import CHECKSUM_MISMATCH, EMPTY_FILE, NOT_FOUND, PERMISSION_DENIED, READ_FAILED
from transforms.errors import RecordingError
from transforms.fetch import ReadLimits, fetch
from transforms.object_file import HEADER_BLOCK_BYTES, ObjectFile
from transforms.objects import is_object_uri
from transforms.records import Mark, Recording, Stage

__all__ = ["ReadLimits", "open_source", "verify"]


@contextmanager
def open_source(
    recording: Recording,
    *,
    limits: ReadLimits | None = None,
    spool_dir: str | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[BinaryIO]:
    """Open a recording: a local file in place, another one by way of a temporary copy.

    A remote byte is fetched once; the copy has no name and goes with the file. What comes
    with its content is not looked for anywhere.

    Args:
        recording: what to open.
        limits: how much a remote recording may take.
        spool_dir: where the temporary copy lies; None for the system's place.
        clock: monotonic seconds.

    Returns:
        Its bytes from the first one on, with a descriptor that other processes can read.

    Raises:
        RecordingError: it is missing, not readable, no file, empty, or cannot be
            fetched within the limits.
    """
    content = recording.content
    if content is not None:
        opened = _spooled(spool_dir, lambda spool: spool.write(content))
    elif is_uri(recording.location):
        address, allowed = uri_text(recording.location), limits or ReadLimits()
        opened = _spooled(spool_dir, lambda spool: fetch(address, spool, limits=allowed, clock=clock))
    else:
        opened = _opened(recording)
    with opened as source:
        if _is_empty(source, recording.audio_uri):
            raise RecordingError(
                Stage.DECODE,
                EMPTY_FILE,
                f"{recording.audio_uri}: empty, 0 bytes. Is it still being written? Copy it again.",
            )
        yield source


def can_be_parted(recording: Recording) -> bool:
    """Whether some of a recording can be read without all of it; see `open_parted`."""
    if recording.content is not None:
        return False
    return not is_uri(recording.location) or is_object_uri(recording.location)


@contextmanager
def open_parted(recording: Recording, *, only_header: bool = False) -> Iterator[BinaryIO]:
    """Open a recording to read some of it: a local file in place, an object by its blocks.

    Args:
        recording: one that `can_be_parted`.
        only_header: whether no more is read than a header.

    Returns:
        Its bytes, with a descriptor that other processes can read; for an object, an `ObjectFile`.

    Raises:
        RecordingError: it is missing, not readable, no file or empty.
        OSError: there is no place for a temporary file.
    """
    if not is_uri(recording.location):
        with open_source(recording) as source:
            yield source
        return
    block_bytes = HEADER_BLOCK_BYTES if only_header else BLOCK_BYTES
    with ObjectFile(uri_text(recording.location), block_bytes) as blocks:
        yield cast(BinaryIO, blocks)


def opened_as(source: BinaryIO) -> Mark:
    """By which a change of what was opened shows: of an object as it was then, of a file as it is now."""
    return source.opened_as if isinstance(source, ObjectFile) else _state_of(source.fileno())


def _state_of(descriptor: int) -> Mark:
    found = os.fstat(descriptor)
    return Mark(found.st_size, str(found.st_mtime_ns))


@contextmanager
def _looked_at(source: BinaryIO) -> Iterator[Callable[[], Mark]]:
    """What tells the state of what was opened, also when it is closed inside."""
    if isinstance(source, ObjectFile):
        yield source.state
        return
    descriptor = os.dup(source.fileno())
    try:
        yield partial(_state_of, descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def unchanged(source: BinaryIO, recording: Recording, known: Mark | None = None) -> Iterator[None]:
    """See to it that what is read is one file, and not two halves of a changing one.

    Args:
        source: what is read inside; it may be closed there.
        recording: that it is of.
        known: how it was when something else was read of it.

    Raises:
        RecordingError: it has changed; or it is an object, and is gone or its store does not say.
    """
    before = known or opened_as(source)
    with _looked_at(source) as state:
        yield
        after = state()
    if before != after:
        raise RecordingError(
            Stage.READ,
            READ_FAILED,
            f"{recording.audio_uri}: it changed while it was read, from {before.size_bytes:,} to "
            f"{after.size_bytes:,} bytes. Perhaps it is still being written: run the same command again when "
            "it is whole.",
            retryable=True,
        )


def verify(recording: Recording, checked: Checked) -> None:
    """Compare a recording's checksum with the one that its manifest promised, if it did.

    Raises:
        RecordingError: they differ.
    """
    expected = recording.expected_crc32c
    if expected is None or expected == checked.crc32c:
        return
    raise RecordingError(
        Stage.READ,
        CHECKSUM_MISMATCH,
        f"{recording.audio_uri}: the manifest promises CRC-32C {format_crc32c(expected)}, its "
        f"{checked.size_bytes:,} bytes have {format_crc32c(checked.crc32c)}. The file is damaged or was "
        "changed: copy it again, or correct the manifest.",
        retryable=is_uri(recording.location),
    )


def _is_empty(source: BinaryIO, name: str) -> bool:
    try:
        source.seek(0)  # also writes out the end of a temporary copy
        first = source.read(1)
        source.seek(0)
    except OSError as error:
        raise read_error(name, error) from error
    return not first


def _opened(recording: Recording) -> BinaryIO:
    """Open a local file; only regular ones, since a pipe or device may never end."""
    try:
        mode = os.stat(recording.location).st_mode  # noqa: PTH116
        if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
            # Opening a folder fails and tells why: it is one, or it is closed to us.
            return cast(BinaryIO, io.FileIO(recording.location))
    except OSError as error:
        raise _open_error(recording, error) from error
    raise RecordingError(
        Stage.READ,
        READ_FAILED,
        f"{recording.audio_uri}: a pipe, socket or device, not a file. Only files can be transcribed.",
    )


def _spooled(spool_dir: str | None, fill: Callable[[BinaryIO], object]) -> BinaryIO:
    """A temporary file with what is written into it."""
    try:
        # Closed by `open_source`, or below if there will be none.
        spool = cast(BinaryIO, tempfile.TemporaryFile(dir=spool_dir))  # noqa: SIM115
    except OSError as error:
        raise read_error("A temporary file", error) from error
    try:
        fill(spool)
    except BaseException:
        spool.close()
        raise
    return spool


def _open_error(recording: Recording, error: OSError) -> RecordingError:
    name = recording.audio_uri
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        if os.path.islink(recording.location):  # noqa: PTH114
            goal = audio_uri_of(os.readlink(recording.location))  # noqa: PTH115
            message = f"{name}: a link to {goal}, where there is nothing. Mount or restore what it leads to."
        else:
            message = f"{name}: no such file. Was it moved or deleted, or is a disk not mounted?"
        return RecordingError(Stage.READ, NOT_FOUND, message)
    if isinstance(error, PermissionError):
        message = f"{name}: no permission to read it. Give the user who runs this the right to."
        return RecordingError(Stage.READ, PERMISSION_DENIED, message)
    return read_error(name, error)
