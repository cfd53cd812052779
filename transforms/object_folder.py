"""A folder of the dataset in object storage, where a file appears whole when its upload is complete."""

from __future__ import annotations

import contextlib
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, BinaryIO

from transforms.objects import Objects
from transforms.output_errors import not_writable, output_error, output_errors


@dataclass(frozen=True, slots=True)
class ObjectFolder:
    """What `folders.Folder` says, on S3, what speaks like it, or Google's storage.

    A writer that is killed leaves nothing that anybody lists: what it sent of an upload in parts is
    never seen, and goes by the bucket's own rule for uploads that were never completed.

    Attributes:
        uri: address of the folder, without a slash at its end.
    """

    uri: str

    def prepare(self) -> None:
        """See `Folder.prepare`."""
        probe = f".beamscribe-{uuid.uuid4().hex}.tmp"
        try:
            objects = Objects(self.uri)
            objects.put(probe, b"")
            objects.remove(probe)
        except (PermissionError, FileNotFoundError) as error:
            reason = str(error.strerror).removeprefix(f"{self._join(probe)}: ")
            raise not_writable(self.uri, reason) from error
        except OSError as error:
            raise output_error("write", self.uri, error) from error

    def names(self) -> list[str]:
        """See `Folder.names`."""
        return list(self.each_name())

    def each_name(self) -> Iterator[str]:
        """See `Folder.each_name`."""
        # Without even the bucket there are none, as `prepare` tells.
        with output_errors("list", self.uri), contextlib.suppress(FileNotFoundError):
            yield from (name for name in Objects(self.uri).names() if not name.startswith("."))

    def put(self, name: str, data: bytes) -> None:
        """See `Folder.put`."""
        with output_errors("write", self._join(name)):
            Objects(self.uri).put(name, data)

    @contextmanager
    def writing(self, name: str) -> Iterator[IO[bytes]]:
        """See `Folder.writing`. It waits in a temporary file: what is uploaded may have to be sent again."""
        with output_errors("write", self._join(name)), tempfile.TemporaryFile() as waiting:
            yield waiting
            waiting.flush()
            Objects(self.uri).upload(name, waiting)

    def open(self, name: str) -> BinaryIO:
        """See `Folder.open`."""
        with output_errors("read", self._join(name)):
            return Objects(self.uri).open(name)

    def remove(self, name: str) -> None:
        """See `Folder.remove`."""
        with output_errors("remove", self._join(name)):
            Objects(self.uri).remove(name)

    def _join(self, name: str) -> str:
        return f"{self.uri}/{name}"
