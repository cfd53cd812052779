"""The logs of the record in object storage: each flush is an object, which is whole once it is listed.

What one writer has written is read as one log, whatever the objects are that hold it: a thread puts
many small ones together into a larger one, so that listings stay short. Others see the objects
alone. The same entry may be in two of them for a while, which counts once.
"""

from __future__ import annotations

import bisect
import contextlib
import logging
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import IO, Final

from transforms.answer_log import HEADER
from transforms.folders import OutputError, output_error, output_errors
from transforms.framing import ReadAt
from transforms.log_files import Written
from transforms.objects import Objects

LINGER_SECONDS: Final = 0.1
"""How long an answer waits for others, to share a request with them."""

MERGE_AT: Final = 64
"""So many neighbours of one size become one object."""

_MERGED_AT_MOST: Final = 2
"""How often: 4,096 flushes are one object then, which the end of the run puts together with others."""

_AHEAD_BYTES: Final = 64 * 2**10
"""What is fetched at least: an entry, or a small object, in one request."""

_log = logging.getLogger(__name__)


class ObjectLogs:
    """`LogFiles` beneath one address of object storage.

    Args:
        objects: what lies there.
        linger_seconds: how long an answer waits for others, to share a request with them.
    """

    def __init__(self, objects: Objects, *, linger_seconds: float = LINGER_SECONDS) -> None:
        self.linger_seconds = linger_seconds
        self._objects = objects
        self._own: ObjectAppender | None = None
        self._sizes: dict[str, int] = {}  # as listed last

    def names(self) -> list[str]:
        """See `LogFiles.names`; a log that is appended to here comes under one name."""
        with self._errors("list"):
            sizes = {listed.name: listed.mark.size_bytes for listed in self._objects.listed()}
        self._sizes = sizes
        if self._own is None:
            return list(sizes)
        return [*sorted(sizes.keys() - self._own.pieces), *self._own.names]

    def size(self, name: str) -> int:
        """See `LogFiles.size`."""
        if self._own is not None and name in self._own.names:
            return self._own.size
        size = self._sizes.get(name)
        if size is None:
            with self._errors("read", name):
                mark = self._objects.mark(name)
            if mark is None:
                raise FileNotFoundError(f"{self._objects.uri}/{name}")
            size = mark.size_bytes
        return size

    @contextmanager
    def reading(self, name: str) -> Iterator[ReadAt]:
        """See `LogFiles.reading`."""
        if self._own is not None and name in self._own.names:
            yield self._own.read_at
        else:
            yield self._reader(name)

    def stored_index(self, name: str) -> bytes | None:
        """See `LogFiles.stored_index`; only one that was listed is asked for."""
        if name not in self._sizes:
            return None
        with contextlib.suppress(FileNotFoundError), self._errors("read", name):
            return self._objects.read(name)
        return None

    def is_written(self, name: str) -> bool | None:
        """See `LogFiles.is_written`: never, unless it is our own."""
        return self._own is not None and name in self._own.names

    def prepare(self) -> None:
        """See `LogFiles.prepare`: whoever holds the state has shown that it can be written."""

    def put(self, name: str, data: bytes) -> None:
        """See `LogFiles.put`."""
        with output_errors("write", self._uri(name)):
            self._objects.put(name, data)
        self._sizes[name] = len(data)

    @contextmanager
    def adding(self, name: str) -> Iterator[IO[bytes]]:
        """See `LogFiles.adding`. It waits in a temporary file."""
        with output_errors("write", self._uri(name)), tempfile.TemporaryFile() as waiting:
            yield waiting
            waiting.flush()
            self._objects.upload(name, waiting)

    def remove(self, name: str) -> None:
        """See `LogFiles.remove`."""
        if name.endswith(".idx") and name not in self._sizes:
            return
        with output_errors("remove", self._uri(name)):
            self._objects.remove(name)

    def appender(self, new_name: Callable[[Iterable[str]], str]) -> ObjectAppender:
        """See `LogFiles.appender`."""
        self._own = ObjectAppender(self._objects, self.names, new_name)
        return self._own

    def anew(self) -> ObjectLogs:
        """See `LogFiles.anew`."""
        return ObjectLogs(self._objects, linger_seconds=self.linger_seconds)

    def _reader(self, name: str) -> ReadAt:
        """Reads one object, some ahead; it asks for nothing behind its end."""
        size = self.size(name)
        base, held = 0, b""

        def read_at(count: int, offset: int) -> bytes:
            nonlocal base, held
            end = min(offset + count, size)
            if offset >= end:
                return b""
            if not base <= offset <= end <= base + len(held):
                wanted = min(max(count, _AHEAD_BYTES), size - offset)
                with self._errors("read", name):
                    base, held = offset, self._objects.read(name, offset, wanted)
            return held[offset - base : end - base]

        return read_at

    def _uri(self, name: str) -> str:
        return f"{self._objects.uri}/{name}"

    @contextmanager
    def _errors(self, verb: str, name: str = "") -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError as error:
            raise output_error(verb, self._uri(name).rstrip("/"), error) from error


@dataclass(frozen=True, slots=True)
class _Piece:
    """An object that holds the bytes from ``start`` on of a log, behind a header of its own.

    Attributes:
        level: how often what it holds was put together.
        body: those bytes, as long as it is small and will be put together soon.
    """

    name: str
    start: int
    size: int
    level: int = 0
    body: bytes | None = None

    @property
    def end(self) -> int:
        return self.start + self.size


class ObjectAppender:
    """A `LogAppender` whose log is many objects.

    Args:
        objects: where they lie.
        listed: the names that there are.
        new_name: makes a name that sorts behind others.
    """

    def __init__(
        self, objects: Objects, listed: Callable[[], list[str]], new_name: Callable[[Iterable[str]], str]
    ) -> None:
        self._objects = objects
        self._listed = listed
        self._new_name = new_name
        self._tidying = ThreadPoolExecutor(1, "record")
        self._lock = threading.Lock()  # guards what follows
        self._pieces: list[_Piece] = []
        self._others: set[str] = set()  # objects that are not yet, or no longer, pieces
        self._last = ""
        self.names: list[str] = []

    @property
    def size(self) -> int:
        """Bytes written so far."""
        with self._lock:
            return self._pieces[-1].end if self._pieces else 0

    @property
    def pieces(self) -> set[str]:
        """The objects that hold the log, will or did."""
        with self._lock:
            return {piece.name for piece in self._pieces} | self._others

    def append(self, frames: Sequence[bytes]) -> Written:
        """See `LogAppender.append`."""
        body = b"".join(frames)
        start = self.size
        name = self._put(body)
        with self._lock:
            self._others.discard(name)
            self._pieces.append(_Piece(name, start, len(body), body=body))
            self.names = self.names or [name]
            if len(self._pieces) % MERGE_AT == 0:
                self._tidying.submit(self._tidy)
        return Written(self.names[0], start)

    def close(self) -> None:
        """See `LogAppender.close`."""
        self._tidying.shutdown()

    def read_at(self, count: int, offset: int) -> bytes:
        """At most so many bytes of the log at an offset; see `framing.ReadAt`."""
        while True:
            with self._lock:
                place = bisect.bisect_right([piece.start for piece in self._pieces], offset) - 1
                if place < 0 or offset >= self._pieces[place].end:
                    return b""
                piece = self._pieces[place]
            at, wanted = offset - piece.start, min(count, piece.end - offset)
            if piece.body is not None:
                return piece.body[at : at + wanted]
            try:
                return self._objects.read(piece.name, len(HEADER) + at, wanted)
            except FileNotFoundError:
                if piece.name in {each.name for each in self._pieces}:
                    return b""  # somebody removed it: what it held is called for again
            except OSError as error:
                raise output_error("read", f"{self._objects.uri}/{piece.name}", error) from error

    def _put(self, body: bytes) -> str:
        """A new object of these frames; its name is known here before it can be listed."""
        names = [self._last] if self._last else self._listed()
        with self._lock:
            name = self._last = self._new_name([self._last, *names])
            self._others.add(name)
        with output_errors("write", f"{self._objects.uri}/{name}"):
            self._objects.put(name, HEADER + body)
        return name

    def _tidy(self) -> None:
        """Put together what is small, so that there are few objects."""
        try:
            while (first := self._first_of_many()) is not None:
                self._merge(first)
        except (OutputError, OSError) as error:
            _log.warning("objects of the record stay as small as they are, which costs time alone: %s", error)

    def _first_of_many(self) -> int | None:
        """Where neighbours begin that are worth it."""
        with self._lock:
            pieces = list(self._pieces)
        # Those that were put together come before those that were not.
        for level, alike in groupby(enumerate(pieces), key=lambda numbered: numbered[1].level):
            neighbours = [number for number, _ in alike]
            if level < _MERGED_AT_MOST and len(neighbours) >= MERGE_AT:
                return neighbours[0]
        return None

    def _merge(self, first: int) -> None:
        with self._lock:
            merging = self._pieces[first : first + MERGE_AT]
        body = b"".join(self.read_at(piece.size, piece.start) for piece in merging)
        start, size = merging[0].start, sum(piece.size for piece in merging)
        assert len(body) == size, "an object holds what was put into it"
        name = self._put(body)
        with self._lock:
            self._others.discard(name)
            self._others.update(piece.name for piece in merging)
            self._pieces[first : first + MERGE_AT] = [_Piece(name, start, size, merging[0].level + 1)]
        for piece in merging:
            self._objects.remove(piece.name)
            with self._lock:
                self._others.discard(piece.name)
