"""Object storage: what lies beneath one address of S3, of what speaks like it, or of Google's storage.

All that knows `obstore` is here and in `object_store`. Names are relative to the address, and `/`
parts them. An object appears whole or not at all.

**Repeats.** `obstore` repeats what it may repeat without asking: server errors, and broken
connections of reads and of puts that overwrite. What it may not is repeated here, since only here
is known what repeating it does: a create asks whether the object there is its own, a listing goes
on after the last name. Both ends lie within the same minute, so a store that is away is told of
after about that time.
"""

from __future__ import annotations

import errno
import io
import os
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, Literal, NoReturn, TypeVar

from transforms.object_store import (
    ADDRESS,
    REPEAT_SECONDS,
    endpoint_of,
    is_broken,
    is_cos,
    open_store,
    parts_of,
    status_of,
    told,
)
from transforms.records import Mark

_WAIT_SECONDS: Final = 0.3
_PAGE: Final = 1000
"""Names in a page: what stores give at most."""
_BUFFER_BYTES: Final = 1 << 20
_PART_BYTES: Final = 8 << 20
"""Of a large upload. S3 takes 10,000 parts at most."""
_PARTS_AT_ONCE: Final = 2

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Listed:
    """An object in a listing.

    Attributes:
        name: relative to the address that was listed.
        mark: its size, and by what a change shows.
    """

    name: str
    mark: Mark


def is_object_uri(address: str | bytes) -> bool:
    """Whether an address is one of the object storage that is known here: ``s3://`` or ``gs://``."""
    return ADDRESS.fullmatch(os.fsdecode(address)) is not None


class Objects:
    """What lies beneath one address. Threads may share it; it is never pickled.

    All methods raise FileNotFoundError, PermissionError or another OSError, whose ``strerror`` a
    person understands: the store refused, or was away for longer than the repeats take.

    Args:
        uri: ``s3://bucket/folder`` or ``gs://bucket/folder``; never percent-encoded.
        clock: monotonic seconds.
        sleep: waits for so many seconds.

    Raises:
        UsageError: `obstore` is not installed, or the address is none of these.
        PermissionError: there are no credentials for the store.
    """

    def __init__(
        self,
        uri: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        scheme, bucket, self._top = parts_of(uri)
        self.uri = f"{scheme}://{bucket}/{self._top}".rstrip("/")
        endpoint = endpoint_of(scheme, bucket)
        self._store = self._creating = open_store(scheme, bucket, endpoint)
        self._mode: Literal["create", "overwrite"] = "create"
        if scheme == "s3" and is_cos(endpoint):
            # It has a header of its own for what S3 says by If-None-Match.
            self._creating = open_store(scheme, bucket, endpoint, forbid_overwrite=True)
            self._mode = "overwrite"
        self._clock = clock
        self._sleep = sleep

    def __repr__(self) -> str:
        return f"Objects({self.uri!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{self!r} is a client of a store and is never pickled: hand on its address.")

    def read(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        """The bytes of an object, or ``length`` of them from ``offset``; fewer where it ends."""
        import obstore

        if length == 0:
            return b""
        wanted = {"offset": offset} if length is None else (offset, offset + length)
        options: Any = {"range": wanted} if offset or length is not None else None
        try:
            return self._repeated(
                name, lambda path: bytes(obstore.get(self._store, path, options=options).bytes())
            )
        except OSError as error:
            if isinstance(error.__cause__, Exception) and status_of(error.__cause__).startswith("416"):
                return b""  # it ends before
            raise

    def put(self, name: str, data: bytes) -> None:
        """Write an object, over one that is there."""
        import obstore

        self._repeated(name, lambda path: obstore.put(self._store, path, data, use_multipart=False))

    def create(self, name: str, data: bytes) -> bool:
        """Write an object unless there is one of this name.

        Of several that try at once one succeeds, also if its answer is lost on the way. For this
        ``data`` has to be unlike that of all others: a token in it will do.

        Returns:
            Whether the object that is there is this one.
        """
        import obstore
        from obstore.exceptions import AlreadyExistsError

        def put(path: str) -> bool:
            try:
                obstore.put(self._creating, path, data, mode=self._mode, use_multipart=False)
            except AlreadyExistsError:
                return False
            return True

        return self._repeated(name, put) or self._holds(name, data)

    def upload(self, name: str, file: BinaryIO) -> None:
        """Write an object from the start of a seekable file, a part after the other."""
        import obstore

        def put(path: str) -> None:
            file.seek(0)
            obstore.put(self._store, path, file, chunk_size=_PART_BYTES, max_concurrency=_PARTS_AT_ONCE)

        self._repeated(name, put)

    def open(self, name: str, buffer_bytes: int = _BUFFER_BYTES) -> BinaryIO:
        """Open an object for reading at any position, of which so much is held; the caller closes it."""
        mark = self.mark(name)
        if mark is None:
            raise FileNotFoundError(errno.ENOENT, f"{self._uri(name)}: there is no such object")
        raw = _Ranges(lambda offset, length: self.read(name, offset, length), mark.size_bytes)
        return io.BufferedReader(raw, buffer_bytes)

    def blocks(self, name: str) -> Generator[bytes, None, None]:
        """The bytes of an object from its start to its end, in blocks as they come, in one request."""
        import obstore
        from obstore.exceptions import BaseError

        got = self._repeated(name, lambda path: obstore.get(self._store, path))
        blocks = iter(got.stream(min_chunk_size=1))
        while True:
            try:
                block = next(blocks, None)
            except BaseError as error:
                raise told(self._uri(name), error) from error
            if block is None:
                return
            yield bytes(block)

    def mark(self, name: str) -> Mark | None:
        """What the store says of an object; None if there is none."""
        import obstore

        try:
            return _mark_of(self._repeated(name, lambda path: obstore.head(self._store, path)))
        except FileNotFoundError:
            return None

    def remove(self, name: str) -> None:
        """Remove an object; one that is gone already is no error."""
        import obstore

        try:
            self._repeated(name, lambda path: obstore.delete(self._store, path))
        except FileNotFoundError:
            return

    def listed(self, folder: str = "", after: str | None = None) -> Iterator[Listed]:
        """The objects beneath a folder and its folders, in the order of their names, a page at a time.

        What only marks a folder, an empty object whose name ends in ``/``, is left out.

        Args:
            folder: relative to the address; empty for all.
            after: only names behind this one; relative to the address, as those that are listed.
        """
        import obstore

        last = after or ""
        pages: Any = None

        def page(path: str) -> list[Any]:
            nonlocal pages
            going_on = pages or obstore.list(
                self._store, path or None, offset=self._path(last) if last else None, chunk_size=_PAGE
            )
            pages = None  # what breaks off begins anew, after the last name
            found = list(next(going_on, ()))
            pages = going_on
            return found

        while found := self._repeated(folder, page):
            for each in found:
                name, mark = self._name(each["path"]), _mark_of(each)
                if mark.size_bytes == 0 and (name <= last or self.mark(name) is None):
                    continue
                if name <= last:
                    raise OSError(
                        errno.EIO,
                        f"{self._uri(name)}: listed after {self._uri(last)}, out of order. Names that "
                        "begin with / cannot be read, nor stores that do not sort",
                    )
                last = name
                yield Listed(name, mark)

    def names(self) -> list[str]:
        """The names of the objects right beneath the address, not of those in its folders, sorted."""
        import obstore

        found = self._repeated(
            "", lambda path: list(obstore.list_with_delimiter(self._store, path or None)["objects"])
        )
        # Without the object that marks the folder itself.
        return sorted(self._name(each["path"]) for each in found if each["path"] != self._top)

    def _holds(self, name: str, data: bytes) -> bool:
        try:
            return self.read(name) == data
        except FileNotFoundError:
            return False

    def _path(self, name: str) -> str:
        return f"{self._top}/{name}".strip("/") if self._top else name

    def _name(self, path: str) -> str:
        return path.removeprefix(f"{self._top}/") if self._top else path

    def _uri(self, name: str) -> str:
        return f"{self.uri}/{name}".rstrip("/")

    def _repeated(self, name: str, act: Callable[[str], _Result]) -> _Result:
        """Do something to an object, again where a connection broke, for a minute."""
        from obstore.exceptions import BaseError

        began = self._clock()
        while True:
            try:
                return act(self._path(name))
            except (BaseError, FileNotFoundError, ValueError) as error:
                if not is_broken(error) or self._clock() - began > REPEAT_SECONDS:
                    raise told(self._uri(name), error) from error
            self._sleep(_WAIT_SECONDS)


class _Ranges(io.RawIOBase):
    """An object as a file that is read by ranges."""

    def __init__(self, read: Callable[[int, int], bytes], size_bytes: int) -> None:
        super().__init__()
        self._read = read
        self._size = size_bytes
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = max(0, offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence])
        return self._at

    def readall(self) -> bytes:
        got = self._read(self._at, max(0, self._size - self._at))  # else it would ask for 8 KB at a time
        self._at += len(got)
        return got

    def readinto(self, into: Any) -> int:
        length = min(len(into), self._size - self._at)
        if length <= 0:
            return 0
        got = self._read(self._at, length)
        into[: len(got)] = got
        self._at += len(got)
        return len(got)


def _mark_of(meta: Any) -> Mark:
    return Mark(meta["size"], meta["e_tag"] or meta["last_modified"].isoformat())
