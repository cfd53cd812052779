"""The record of paid answers in a local folder or in object storage, for many at once.

Every writer appends to a log of its own (`answer_writer`), every reader sees all of them
(`answer_log`). The logs are the record; indexes, in memory and beside them, only say
where things lie, and an entry is believed only if its frame checks and its whole key is
the one that was asked for.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Final

from transforms import answer_compaction
from transforms.answer_entry import Answered, Entry, Label, Planned, Refused, decode, encode
from transforms.answer_index import MAX_FILES, KeyIndex, LogIndex, alike, file_number_of, offset_of, place_of
from transforms.answer_log import load, log_names, read_payload, save_index, scan
from transforms.answer_writer import LogWriter
from transforms.folders import OutputError
from transforms.framing import frame
from transforms.log_files import LogFiles

# Reading less than this costs less than writing an index.
_INDEX_WORTH_BYTES: Final = 2**20

# What this process writes is newer than what it found.
_FIRST_OWN: Final = MAX_FILES // 2

# So often a listing may be behind what happens meanwhile.
_LISTINGS: Final = 5

# So many logs that were merged into others by others are worth clearing the index of them.
_MANY_GONE: Final = 256


@dataclass(slots=True, eq=False)
class _Log:
    """How far a log was read.

    Attributes:
        number: of the file, in places.
        covered: the end of the last sound frame seen.
        skipped: bytes before it that belong to no sound frame.
        size: of the file when it was last read.
        ended: its writer is gone, so that it stays as it is.
        searched: it was read whole because an entry was not where the index said.
        gone: another process has merged it into another log.
    """

    name: str
    number: int
    covered: int = 0
    skipped: int = 0
    size: int = 0
    ended: bool = False
    searched: bool = False
    gone: bool = False


def _now_us() -> int:
    return time.time_ns() // 1000


class AnswerStore:
    """An `AnswerRecord` of log files. Not to be carried over a fork.

    Nothing is read before the first lookup, and nothing written before the first `add`.
    For one key an answer outranks a refusal, and a later entry an earlier one.

    Args:
        files: the logs, and where they lie.
        looks_only: never touch them: no index is kept beside a log, no log's lock is tried,
            and what is added is forgotten.
        clock_us: microseconds since 1970 UTC, for the names of logs.
    """

    def __init__(
        self, files: LogFiles, *, looks_only: bool = False, clock_us: Callable[[], int] = _now_us
    ) -> None:
        self._files = files
        self._looks_only = looks_only
        self._clock_us = clock_us
        self._reading = threading.Lock()  # one thread at a time reads what others wrote
        self._lock = threading.Lock()  # guards what follows
        self._past_damage: dict[str, int] = {}
        self._tickets = itertools.count()  # drawn by refreshes, in order
        self._answered = -1
        self._begin()

    def find(self, key: bytes) -> Answered | Refused | None:
        """See `AnswerRecord.find`.

        Raises:
            OutputError: the record cannot be read.
            UsageError: a later version wrote it.
        """
        for entry in self._entries(key):
            if not isinstance(entry, Planned):
                return entry
        return None

    def find_plan(self, key: bytes) -> Planned | None:
        """See `AnswerRecord.find_plan`.

        Raises:
            OutputError: the record cannot be read.
            UsageError: a later version wrote it.
        """
        for entry in self._entries(key):
            if isinstance(entry, Planned):
                return entry
        return None

    def add(self, entry: Entry) -> None:
        """See `AnswerRecord.add`; concurrent callers share one flush.

        Raises:
            OutputError: it could not be written, now or in an earlier call, or the
                store is closed.
            ValueError: it is longer than an entry may be.
        """
        if self._looks_only:
            return
        written = self._writer.append(frame(encode(entry)))
        label = Label(entry.key, refused=isinstance(entry, Refused))
        with self._lock:
            own = self._own.get(written.log)
            if own is None:
                own = _Log(written.log, _FIRST_OWN + len(self._own))
                self._own[written.log] = self._logs[own.number] = own
            self._index.add(entry.key, place_of(label, written.offset, own.number))

    def refresh(self) -> None:
        """See `AnswerRecord.refresh`: reads what was appended since.

        Raises:
            OutputError: the record cannot be read.
            UsageError: a later version wrote it.
        """
        mine = next(self._tickets)
        with self._reading:
            if self._answered > mine:
                return  # by one that began after this thread came
            answers = next(self._tickets)
            self._read_on()
            self._loaded = True
            self._answered = answers

    def compact(self) -> None:
        """Merge small logs and drop what was outranked; see `answer_compaction`.

        No other thread may add meanwhile, and no other process may compact.

        Raises:
            OutputError: something could not be read or written; nothing is lost.
            UsageError: a later version wrote one of the logs, or the folder cannot be written to.
        """
        self._load()
        self._writer.close()
        damage = self.damage
        try:
            answer_compaction.compact(self._files.anew(), clock_us=self._clock_us)
        finally:
            with self._reading, self._lock:
                self._past_damage = damage
                self._begin()

    @property
    def damage(self) -> dict[str, int]:
        """Bytes that belong to no sound entry, by the name of the log; what was never read is not in it.

        The torn end of a log counts once its writer is gone.
        """
        with self._lock:
            logs = list(self._logs.values())
            found = dict(self._past_damage)
        for log in logs:
            lost = log.skipped
            # The writer may be about to finish what stands at the end.
            with contextlib.suppress(FileNotFoundError):
                if log.size > log.covered and not self._files.is_written(log.name):
                    lost += log.size - log.covered
            if lost:
                found[log.name] = lost
        return found

    def close(self) -> None:
        """Give the log back; what was added can still be found."""
        self._writer.close()

    def _begin(self) -> None:
        """With nothing read and nothing written."""
        self._files = self._files.anew()
        self._writer = LogWriter(self._files, clock_us=self._clock_us)
        self._index = KeyIndex()
        self._logs: dict[int, _Log] = {}
        self._found: dict[str, _Log] = {}
        self._own: dict[str, _Log] = {}
        self._next_number = 0
        self._loaded = False

    def _entries(self, key: bytes) -> Iterator[Entry]:
        """The sound entries of this key, the one that takes precedence first."""
        self._load()
        tried: set[int] = set()
        while places := [place for place in self._places(key) if place not in tried]:
            tried.add(places[0])
            entry = self._entry(places[0], key)
            if entry is not None and entry.key == key:
                yield entry

    def _places(self, key: bytes) -> list[int]:
        with self._lock:
            return self._index.places(key)

    def _entry(self, place: int, key: bytes) -> Entry | None:
        """What lies there. Where it is not what the index says, the index is mended."""
        with self._lock:
            log = self._logs.get(file_number_of(place))
        if log is None or log.gone:
            return None
        try:
            payload = read_payload(self._files, log.name, offset_of(place))
            entry = decode(payload) if payload is not None else None
            if entry is None or not alike(entry.key, key):
                self._search(log)
        except FileNotFoundError:
            log.gone = True
            self.refresh()
            return None
        return entry

    def _load(self) -> None:
        if self._loaded:
            return
        with self._reading:
            if not self._loaded:
                self._read_on()
                self._loaded = True

    def _read_on(self) -> None:
        for _ in range(_LISTINGS):
            names = log_names(self._files.names())
            if all(self._read(name) for name in names):
                break
        self._forget_all_but(names)

    def _read(self, name: str) -> bool:
        """See what is new in a log; False if it is there no more, since it was merged into another."""
        log = self._found.get(name)
        with self._lock:
            if name in self._own or (log is not None and log.ended):
                return True
        try:
            if log is None:
                self._read_new(name)
            else:
                self._read_behind(log)
        except FileNotFoundError:
            return False
        return True

    def _forget_all_but(self, names: Collection[str]) -> None:
        """Let go of logs that were merged into others, which have been read."""
        if len(self._found) - len(names) < _MANY_GONE:
            return
        gone = self._found.keys() - set(names)
        with self._lock:
            numbers = {self._found.pop(name).number for name in gone}
            self._index.forget(numbers)
            for number in numbers:
                del self._logs[number]

    def _read_new(self, name: str) -> None:
        # In this order: what is not written any more is then read to its end.
        ended = not self._looks_only and self._files.is_written(name) is False
        size = self._files.size(name)
        loaded = load(self._files, name)
        if ended and loaded.scanned >= _INDEX_WORTH_BYTES:
            # A convenience, which a full disk or a reader without rights does without.
            with contextlib.suppress(OutputError):
                save_index(self._files, name, loaded.index)
        log = self._found[name] = _Log(name, self._new_number(), ended=ended)
        self._take(log, loaded.index, size)

    def _new_number(self) -> int:
        """One that no log has; an entry of a log with a higher one takes precedence."""
        assert len(self._logs) < _FIRST_OWN, "logs are put together long before there are so many"
        number = self._next_number
        while number in self._logs:
            number = (number + 1) % _FIRST_OWN
        self._next_number = (number + 1) % _FIRST_OWN
        return number

    def _read_behind(self, log: _Log) -> None:
        size = self._files.size(log.name)
        if size != log.size:
            known = LogIndex(covered=log.covered, skipped=log.skipped)
            self._take(log, scan(self._files, log.name, known), size)

    def _search(self, log: _Log) -> None:
        """Reads a log whole, once, since its index led astray or an entry is damaged."""
        with self._reading:
            if not log.searched:
                log.searched = True
                size = self._files.size(log.name)
                self._take(log, scan(self._files, log.name, LogIndex()), size)

    def _take(self, log: _Log, index: LogIndex, size: int) -> None:
        with self._lock:
            self._logs[log.number] = log
            self._index.add_run(index.run.in_file(log.number))
            log.covered, log.skipped, log.size = index.covered, index.skipped, size
