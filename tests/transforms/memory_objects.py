"""Object storage in memory, behind the interface of `transforms.objects.Objects`."""

from __future__ import annotations

import errno
import io
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from transforms.objects import Listed, Objects
from transforms.records import Mark


@dataclass
class Bucket:
    """What several clients share.

    Attributes:
        kept: by whole name.
        requests: how many of each kind.
        before: told of each request before it is done; may raise.
        after: likewise, when it is done.
    """

    kept: dict[str, bytes] = field(default_factory=dict)
    requests: Counter[str] = field(default_factory=Counter)
    before: Callable[[str, str], None] = lambda verb, name: None
    after: Callable[[str, str], None] = lambda verb, name: None
    lock: threading.RLock = field(default_factory=threading.RLock)
    versions: Counter[str] = field(default_factory=Counter)

    def objects(self, top: str = "") -> MemoryObjects:
        """A client of what lies beneath a name."""
        return MemoryObjects(self, top)


class MemoryObjects(Objects):
    """One client."""

    def __init__(self, bucket: Bucket, top: str = "") -> None:
        self.bucket = bucket
        self.uri = f"s3://memory/{top}".rstrip("/")
        self._below = f"{top}/" if top else ""

    def _asked(self, verb: str, name: str) -> str:
        self.bucket.requests[verb] += 1
        self.bucket.before(verb, name)
        return self._below + name

    def read(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        path = self._asked("GET", name)
        with self.bucket.lock:
            if path not in self.bucket.kept:
                raise FileNotFoundError(errno.ENOENT, f"{self.uri}/{name}: there is no such object")
            data = self.bucket.kept[path]
        return data[offset:] if length is None else data[offset : offset + length]

    def put(self, name: str, data: bytes) -> None:
        path = self._asked("PUT", name)
        with self.bucket.lock:
            self.bucket.kept[path] = bytes(data)
            self.bucket.versions[path] += 1
        self.bucket.after("PUT", name)

    def create(self, name: str, data: bytes) -> bool:
        path = self._asked("CREATE", name)
        with self.bucket.lock:
            created = path not in self.bucket.kept
            if created:
                self.bucket.kept[path] = bytes(data)
                self.bucket.versions[path] += 1
            mine = self.bucket.kept[path] == data
        self.bucket.after("CREATE", name)
        return mine

    def upload(self, name: str, file: BinaryIO) -> None:
        file.seek(0)
        self.put(name, file.read())

    def open(self, name: str) -> BinaryIO:
        return io.BytesIO(self.read(name))

    def mark(self, name: str) -> Mark | None:
        path = self._asked("HEAD", name)
        with self.bucket.lock:
            return self._mark_of(path) if path in self.bucket.kept else None

    def remove(self, name: str) -> None:
        path = self._asked("DELETE", name)
        with self.bucket.lock:
            self.bucket.kept.pop(path, None)
        self.bucket.after("DELETE", name)

    def listed(self, folder: str = "", after: str | None = None) -> Iterator[Listed]:
        self._asked("LIST", folder)
        below = self._below + (f"{folder}/" if folder else "")
        with self.bucket.lock:
            found = [
                Listed(path[len(self._below) :], self._mark_of(path))
                for path in sorted(self.bucket.kept)
                if path.startswith(below)
            ]
        return iter([each for each in found if after is None or each.name > after])

    def _mark_of(self, path: str) -> Mark:
        return Mark(len(self.bucket.kept[path]), f"v{self.bucket.versions[path]}")
