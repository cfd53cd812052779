from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from transforms.answer import Answer, HeardWord, ServiceError
from transforms.answer_book import ANSWERS, AnswerBook, borrowed_book, give_back
from transforms.answer_entry import Answered, Entry, Planned, Refused
from transforms.answer_store import AnswerStore
from transforms.calling import Ending, Reply, Tally
from transforms.folders import OutputError
from transforms.local_logs import LocalLogs
from transforms.once import KeyLocks

KEY, OTHER = b"k" * 32, b"o" * 32
ANSWER = Answer("said", (HeardWord("said", 0, 900),), 1000, "id-1")
NO_VOICE = "InvalidParameterValue.NoHumanVoice"
BAD_VOICE = "InvalidParameterValue.ErrorInvalidVoicedata"


class Memory:
    """A record that others can write to: what they wrote is seen after `refresh`."""

    def __init__(self) -> None:
        self.entries: dict[bytes, Entry] = {}
        self.of_others: dict[bytes, Entry] = {}
        self.full = False

    def find(self, key: bytes) -> Answered | Refused | None:
        found = self.entries.get(key)
        return None if isinstance(found, Planned) else found

    def find_plan(self, key: bytes) -> Planned | None:
        found = self.entries.get(key)
        return found if isinstance(found, Planned) else None

    def add(self, entry: Entry) -> None:
        if self.full:
            raise OutputError("full")
        self.entries[entry.key] = entry

    def refresh(self) -> None:
        self.entries |= self.of_others


@pytest.fixture
def record() -> Memory:
    return Memory()


@pytest.fixture
def book(record: Memory, tmp_path: Path) -> Iterator[AnswerBook]:
    locks = KeyLocks(tmp_path / "keys")
    yield AnswerBook(record, locks)
    locks.close()


class Calls:
    """Calls that end in the same reply."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.made = 0

    def __call__(self) -> Reply:
        self.made += 1
        return self.reply


def answered() -> Reply:
    return Reply(Ending.ANSWERED, Tally(calls=2, billed=1), answer=ANSWER, attempts=2, at_us=77)


def failed(code: str, ending: Ending = Ending.FAILED, *, retryable: bool = False) -> Reply:
    error = ServiceError(code, "told so", "id-9", False)
    return Reply(ending, Tally(calls=1), error=error, retryable=retryable, attempts=1, at_us=88)


def never() -> Reply:
    raise AssertionError("this is paid for")


def test_an_answer_is_recorded_before_it_is_handed_on_and_found_the_next_time(book, record):
    calls = Calls(answered())
    first = book.settle(KEY, calls)
    assert first == calls.reply
    assert record.entries == {KEY: Answered(KEY, ANSWER, 2, 77)}
    again = book.settle(KEY, never)
    assert again == Reply(Ending.ANSWERED, Tally(), answer=ANSWER, attempts=2, at_us=77, reused=True)
    assert book.settle(OTHER, calls).answer == ANSWER
    assert calls.made == 2


def test_what_another_process_has_recorded_meanwhile_is_not_called_for(book, record):
    record.of_others[KEY] = Answered(KEY, ANSWER, 1, 5)
    assert book.settle(KEY, never).reused


def test_a_refusal_for_good_is_kept_and_asked_again_only_on_request(book, record):
    calls = Calls(failed(BAD_VOICE))
    assert not book.settle(KEY, calls).reused
    assert record.entries[KEY] == Refused(KEY, BAD_VOICE, "told so", "id-9", 1, 88)
    again = book.settle(KEY, never)
    assert (again.ending, again.retryable, again.attempts, again.at_us) == (Ending.FAILED, False, 1, 88)
    assert again.tally == Tally()
    assert not again.reused  # nothing was paid for it
    assert again.error is not None
    assert (again.error.code, again.error.message, again.error.request_id) == (BAD_VOICE, "told so", "id-9")
    assert book.settle(KEY, Calls(answered()), ask_again=True).answer == ANSWER
    assert book.settle(KEY, never, ask_again=True).answer == ANSWER


def test_where_nothing_was_said_nobody_is_asked_again(book):
    book.settle(KEY, Calls(failed(NO_VOICE, Ending.EMPTY)))
    again = book.settle(KEY, never, ask_again=True)
    assert (again.ending, again.at_us, again.reused) == (Ending.EMPTY, 88, True)


@pytest.mark.parametrize(
    "reply",
    [
        failed("InternalError", retryable=True),
        failed("InternalError", Ending.STOPPED, retryable=True),
        Reply(Ending.STOPPED, Tally()),
    ],
    ids=["passing", "stopped", "never called"],
)
def test_what_may_turn_out_otherwise_is_not_recorded(reply, book, record):
    assert book.settle(KEY, Calls(reply)) == reply
    assert record.entries == {}
    assert book.settle(KEY, Calls(answered())).answer == ANSWER


def test_an_answer_that_cannot_be_recorded_is_not_handed_on(book, record):
    record.full = True
    with pytest.raises(OutputError):
        book.settle(KEY, Calls(answered()))
    unpaid = Calls(answered())
    with pytest.raises(OutputError):
        book.settle(bytes(32), unpaid)
    assert unpaid.made == 0


@pytest.mark.parametrize(
    ("reply", "reused"),
    [(answered(), True), (failed(BAD_VOICE), False), (Reply(Ending.STOPPED, Tally(calls=3)), False)],
    ids=["answered", "refused", "stopped"],
)
def test_equal_segments_in_flight_share_one_call_and_its_cost_is_counted_once(reply, reused, book):
    gate, begun = threading.Event(), threading.Event()
    replies: list[Reply] = []

    def call() -> Reply:
        assert not begun.is_set(), "called twice"
        begun.set()
        assert gate.wait(30)
        return reply

    def settle() -> None:
        replies.append(book.settle(KEY, call))

    threads = [threading.Thread(target=settle) for _ in range(4)]
    threads[0].start()
    assert begun.wait(30)
    for thread in threads[1:]:
        thread.start()
    time.sleep(0.05)
    gate.set()
    for thread in threads:
        thread.join(30)
    assert sum(each.tally.calls for each in replies) == reply.tally.calls
    assert {each.ending for each in replies} == {reply.ending}
    assert sorted(each.reused for each in replies) == [False] + [reused] * 3


def _settle_in_a_process(state: Path, shared: Path, gate, calls) -> None:
    book = borrowed_book(state, shared)

    def call() -> Reply:
        with calls.get_lock():
            calls.value += 1
        time.sleep(0.2)
        return answered()

    gate.wait(60)
    assert book.settle(KEY, call).answer == ANSWER
    give_back(book)


def test_processes_of_a_run_share_one_call_too(tmp_path):
    (tmp_path / "run").mkdir()
    context = multiprocessing.get_context("spawn")
    gate, calls = context.Barrier(3), context.Value("i", 0)
    processes = [
        context.Process(target=_settle_in_a_process, args=(tmp_path / "state", tmp_path / "run", gate, calls))
        for _ in range(3)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert calls.value == 1


def test_a_book_is_lent_to_all_in_the_process_and_closed_by_the_last(tmp_path):
    (tmp_path / "run").mkdir()
    first = borrowed_book(tmp_path / "state", tmp_path / "run")
    second = borrowed_book(tmp_path / "state", tmp_path / "run")
    assert first is second
    first.settle(KEY, Calls(answered()))
    give_back(first)
    assert second.settle(OTHER, Calls(answered())).answer == ANSWER
    give_back(second)
    with pytest.raises(OutputError):
        second.record.add(Answered(KEY, ANSWER, 1, 1))
    third = borrowed_book(tmp_path / "state", tmp_path / "run")
    assert third is not first
    assert third.settle(KEY, never).reused
    give_back(third)
    store = AnswerStore(LocalLogs(tmp_path / "state" / ANSWERS))
    assert store.find(OTHER) == Answered(OTHER, ANSWER, 2, 77)
    store.close()


def test_what_a_call_raises_reaches_all_that_wait_and_leaves_the_key_free(book):
    def fail() -> Reply:
        raise RuntimeError("unforeseen")

    attempt: Callable[[], Reply] = fail
    with pytest.raises(RuntimeError, match="unforeseen"):
        book.settle(KEY, attempt)
    assert book.settle(KEY, Calls(answered())).answer == ANSWER
