"""Answers that are paid for once: looked up, waited for, or called for and recorded.

A book is shared by all that work on one run in a process: the segments that two
DoFn instances call for at the same time may be equal, and so may those of two
processes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from transforms.answer import ServiceError
from transforms.answer_entry import Answered, Entry, Refused
from transforms.answer_record import AnswerRecord
from transforms.answer_store import AnswerStore
from transforms.calling import Ending, Reply, Tally
from transforms.claims import Claims
from transforms.codes import Verdict, classify
from transforms.folders import OutputError
from transforms.lending import Lending
from transforms.local_logs import LocalLogs
from transforms.log_files import LogFiles
from transforms.object_logs import ObjectLogs
from transforms.objects import Objects
from transforms.once import KeyLocks, Once
from transforms.shared_link import link_of
from transforms.shared_place import Coordination, SharedPlace, State

ANSWERS = "answers"
"""The folder of the record under a state folder."""

_PAID_FOR = (Ending.ANSWERED, Ending.EMPTY)


class AnswerBook:
    """Settles each content once.

    Args:
        record: what was paid for.
        locks: keep other processes from calling for the same content meanwhile.
    """

    def __init__(self, record: AnswerRecord, locks: KeyLocks | Claims) -> None:
        self.record = record
        self._locks = locks
        self._once: Once[Reply] = Once()
        self._asked_again: set[bytes] = set()
        self._broken: OutputError | None = None

    def settle(self, key: bytes, call: Callable[[], Reply], *, ask_again: bool = False) -> Reply:
        """The reply for a segment: the recorded one, that of an equal one in flight, or a new one.

        An answer is in the record before it is returned.

        Args:
            key: by which its answer is recorded.
            call: calls the service.
            ask_again: whether segments that were refused for good are called for again.

        Raises:
            OutputError: the record cannot be read, or the answer could not be recorded.
        """
        known = self._known(key, ask_again)
        if known is not None:
            return known
        reply, mine = self._once.do(key, lambda: self._settle_here(key, call, ask_again))
        return reply if mine else replace(reply, tally=Tally(), reused=reply.ending in _PAID_FOR)

    def close(self) -> None:
        """Give back what it holds: of its record, and of its locks."""
        self.record.close()
        self._locks.close()

    def _settle_here(self, key: bytes, call: Callable[[], Reply], ask_again: bool) -> Reply:
        with self._locks.holding(key):
            self.record.refresh()
            known = self._known(key, ask_again)
            if known is not None:
                return known
            if self._broken is not None:
                raise self._broken  # what cannot be recorded is not paid for
            reply = call()
            if ask_again:
                self._asked_again.add(key)
            entry = _entry_of(key, reply)
            if entry is not None:
                self._add(entry)
            return reply

    def _add(self, entry: Entry) -> None:
        try:
            self.record.add(entry)
        except OutputError as error:
            self._broken = error
            raise

    def _known(self, key: bytes, ask_again: bool) -> Reply | None:
        return recorded_reply(self.record, key, ask_again=ask_again and key not in self._asked_again)


def recorded_reply(record: AnswerRecord, key: bytes, *, ask_again: bool) -> Reply | None:
    """The reply for a segment that needs no call; None if one has to be made.

    Args:
        record: what was paid for.
        key: by which its answer is recorded.
        ask_again: whether segments that were refused for good are called for again.

    Raises:
        OutputError: the record cannot be read.
    """
    found = record.find(key)
    if isinstance(found, Answered):
        return Reply(
            Ending.ANSWERED,
            Tally(),
            answer=found.answer,
            attempts=found.attempts,
            at_us=found.recognized_at_us,
            reused=True,
        )
    if isinstance(found, Refused):
        empty = classify(found.code, found.message) is Verdict.EMPTY
        if ask_again and not empty:
            return None
        error = ServiceError(found.code, found.message, found.request_id)
        ending = Ending.EMPTY if empty else Ending.FAILED
        return Reply(
            ending,
            Tally(),
            error=error,
            attempts=found.attempts,
            at_us=found.at_us,
            reused=ending in _PAID_FOR,
        )
    return None


def _entry_of(key: bytes, reply: Reply) -> Entry | None:
    """What to record of a reply; nothing of what may turn out otherwise next time."""
    if reply.ending is Ending.ANSWERED and reply.answer is not None:
        return Answered(key, reply.answer, reply.attempts, reply.at_us)
    settled = reply.ending is Ending.EMPTY or (reply.ending is Ending.FAILED and not reply.retryable)
    if settled and reply.error is not None:
        error = reply.error
        return Refused(key, error.code, error.message, error.request_id, reply.attempts, reply.at_us)
    return None


def record_in(state: Path | str, *, looks_only: bool = False) -> AnswerStore:
    """The record under a state folder, or under the address of a state in object storage.

    Args:
        state: where it lies.
        looks_only: see `AnswerStore`.
    """
    files: LogFiles
    if isinstance(state, Path):
        files = LocalLogs(state / ANSWERS)
    else:
        files = ObjectLogs(Objects(f"{state}/{ANSWERS}"))
    return AnswerStore(files, looks_only=looks_only)


def _locks_of(coordination: Coordination) -> KeyLocks | Claims:
    if isinstance(coordination, SharedPlace):
        return Claims(link_of(coordination))
    return KeyLocks(coordination / "keys")


def borrowed_book(state: State, coordination: Coordination) -> AnswerBook:
    """The book of a run, the same for everybody in this process; see `give_back`.

    Args:
        state: what outlives the run.
        coordination: what the processes of the run share.
    """

    def make() -> AnswerBook:
        record = record_in(state.uri if isinstance(state, SharedPlace) else state)
        return AnswerBook(record, _locks_of(coordination))

    return _books.borrow((state, coordination), make)


def give_back(book: AnswerBook) -> None:
    """Say that a borrowed book is not needed any more; the last one closes it."""
    _books.give_back(book)


_books: Lending[tuple[State, Coordination], AnswerBook] = Lending(AnswerBook.close)
