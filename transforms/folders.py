"""Folders whose files appear whole or not at all, local or behind a URI."""

from __future__ import annotations

import contextlib
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

from apache_beam.io.filesystems import FileSystems

from transforms.addresses import is_uri, locate
from transforms.object_folder import ObjectFolder
from transforms.objects import is_object_uri
from transforms.output_errors import FORBIDDEN, OutputError, not_writable, output_error, output_errors

__all__ = [
    "Folder",
    "LocalFolder",
    "ObjectFolder",
    "OutputError",
    "RemoteFolder",
    "dataset_folder",
    "folder_at",
    "output_error",
    "output_errors",
    "output_folder",
    "try_lock",
]

# Readers of the dataset skip names that begin with a dot, or look for *.parquet alone.
_TEMP_PREFIX = ".beamscribe-"
_TEMP_SUFFIX = ".tmp"


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

    def each_name(self) -> Iterator[str]:
        """The same names one after the other, in any order: for folders of very many files."""

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
    """The folder ``name`` under OUTPUT, as `output_folder`."""
    return folder_at(output, name)


def output_folder(output: str) -> Folder:
    """OUTPUT itself: a local path, object storage, or a URI of a file system that Beam knows."""
    return folder_at(output)


def folder_at(address: str, name: str = "") -> Folder:
    """The folder at an address, or the one of a name in it."""
    location = locate(address)
    if not is_uri(location):
        return LocalFolder(Path(os.fsdecode(location)) / name)
    uri = f"{address.rstrip('/')}/{name}".rstrip("/")
    return ObjectFolder(uri) if is_object_uri(uri) else RemoteFolder(uri)


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
            if error.errno in FORBIDDEN:
                raise not_writable(str(self.path), error.strerror) from error
            raise output_error("write", self.path, error) from error

    def names(self) -> list[str]:
        """See `Folder.names`."""
        return sorted(self.each_name())

    def each_name(self) -> Iterator[str]:
        """See `Folder.each_name`."""
        with output_errors("list", self.path), contextlib.suppress(FileNotFoundError):
            yield from (name for name in self._all_names() if not name.startswith("."))

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
        for name in self._all_names():
            if not (name.startswith(_TEMP_PREFIX) and name.endswith(_TEMP_SUFFIX)):
                continue
            with contextlib.suppress(FileNotFoundError):
                descriptor = os.open(self.path / name, os.O_RDWR)
                try:
                    if try_lock(descriptor):
                        (self.path / name).unlink()
                finally:
                    os.close(descriptor)

    def _all_names(self) -> Iterator[str]:
        """Hidden ones too. `Path.iterdir` and `glob` would hold all of them."""
        with os.scandir(self.path) as found:
            for each in found:
                yield each.name

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
            raise not_writable(self.uri, str(error)) from error
        self.remove(probe)

    def names(self) -> list[str]:
        """See `Folder.names`."""
        with output_errors("list", self.uri):
            [found] = FileSystems.match([f"{self.uri}/*"])
            names = (metadata.path.rpartition("/")[2] for metadata in found.metadata_list)
            return sorted(name for name in names if not name.startswith("."))

    def each_name(self) -> Iterator[str]:
        """See `Folder.each_name`; Beam lists them at once."""
        yield from self.names()

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
