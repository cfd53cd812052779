"""Folders whose files appear whole or not at all, local or behind a URI."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, Protocol, cast

from apache_beam.io.filesystem import BeamIOError
from apache_beam.io.filesystems import FileSystems

from transforms.addresses import is_uri, locate
from transforms.errors import BeamscribeError, UsageError

# Readers of the dataset skip names that begin with a dot, or look for *.parquet alone.
_TEMP_PREFIX = ".beamscribe-"
_TEMP_SUFFIX = ".tmp"

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FORBIDDEN = frozenset({errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST})


class OutputError(BeamscribeError):
    """The dataset cannot be written or read: the run has to stop (exit code 4)."""


class Folder(Protocol):
    """One folder of the dataset. Names are those of files directly in it."""

    def prepare(self) -> None:
        """Makes the folder, removes what killed writers left, and proves that it is writable.

        Raises:
            UsageError: it cannot be made or written to by this user.
            OutputError: the disk is full or failing.
        """

    def names(self) -> list[str]:
        """The names of its visible files, sorted; empty if there is no such folder."""

    def put(self, name: str, data: bytes) -> None:
        """Writes a file that appears whole, and durably, or not at all.

        Raises:
            OutputError: it could not be written; nothing of it is visible.
        """

    def writing(self, name: str) -> AbstractContextManager[IO[bytes]]:
        """A file that appears, as `put` does it, when the context is left without an error.

        Raises:
            OutputError: it could not be written, here or inside; nothing of it is visible.
        """

    def open(self, name: str) -> BinaryIO:
        """Opens a file for reading at any position; the caller closes it.

        Raises:
            OutputError: it could not be opened.
        """

    def remove(self, name: str) -> None:
        """Removes a file; one that is gone already is no error.

        Raises:
            OutputError: it could not be removed.
        """


def dataset_folder(output: str, name: str) -> Folder:
    """The folder ``name`` under OUTPUT: a local path, or a URI of a file system that Beam knows."""
    found = output_folder(output)
    if isinstance(found, RemoteFolder):
        return RemoteFolder(f"{found.uri}/{name}")
    return LocalFolder(found.path / name)


def output_folder(output: str) -> LocalFolder | RemoteFolder:
    """OUTPUT itself, as `dataset_folder`."""
    location = locate(output)
    if is_uri(location):
        return RemoteFolder(output.rstrip("/"))
    return LocalFolder(Path(os.fsdecode(location)))


@dataclass(frozen=True, slots=True)
class LocalFolder:
    """A folder of a POSIX file system.

    A file is written under a hidden name, flushed to the disk, and renamed. While it
    is written its writer holds an advisory lock on it, which the kernel frees when the
    writer dies: so what a killed writer left can be told from what a live one writes.

    Attributes:
        path: absolute path of the folder.
    """

    path: Path

    def prepare(self) -> None:
        """See `Folder.prepare`."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._remove_stale()
            with self.hidden() as (descriptor, _):
                os.write(descriptor, bytes(4096))
                os.fsync(descriptor)
        except OSError as error:
            if error.errno in _FORBIDDEN:
                raise _not_writable(str(self.path), error.strerror) from error
            raise output_error("write", self.path, error) from error

    def names(self) -> list[str]:
        """See `Folder.names`."""
        with output_errors("list", self.path):
            try:
                return sorted(file.name for file in self.path.iterdir() if not file.name.startswith("."))
            except FileNotFoundError:
                return []

    def put(self, name: str, data: bytes) -> None:
        """See `Folder.put`."""
        with self.writing(name) as file:
            file.write(data)

    @contextmanager
    def writing(self, name: str) -> Iterator[IO[bytes]]:
        """See `Folder.writing`."""
        with output_errors("write", self.path / name):
            with (
                self.hidden() as (descriptor, temporary),
                os.fdopen(descriptor, "wb", closefd=False) as file,
            ):
                yield file
                file.flush()
                os.fsync(descriptor)
                temporary.replace(self.path / name)
            self.sync()

    def open(self, name: str) -> BinaryIO:
        """See `Folder.open`."""
        with output_errors("read", self.path / name):
            return (self.path / name).open("rb")

    def remove(self, name: str) -> None:
        """See `Folder.remove`."""
        with output_errors("remove", self.path / name):
            (self.path / name).unlink(missing_ok=True)

    @contextmanager
    def hidden(self) -> Iterator[tuple[int, Path]]:
        """A locked hidden file, as descriptor and path; gone at the end unless it was renamed."""
        descriptor, temporary = self._create_hidden()
        try:
            yield descriptor, temporary
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            os.close(descriptor)

    def _create_hidden(self) -> tuple[int, Path]:
        while True:
            temporary = self.path / f"{_TEMP_PREFIX}{uuid.uuid4().hex}{_TEMP_SUFFIX}"
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
            # A run that starts now may have seen it, and removed it, before the lock was ours.
            if try_lock(descriptor) is not False and os.fstat(descriptor).st_nlink:
                return descriptor, temporary
            os.close(descriptor)

    def _remove_stale(self) -> None:
        for temporary in self.path.glob(f"{_TEMP_PREFIX}*{_TEMP_SUFFIX}"):
            with contextlib.suppress(FileNotFoundError):
                descriptor = os.open(temporary, os.O_RDWR)
                try:
                    if try_lock(descriptor):
                        temporary.unlink()
                finally:
                    os.close(descriptor)

    def sync(self) -> None:
        """Put the names of the folder on disk, as they are now."""
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@dataclass(frozen=True, slots=True)
class RemoteFolder:
    """A folder behind a URI of Beam's file systems, where objects appear when they are closed.

    Attributes:
        uri: address of the folder, without a slash at its end.
    """

    uri: str

    def prepare(self) -> None:
        """See `Folder.prepare`."""
        probe = f"{_TEMP_PREFIX}{uuid.uuid4().hex}{_TEMP_SUFFIX}"
        try:
            self.put(probe, b"")
        except ValueError as error:  # Beam has no file system for the URI's scheme.
            raise _not_writable(self.uri, str(error)) from error
        self.remove(probe)

    def names(self) -> list[str]:
        """See `Folder.names`."""
        with output_errors("list", self.uri):
            [found] = FileSystems.match([f"{self.uri}/*"])
            names = (metadata.path.rpartition("/")[2] for metadata in found.metadata_list)
            return sorted(name for name in names if not name.startswith("."))

    def put(self, name: str, data: bytes) -> None:
        """See `Folder.put`."""
        with output_errors("write", self._join(name)):
            file = FileSystems.create(self._join(name))
            file.write(data)
            # Not in a finally: closing is what publishes the object.
            file.close()

    @contextmanager
    def writing(self, name: str) -> Iterator[IO[bytes]]:
        """See `Folder.writing`. It waits in a temporary file, since some stores show what is half written."""
        with output_errors("write", self._join(name)), tempfile.TemporaryFile() as waiting:
            yield waiting
            waiting.seek(0)
            file = FileSystems.create(self._join(name))
            shutil.copyfileobj(waiting, file)
            file.close()

    def open(self, name: str) -> BinaryIO:
        """See `Folder.open`."""
        with output_errors("read", self._join(name)):
            return cast(BinaryIO, FileSystems.open(self._join(name)))

    def remove(self, name: str) -> None:
        """See `Folder.remove`."""
        with output_errors("remove", self._join(name)):
            if FileSystems.exists(self._join(name)):
                FileSystems.delete([self._join(name)])

    def _join(self, name: str) -> str:
        return f"{self.uri}/{name}"


def try_lock(descriptor: int) -> bool | None:
    """True if the lock is ours now, False if another's, None where the file system has no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


@contextmanager
def output_errors(verb: str, target: Path | str) -> Iterator[None]:
    """Turns what a disk or store complains of into an `OutputError` that says what to do."""
    try:
        yield
    except (OSError, BeamIOError) as error:
        raise output_error(verb, target, error) from error


def output_error(verb: str, target: Path | str, error: OSError) -> OutputError:
    """What could not be done to what, why, and what to do."""
    if error.errno in _FULL:
        advice = "The disk or the quota on it is full: free some space"
    elif error.errno in _FORBIDDEN:
        advice = "The folder may not be written to (any more): mend its rights or its mount"
    else:
        advice = "The storage seems to fail: see whether it can be reached"
    return OutputError(
        f"{target}: cannot {verb} it ({error.strerror or error}). {advice}, then run the same command again; "
        f"what was written before is kept."
    )


def _not_writable(target: str, reason: str | None) -> UsageError:
    return UsageError(
        f"{target}: the output folder cannot be written to ({reason}). Choose another --output, or give this "
        f"user the right to write there."
    )
