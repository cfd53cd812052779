"""A file system of Beam's that lives in a dict, for tests of URIs."""

from __future__ import annotations

import io
from typing import ClassVar

from apache_beam.io.filesystem import BeamIOError, FileMetadata, FileSystem


class MemoryFiles(FileSystem):
    """``mem://``: like an object store, it knows names and no folders.

    Attributes:
        files: the content of each URI.
        opened: each URI that was opened, in order.
        broken: URIs whose reading fails after the first block.
    """

    files: ClassVar[dict[str, bytes]] = {}
    opened: ClassVar[list[str]] = []
    broken: ClassVar[set[str]] = set()

    @classmethod
    def scheme(cls):
        return "mem"

    @classmethod
    def fill(cls, **files: bytes) -> None:
        cls.files = {f"mem://{name}": content for name, content in files.items()}
        cls.opened = []
        cls.broken = set()

    def has_dirs(self):
        return False

    def _list(self, dir_or_prefix):
        for path, content in reversed(self.files.items()):
            if path.startswith(dir_or_prefix):
                yield FileMetadata(path, len(content))

    def exists(self, path):
        return path in self.files

    def metadata(self, path):
        return FileMetadata(path, len(self.files[path]))

    def open(self, path, mime_type="", compression_type="auto"):
        assert compression_type == "uncompressed"
        self.opened.append(path)
        if path not in self.files:
            raise BeamIOError("Open failed", {path: FileNotFoundError(path)})
        return _Breaking(self.files[path]) if path in self.broken else io.BytesIO(self.files[path])

    def _refuse(self, *_, **__):
        raise NotImplementedError

    join = split = mkdirs = create = copy = rename = _refuse
    size = last_updated = checksum = delete = _refuse


class _Breaking(io.BytesIO):
    def read(self, size: int | None = -1) -> bytes:
        if self.tell():
            raise ConnectionResetError(104, "Connection reset by peer")
        return super().read(size)


class MemoryStore(MemoryFiles):
    """``memstore://``: an object store that can be written to; an object appears when it is closed."""

    files: ClassVar[dict[str, bytes]] = {}

    @classmethod
    def scheme(cls):
        return "memstore"

    def open(self, path, mime_type="", compression_type="auto"):
        if path not in self.files:
            raise BeamIOError("Open failed", {path: FileNotFoundError(path)})
        return io.BytesIO(self.files[path])

    def create(self, path, mime_type="", compression_type="auto"):
        return _Appearing(self.files, path)

    def delete(self, paths):
        for path in paths:
            del self.files[path]


class _Appearing(io.BytesIO):
    def __init__(self, files, path):
        super().__init__()
        self._files, self._path = files, path

    def close(self):
        if not self.closed:
            self._files[self._path] = self.getvalue()
        super().close()
