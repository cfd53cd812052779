"""What stores say of the objects that manifests name, asked for on threads.

A listing tells size and entity tag of each object with its name. A manifest does not; without them
every run would fetch every recording of it again, to find that it is the same.
"""

from __future__ import annotations

import errno
from collections import Counter, deque
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
# As many as are asked for at once: those of one that is away all fail together.
_FAILURES_IN_A_ROW = 16
_OF_THE_NAME = frozenset({errno.EINVAL, errno.ENAMETOOLONG})


def marked(
    recordings: Iterable[Recording], mark_of: Callable[[str], Mark | None] | None = None
) -> Iterator[Recording]:
    """The recordings, in order; those in object storage with what their store says of them.

    An object that is not there keeps no mark: reading it fails, and tells why. A store of which
    several in a row fail is not asked again, so that one that is away does not hold the list up for
    each row; other stores are.

    Args:
        recordings: without marks, or with those that are known.
        mark_of: asks for the mark of an address, on several threads; it may raise OSError. None
            to ask the stores.
    """
    ask = _Asking(mark_of or _Stores().mark_of)
    waiting: deque[tuple[Recording, Future[Mark | None] | None]] = deque()
    threads = ThreadPoolExecutor(_ASKED_AT_ONCE, thread_name_prefix="marks")
    try:
        for recording in recordings:
            answer = None
            if recording.mark is None and is_object_uri(recording.location):
                answer = threads.submit(ask, recording.location)
            waiting.append((recording, answer))
            while waiting and (waiting[0][1] is None or len(waiting) > _AHEAD):
                yield _with_mark(*waiting.popleft())
        while waiting:
            yield _with_mark(*waiting.popleft())
    finally:
        threads.shutdown(cancel_futures=True)  # who wants no more does not wait for what was to come


class _Asking:
    """Asks each store until so many of its answers in a row were none."""

    def __init__(self, mark_of: Callable[[str], Mark | None]) -> None:
        self._mark_of = mark_of
        self._failed: Counter[tuple[str, str]] = Counter()

    def __call__(self, location: bytes) -> Mark | None:
        """The mark of an address; None too for one that is none, which shows when it is read."""
        try:
            uri = uri_text(location)
            scheme, bucket, _ = parts_of(uri)
        except (UsageError, ValueError):
            return None
        store = scheme, bucket
        if self._failed[store] >= _FAILURES_IN_A_ROW:
            return None
        try:
            mark = self._mark_of(uri)
        except PermissionError:
            return None  # of this object, perhaps
        except (OSError, UsageError) as error:
            # A name that stores do not take says nothing of the store, and takes no time.
            self._failed[store] += not (isinstance(error, OSError) and error.errno in _OF_THE_NAME)
            return None
        self._failed[store] = 0
        return mark


def _with_mark(recording: Recording, answer: Future[Mark | None] | None) -> Recording:
    mark = None if answer is None else answer.result()
    return recording if mark is None else replace(recording, mark=mark)


class _Stores:
    """One client for each bucket, of all threads."""

    def __init__(self) -> None:
        self._buckets: dict[tuple[str, str], Objects | OSError | UsageError] = {}
        self._opening = Lock()

    def mark_of(self, uri: str) -> Mark | None:
        scheme, bucket, name = parts_of(uri)
        with self._opening:
            if (scheme, bucket) not in self._buckets:
                self._buckets[scheme, bucket] = _opened(f"{scheme}://{bucket}")
            objects = self._buckets[scheme, bucket]
        if not isinstance(objects, Objects):
            raise objects.with_traceback(None)  # or it would grow with every row
        return objects.mark(name)


def _opened(uri: str) -> Objects | OSError | UsageError:
    """The client of a bucket, or why there is none: looking for credentials that are not there takes long."""
    try:
        return Objects(uri)
    except (OSError, UsageError) as error:
        return error
