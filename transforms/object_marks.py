"""What stores say of the objects that manifests name, asked for on threads.

A listing tells size and entity tag of each object with its name. A manifest does not; without them
every run would fetch every recording of it again, to find that it is the same.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from threading import Lock

from transforms.addresses import uri_text
from transforms.errors import UsageError
from transforms.object_store import parts_of
from transforms.objects import Objects, is_object_uri
from transforms.records import Mark, Recording

# A store takes some tens of milliseconds for each.
_ASKED_AT_ONCE = 16
_AHEAD = 256


def marked(
    recordings: Iterable[Recording], mark_of: Callable[[str], Mark | None] | None = None
) -> Iterator[Recording]:
    """The recordings, in order; those in object storage with what their store says of them.

    An object that is not there keeps no mark: reading it fails, and tells why. A store that
    fails is not asked again, so that one that is away does not hold the list up for each row.

    Args:
        recordings: without marks, or with those that are known.
        mark_of: asks for the mark of an address, on several threads; it may raise OSError. None
            to ask the stores.
    """
    ask = _Asking(mark_of or _Stores().mark_of)
    waiting: deque[tuple[Recording, Future[Mark | None] | None]] = deque()
    with ThreadPoolExecutor(_ASKED_AT_ONCE, thread_name_prefix="marks") as threads:
        for recording in recordings:
            answer = None
            if recording.mark is None and is_object_uri(recording.location):
                answer = threads.submit(ask, uri_text(recording.location))
            waiting.append((recording, answer))
            while waiting and (waiting[0][1] is None or len(waiting) > _AHEAD):
                yield _with_mark(*waiting.popleft())
        while waiting:
            yield _with_mark(*waiting.popleft())


class _Asking:
    """Asks until a store fails."""

    def __init__(self, mark_of: Callable[[str], Mark | None]) -> None:
        self._mark_of = mark_of
        self._failed = False

    def __call__(self, uri: str) -> Mark | None:
        if self._failed:
            return None
        try:
            return self._mark_of(uri)
        except PermissionError:
            return None  # of this object, perhaps
        except (OSError, UsageError):
            self._failed = True
            return None


def _with_mark(recording: Recording, answer: Future[Mark | None] | None) -> Recording:
    mark = None if answer is None else answer.result()
    return recording if mark is None else replace(recording, mark=mark)


class _Stores:
    """One client for each bucket, of all threads."""

    def __init__(self) -> None:
        self._buckets: dict[tuple[str, str], Objects] = {}
        self._opening = Lock()

    def mark_of(self, uri: str) -> Mark | None:
        scheme, bucket, name = parts_of(uri)
        with self._opening:
            objects = self._buckets.get((scheme, bucket))
            if objects is None:
                objects = self._buckets[scheme, bucket] = Objects(f"{scheme}://{bucket}")
        return objects.mark(name)
