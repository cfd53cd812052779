from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.transforms.answer_samples import answered, key, planned, refused
from tests.transforms.memory_objects import Bucket
from transforms import answer_store, object_logs
from transforms.answer_entry import Entry
from transforms.answer_log import log_names
from transforms.answer_store import AnswerStore
from transforms.folders import OutputError
from transforms.object_logs import ObjectLogs

SMALL: list[Entry] = [answered(1, "one"), refused(2), planned(3), answered(4, "four")]


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


def record(bucket: Bucket) -> AnswerStore:
    return AnswerStore(ObjectLogs(bucket.objects("state/answers"), linger_seconds=0))


def found(store: AnswerStore, entries: list[Entry]) -> list[Entry | None]:
    return [store.find(entry.key) or store.find_plan(entry.key) for entry in entries]


def test_what_is_added_is_found_at_once_by_others_and_later(bucket: Bucket) -> None:
    store, other = record(bucket), record(bucket)
    assert found(store, SMALL) == found(other, SMALL) == [None] * 4
    for entry in SMALL:
        store.add(entry)
        other.refresh()
        assert found(other, [entry]) == [entry]
    assert found(store, SMALL) == SMALL
    store.close()
    assert found(store, SMALL) == found(record(bucket), SMALL) == SMALL


def test_answers_that_come_at_once_share_a_request(bucket: Bucket) -> None:
    store = AnswerStore(ObjectLogs(bucket.objects(), linger_seconds=0.2))
    together = threading.Barrier(8)

    def add(number: int) -> None:
        together.wait()
        store.add(answered(number))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(8)))
    assert bucket.requests["PUT"] <= 2
    assert found(store, [answered(number) for number in range(8)]) == [
        answered(number) for number in range(8)
    ]


def test_a_writer_puts_its_small_objects_together(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_logs, "MERGE_AT", 4)
    entries: list[Entry] = [answered(number, "x" * (number % 7)) for number in range(70)]
    store, reader = record(bucket), record(bucket)
    for number, entry in enumerate(entries):
        store.add(entry)
        if number % 5 == 0:
            reader.refresh()
    store.close()
    # Of 70: 4 of 16, one of 4, two that are left.
    assert len(bucket.kept) == 7
    reader.refresh()
    for each in (store, reader, record(bucket)):
        assert found(each, entries) == entries


def test_logs_that_others_put_together_are_let_go(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_logs, "MERGE_AT", 4)
    monkeypatch.setattr(answer_store, "_MANY_GONE", 2)
    monkeypatch.setattr(answer_store, "_FIRST_OWN", 32)
    store, reader = record(bucket), record(bucket)
    entries: list[Entry] = [answered(number) for number in range(100)]
    for entry in entries:
        store.add(entry)
        while len(bucket.kept) > 16:  # the thread that puts them together has been overtaken
            time.sleep(0.001)
        reader.refresh()
        assert found(reader, [entry]) == [entry]
    store.close()
    reader.refresh()
    assert found(reader, entries) == entries
    assert len(reader._logs) <= len(bucket.kept) + 2


def test_compaction_leaves_one_object_and_its_index(bucket: Bucket) -> None:
    stores = [record(bucket) for _ in range(3)]
    for number in range(30):
        stores[number % 3].add(answered(number))
    stores[0].add(refused(1))
    reader = record(bucket)
    reader.refresh()
    for store in stores[1:]:
        store.close()
    stores[0].compact()
    assert len(bucket.kept) == 2
    expected: list[Entry] = [answered(number) for number in range(30)]
    for each in (stores[0], reader, record(bucket)):
        assert found(each, expected) == expected
    stores[0].add(answered(99))
    assert stores[0].find(key(99)) == answered(99)


def test_a_lookup_and_a_new_object_cost_one_request_each(bucket: Bucket) -> None:
    store = record(bucket)
    for number in range(5):
        store.add(answered(number))
    reader = record(bucket)
    bucket.requests.clear()
    reader.refresh()
    assert bucket.requests == {"LIST": 1, "GET": 5}
    bucket.requests.clear()
    assert reader.find(key(3)) == answered(3)
    assert bucket.requests == {"GET": 1}


def test_a_damaged_object_costs_what_it_hit(bucket: Bucket) -> None:
    store = record(bucket)
    for entry in SMALL:
        store.add(entry)
    store.close()
    [first, *_] = sorted(bucket.kept)
    whole = bucket.kept[first]
    for at in range(len(whole)):
        bucket.kept[first] = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
        outcome = found(record(bucket), SMALL)
        assert outcome[1:] == SMALL[1:]
        assert outcome[0] in (None, SMALL[0])
    del bucket.kept[first]
    assert found(record(bucket), SMALL) == [None, *SMALL[1:]]


def test_a_store_that_fails_is_told_and_nothing_more_is_taken(bucket: Bucket) -> None:
    store = record(bucket)
    store.add(SMALL[0])

    def fails(verb: str, name: str) -> None:
        raise OSError(5, "the store is away")

    bucket.before = fails
    with pytest.raises(OutputError, match="the store is away"):
        store.add(SMALL[1])
    with pytest.raises(OutputError, match="the store is away"):
        store.refresh()
    bucket.before = lambda verb, name: None
    with pytest.raises(OutputError, match="the store is away"):
        store.add(SMALL[3])
    assert log_names(name.rpartition("/")[2] for name in bucket.kept)


def test_many_threads_lose_nothing(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_logs, "MERGE_AT", 4)
    stores = [record(bucket) for _ in range(2)]

    def work(number: int) -> None:
        store = stores[number % 2]
        store.add(answered(number, "x" * (number % 50)))
        assert store.find(key(number)) == answered(number, "x" * (number % 50))
        if number % 20 == 0:
            store.refresh()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(400)))
    for store in stores:
        store.close()
    expected: list[Entry] = [answered(number, "x" * (number % 50)) for number in range(400)]
    assert found(record(bucket), expected) == expected


def test_threads_that_look_at_once_share_a_listing_that_began_after_they_came(bucket: Bucket) -> None:
    store = record(bucket)
    store.refresh()
    listing, may_go = threading.Event(), threading.Event()

    def slow(verb: str, name: str) -> None:
        listing.set()
        assert may_go.wait(30)

    bucket.requests.clear()
    bucket.before = slow
    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(store.refresh)
        assert listing.wait(30)
        others = [pool.submit(store.refresh) for _ in range(8)]
        drawn = 0
        while drawn < 8:  # each draws a ticket before it waits
            drawn = int(repr(store._tickets).strip("count()")) - 4
            time.sleep(0.001)
        may_go.set()
        for each in (first, *others):
            each.result(30)
    # The first began before the others came; of those that came while it was slow one lists for all.
    assert bucket.requests == {"LIST": 2}
