"""Read a recording's bytes once, wherever they lie, and checksum them on the way."""

from __future__ import annotations

import errno
import io
import os
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, cast

import google_crc32c
from blake3 import blake3

from transforms.addresses import audio_uri_of, format_crc32c, is_uri, uri_text
from transforms.codes import CHECKSUM_MISMATCH, EMPTY_FILE, NOT_FOUND, PERMISSION_DENIED, READ_FAILED
from transforms.errors import RecordingError
from transforms.fetch import ReadLimits, fetch
from transforms.records import Recording, Stage

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["Checked", "ChecksumReader", "ReadLimits", "open_source", "verify"]

# Fits a core's cache: reading, checksumming and copying 100 MB takes 7 ms; in blocks of 1 MiB, 15.
_BLOCK_BYTES = 128 << 10
# A name that will not begin to work by waiting.
_NAME_ERRNOS = frozenset({errno.ELOOP, errno.ENAMETOOLONG, errno.EINVAL})


@dataclass(frozen=True, slots=True)
class Checked:
    """What is known of bytes that were read to their end.

    Attributes:
        crc32c: CRC-32C of all of them, in order.
        size_bytes: how many there were.
        digest: BLAKE3 of all of them, 32 bytes: the identity of the content.
    """

    crc32c: int
    size_bytes: int
    digest: bytes


class ChecksumReader(io.BufferedReader):
    """A seekable file for decoders that checksums every byte when it is first read.

    A decoder may jump. Bytes beyond the furthest read so far are reached by reading
    what lies between; bytes before it are read again without being counted again.
    Small reads are served from a buffer.

    Call `finish` in any case, also after a decoder has failed: decoders hide why
    their reading failed, `finish` tells it.

    Args:
        raw: the bytes, a seekable file without a buffer of its own; closed with this one.
        name: what messages call it.
    """

    def __init__(self, raw: BinaryIO | io.RawIOBase, name: str = "the recording") -> None:
        self._counted = _Counted(cast(BinaryIO, raw), name)
        super().__init__(self._counted, _BLOCK_BYTES)

    def finish(self) -> Checked:
        """Read what no one has read yet; the position stays where it is.

        Returns:
            The checksum and size of the whole.

        Raises:
            RecordingError: the bytes cannot be read, now or in an earlier read.
        """
        return self._counted.finish()


class _Counted(io.RawIOBase):
    """The bytes below the buffer: keeps the mark up to which they are checksummed."""

    def __init__(self, raw: BinaryIO, name: str) -> None:
        self._raw = raw
        self._name = name
        self._position = 0
        self._mark = 0
        self._crc32c = 0
        self._blake3 = blake3()
        self._error: RecordingError | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position}.get(whence)
        self._position = self._raw.seek(offset, whence) if start is None else start + offset
        if self._position < 0:
            self._position = 0
            raise OSError(errno.EINVAL, "a position before the first byte")
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: WriteableBuffer) -> int:
        self._count_to(self._position)
        if self._position > self._mark:
            return 0  # beyond the last byte
        view = memoryview(buffer).cast("B")
        block = self._read(self._position, len(view))
        view[: len(block)] = block
        self._position += len(block)
        return len(block)

    def finish(self) -> Checked:
        self._count_to(None)
        return Checked(self._crc32c, self._mark, self._blake3.digest())

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()

    def _count_to(self, end: int | None) -> None:
        """Move the mark to `end`, or to the end of the bytes."""
        while end is None or self._mark < end:
            wanted = _BLOCK_BYTES if end is None else min(_BLOCK_BYTES, end - self._mark)
            if not self._read(self._mark, wanted):
                return

    def _read(self, position: int, size: int) -> bytes:
        """Read at a position that is not beyond the mark, and count what is new of it."""
        if self._error is not None:
            raise self._error
        try:
            self._raw.seek(position)
            block = self._raw.read(size)
        except OSError as error:
            self._error = _read_error(self._name, error)
            raise self._error from error
        known = self._mark - position
        if len(block) > known:
            new = block[known:] if known else block
            self._crc32c = google_crc32c.extend(self._crc32c, new)
            self._blake3.update(new)
            self._mark = position + len(block)
        return block


@contextmanager
def open_source(
    recording: Recording,
    *,
    limits: ReadLimits | None = None,
    spool_dir: str | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[ChecksumReader]:
    """Open a recording: a local file in place, a remote one by way of a temporary copy.

    A remote byte is fetched once; the copy has no name and goes with the reader.

    Args:
        recording: what to open.
        limits: how much a remote recording may take.
        spool_dir: where the temporary copy lies; None for the system's place.
        clock: monotonic seconds.

    Raises:
        RecordingError: it is missing, not readable, no file, empty, or cannot be
            fetched within the limits.
    """
    if is_uri(recording.location):
        raw = _spooled(recording, limits or ReadLimits(), spool_dir, clock)
    else:
        raw = _opened(recording)
    with ChecksumReader(raw, recording.audio_uri) as reader:
        if not reader.peek(1):
            raise RecordingError(
                Stage.DECODE,
                EMPTY_FILE,
                f"{recording.audio_uri}: empty, 0 bytes. Is it still being written? Copy it again.",
            )
        yield reader


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


def _opened(recording: Recording) -> io.FileIO:
    """Open a local file; only regular ones, since a pipe or device may never end."""
    try:
        mode = os.stat(recording.location).st_mode  # noqa: PTH116
        if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
            # Opening a folder fails and tells why: it is one, or it is closed to us.
            return io.FileIO(recording.location)
    except OSError as error:
        raise _open_error(recording, error) from error
    raise RecordingError(
        Stage.READ,
        READ_FAILED,
        f"{recording.audio_uri}: a pipe, socket or device, not a file. Only files can be transcribed.",
    )


def _spooled(
    recording: Recording, limits: ReadLimits, spool_dir: str | None, clock: Callable[[], float]
) -> BinaryIO:
    try:
        # Closed by the reader, or below if there will be none.
        spool = cast(BinaryIO, tempfile.TemporaryFile(dir=spool_dir))  # noqa: SIM115
    except OSError as error:
        raise _read_error("A temporary file", error) from error
    try:
        fetch(uri_text(recording.location), spool, limits=limits, clock=clock)
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
    return _read_error(name, error)


def _read_error(name: str, error: OSError) -> RecordingError:
    passing = error.errno not in _NAME_ERRNOS and not isinstance(error, IsADirectoryError)
    return RecordingError(
        Stage.READ,
        READ_FAILED,
        f"{name}: cannot be read ({error.strerror or error}). "
        + ("Check the disk or share, and run the command again." if passing else "Check the name."),
        retryable=passing,
    )
