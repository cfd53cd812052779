from __future__ import annotations

import errno
import multiprocessing
import os
import shutil
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.transforms.answer_samples import answered, key, planned, refused
from tests.transforms.log_paths import load, save_index
from transforms import answer_store, local_logs
from transforms.answer_entry import Answered, Entry
from transforms.answer_log import HEADER, index_name, log_names
from transforms.answer_record import AnswerRecord
from transforms.answer_store import AnswerStore
from transforms.folders import OutputError
from transforms.local_logs import LocalLogs

SMALL: list[Entry] = [answered(1, "one"), refused(2), planned(3), answered(4, "four")]


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def stored(folder: Path, *entries: Entry) -> Path:
    """A log of these entries, written and closed."""
    before = set(folder.glob("*.log"))
    store = AnswerStore(LocalLogs(folder))
    for entry in entries:
        store.add(entry)
    store.close()
    [log] = set(folder.glob("*.log")) - before
    return log


def found(store: AnswerRecord, entries: list[Entry]) -> list[Entry | None]:
    return [store.find(entry.key) or store.find_plan(entry.key) for entry in entries]


def test_what_is_added_is_found_at_once_and_later(tmp_path: Path) -> None:
    store = AnswerStore(LocalLogs(tmp_path / "answers"))
    assert found(store, SMALL) == [None] * 4
    for entry in SMALL:
        store.add(entry)
    assert found(store, SMALL) == SMALL
    store.close()
    assert found(store, SMALL) == SMALL
    assert found(AnswerStore(LocalLogs(tmp_path / "answers")), SMALL) == SMALL
    assert store.damage == {}


def test_a_plan_is_no_answer_and_an_answer_no_plan(tmp_path: Path) -> None:
    store = AnswerStore(LocalLogs(tmp_path))
    for entry in SMALL:
        store.add(entry)
    assert store.find(key(3)) is None
    assert store.find_plan(key(1)) is None


def test_looking_for_something_writes_nothing(tmp_path: Path) -> None:
    store = AnswerStore(LocalLogs(tmp_path / "answers"))
    assert store.find(key(1)) is None
    store.refresh()
    store.compact()
    store.close()
    assert list(tmp_path.iterdir()) == []


def test_precedence(tmp_path: Path) -> None:
    stored(tmp_path, refused(1), answered(2, "paid"), planned(3, 5), answered(4, "first"))
    store = AnswerStore(LocalLogs(tmp_path))
    for entry in (answered(1), refused(2), planned(3, 7), answered(4, "second")):
        store.add(entry)
    expected = [answered(1), answered(2, "paid"), planned(3, 7), answered(4, "second")]
    assert found(store, expected) == expected
    store.close()
    assert found(AnswerStore(LocalLogs(tmp_path)), expected) == expected
    store.compact()
    assert found(store, expected) == expected


def test_others_are_seen_after_a_refresh(tmp_path: Path) -> None:
    reader, writer = AnswerStore(LocalLogs(tmp_path)), AnswerStore(LocalLogs(tmp_path))
    assert found(reader, SMALL) == [None] * 4
    for number, entry in enumerate(SMALL):
        writer.add(entry)
        reader.refresh()
        assert found(reader, SMALL)[: number + 1] == SMALL[: number + 1]
    assert reader.damage == {}


def test_a_tail_that_is_being_written_is_no_damage(tmp_path: Path) -> None:
    writer = AnswerStore(LocalLogs(tmp_path))
    writer.add(SMALL[0])
    [log] = tmp_path.glob("*.log")
    other = stored(tmp_path / "elsewhere", SMALL[3]).read_bytes()[len(HEADER) :]
    reader = AnswerStore(LocalLogs(tmp_path))
    with log.open("ab") as file:
        file.write(other[:20])
        file.flush()
        assert reader.find(SMALL[3].key) is None
        assert reader.damage == {}
        file.write(other[20:])
    reader.refresh()
    assert reader.find(SMALL[3].key) == SMALL[3]
    os.truncate(log, log.stat().st_size - 1)
    writer.close()
    assert AnswerStore(LocalLogs(tmp_path)).damage == {}  # nothing was read
    reader = AnswerStore(LocalLogs(tmp_path))
    assert reader.find(SMALL[3].key) is None
    assert reader.damage == {log.name: len(other) - 1}


@pytest.mark.parametrize("indexed", [False, True])
def test_each_byte_flipped_in_turn(tmp_path: Path, indexed: bool) -> None:
    log = stored(tmp_path, *SMALL)
    if indexed:
        save_index(log, load(log).index)
    data = log.read_bytes()
    frames = len(HEADER)
    for at in range(len(data)):
        log.write_bytes(data[:at] + bytes([data[at] ^ (1 << at % 8)]) + data[at + 1 :])
        store = AnswerStore(LocalLogs(tmp_path))
        outcome = found(store, SMALL)
        wrong = [entry for entry, expected in zip(outcome, SMALL, strict=True) if entry != expected]
        assert wrong == ([] if at < frames else [None])
        if at >= frames or not indexed:  # an index makes it needless to look at the header
            assert 0 < sum(store.damage.values()) < len(data)


@pytest.mark.parametrize("indexed", [False, True])
def test_each_length_truncated(tmp_path: Path, indexed: bool) -> None:
    log = stored(tmp_path, *SMALL)
    if indexed:
        save_index(log, load(log).index)
    data = log.read_bytes()
    whole = 4
    for size in range(len(data) - 1, len(HEADER) - 1, -1):
        log.write_bytes(data[:size])
        outcome = found(AnswerStore(LocalLogs(tmp_path)), SMALL)
        left = sum(entry is not None for entry in outcome)
        assert outcome == SMALL[:left] + [None] * (4 - left)
        assert left in (whole, whole - 1)
        whole = left
    assert whole == 0


def test_a_record_that_was_damaged_takes_the_answer_again(tmp_path: Path) -> None:
    log = stored(tmp_path, *SMALL)
    data = bytearray(log.read_bytes())
    data[data.index(b"one")] ^= 1
    log.write_bytes(data)
    store = AnswerStore(LocalLogs(tmp_path))
    assert store.find(key(1)) is None
    store.add(SMALL[0])
    assert found(store, SMALL) == SMALL
    damage = store.damage
    assert list(damage) == [log.name]
    store.compact()
    assert store.damage == damage
    assert found(store, SMALL) == SMALL
    assert found(healed := AnswerStore(LocalLogs(tmp_path)), SMALL) == SMALL
    assert healed.damage == {}


def test_a_damaged_answer_does_not_hide_a_refusal(tmp_path: Path) -> None:
    store = AnswerStore(LocalLogs(tmp_path))
    store.add(answered(1))
    [log] = tmp_path.glob("*.log")
    data = log.read_bytes()
    with log.open("r+b") as file:
        file.seek(len(data) - 1)
        file.write(bytes([data[-1] ^ 1]))
    store.add(refused(1))
    assert store.find(key(1)) == refused(1)


def test_an_index_of_another_log_leads_nobody_astray(tmp_path: Path) -> None:
    log = stored(tmp_path, answered(1), answered(2))
    other = stored(tmp_path / "other", answered(2), answered(1))
    save_index(log, load(other).index)
    entries: list[Entry] = [answered(1), answered(2)]
    assert found(AnswerStore(LocalLogs(tmp_path)), entries) == entries


def test_reading_much_leaves_an_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer_store, "_INDEX_WORTH_BYTES", 1)
    log = stored(tmp_path, *SMALL)
    assert found(AnswerStore(LocalLogs(tmp_path)), SMALL) == SMALL
    assert names_in(tmp_path) == sorted([log.name, index_name(log.name)])
    assert load(log).scanned == 0
    writer = AnswerStore(LocalLogs(tmp_path))
    writer.add(answered(5))
    AnswerStore(LocalLogs(tmp_path)).refresh()
    assert len(names_in(tmp_path)) == 3  # none for a log that still grows


def test_who_only_looks_leaves_the_folder_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(_: int) -> bool:
        pytest.fail("a log's lock was tried")

    stored(tmp_path, *SMALL)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path, *tmp_path.iterdir())}
    monkeypatch.setattr(answer_store, "_INDEX_WORTH_BYTES", 1)
    monkeypatch.setattr(local_logs, "try_lock", locked)
    looking = AnswerStore(LocalLogs(tmp_path), looks_only=True)
    assert found(looking, SMALL) == SMALL
    looking.add(answered(99))
    looking.refresh()
    assert looking.find(key(99)) is None
    looking.close()
    assert {path: path.stat().st_mtime_ns for path in (tmp_path, *tmp_path.iterdir())} == before


def test_keys_that_begin_alike_are_told_apart(tmp_path: Path) -> None:
    base = answered(1)
    alike = [Answered(b"same pre" + bytes([n]) * 24, base.answer, n, 0) for n in range(5)]
    stored(tmp_path, *alike[:3])
    store = AnswerStore(LocalLogs(tmp_path))
    for entry in alike[3:4]:
        store.add(entry)
    assert found(store, list(alike)) == [*alike[:4], None]
    store.compact()
    assert found(store, list(alike)) == [*alike[:4], None]


def test_another_process_may_compact_under_a_reader(tmp_path: Path) -> None:
    for entry in SMALL:
        stored(tmp_path, entry)
    reader = AnswerStore(LocalLogs(tmp_path))
    reader.refresh()
    AnswerStore(LocalLogs(tmp_path)).compact()
    assert found(reader, SMALL) == SMALL
    assert len(log_names(names_in(tmp_path))) == 1


def test_where_there_are_no_locks_a_log_may_still_grow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_logs, "try_lock", lambda _: None)
    reader, writer = AnswerStore(LocalLogs(tmp_path)), AnswerStore(LocalLogs(tmp_path))
    for entry in SMALL:
        writer.add(entry)
        reader.refresh()
        assert found(reader, [entry]) == [entry]


def test_a_full_disk_is_told_and_nothing_more_is_taken(tmp_path: Path) -> None:
    def full(descriptor: int) -> None:
        if os.fstat(descriptor).st_size > len(HEADER):
            raise OSError(errno.ENOSPC, "No space left on device")

    store = AnswerStore(LocalLogs(tmp_path, flush=full))
    for entry in SMALL:
        with pytest.raises(OutputError, match="is full"):
            store.add(entry)
    assert store.find(SMALL[3].key) is None
    store.close()


def test_an_entry_beyond_all_bounds_is_refused_alone(tmp_path: Path) -> None:
    store = AnswerStore(LocalLogs(tmp_path))
    with pytest.raises(ValueError, match="does not fit into the record"):
        store.add(answered(1, "x" * (16 * 2**20)))
    store.add(SMALL[0])
    assert store.find(SMALL[0].key) == SMALL[0]


def test_many_threads_add_find_and_refresh(tmp_path: Path) -> None:
    stores = [AnswerStore(LocalLogs(tmp_path, flush=lambda _: None)) for _ in range(2)]

    def work(number: int) -> None:
        store = stores[number % 2]
        assert store.find(key(number)) is None
        store.add(answered(number, "x" * (number % 50)))
        assert store.find(key(number)) == answered(number, "x" * (number % 50))
        if number % 40 == 0:
            store.refresh()

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(work, range(800)))
    expected: list[Entry] = [answered(number, "x" * (number % 50)) for number in range(800)]
    for store in stores:
        store.refresh()
        assert found(store, expected) == expected
        store.close()
    assert found(AnswerStore(LocalLogs(tmp_path)), expected) == expected
    assert stores[0].damage == {}


def add_until_killed(folder: Path, writer: int, acknowledgements: int) -> None:
    store = AnswerStore(LocalLogs(folder))

    def work(thread: int) -> None:
        for number in range(100_000):
            name = (writer, thread, number)
            store.add(answered(name, "y" * (number % 300)))
            os.write(acknowledgements, f"{writer} {thread} {number}\n".encode())

    for thread in range(4):
        threading.Thread(target=work, args=(thread,)).start()


def test_what_was_acknowledged_survives_sigkill(tmp_path: Path) -> None:
    fork = multiprocessing.get_context("fork")
    told, telling = os.pipe()
    children = [fork.Process(target=add_until_killed, args=(tmp_path, n, telling)) for n in range(3)]
    for child in children:
        child.start()
    os.close(telling)
    said = b""
    with os.fdopen(told, "rb", 0) as acknowledgements:
        for number, child in enumerate(children, 1):
            while said.count(b"\n") < 60 * number:
                said += acknowledgements.read(4096)
            assert child.pid is not None
            os.kill(child.pid, signal.SIGKILL)
            child.join(30)
        said += acknowledgements.read()
    names = [tuple(map(int, line.split())) for line in said.decode().splitlines()]
    store = AnswerStore(LocalLogs(tmp_path))
    for round_ in range(2):
        assert all(store.find(key(name)) == answered(name, "y" * (name[2] % 300)) for name in names)
        if round_ == 0:
            store.compact()
    assert len(names) >= 180


def test_a_copy_of_the_folder_is_as_good(tmp_path: Path) -> None:
    stored(tmp_path / "one", *SMALL)
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    shutil.copytree(tmp_path / "one", tmp_path / "two" / "copy")
    assert found(AnswerStore(LocalLogs(tmp_path / "two")), SMALL) == SMALL
