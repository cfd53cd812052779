"""What it costs to have an answer on disk before it is handed on, and to find it again.

The record is measured beside a plain file that is written without a flush, a plain file
that is flushed after every answer, and SQLite (WAL, synchronous=FULL, a transaction an
answer), all in one run and one folder.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from benchmarks.processes import tree_memory
from benchmarks.tables import mebibytes, milliseconds, show, times
from transforms.answer import Answer
from transforms.answer_entry import Answered, encode
from transforms.answer_log import HEADER, load, new_name, save_index
from transforms.answer_store import AnswerStore
from transforms.framing import frame
from transforms.local_logs import LocalLogs

_TEXT = "what was said in a segment of almost a minute, about a hundred and fifty words long " * 10
_LOOKUPS = 2000

# What a disk takes that really writes when it is told to; many virtual ones do not.
_SLOW_FLUSH_SECONDS = 0.005

Add = Callable[[Answered], object]
Adding = Callable[[Path], AbstractContextManager[Add]]


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=int, default=3000, help="added in each measurement")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 8, 48])
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument(
        "--folder", type=Path, help="where to write; the system's temporary folder by default"
    )
    parser.add_argument("--open", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.open is not None:
        _open_and_tell(arguments.open)
        return
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        _show_adding(Path(folder), arguments.answers, arguments.threads)
        _show_opening(Path(folder), arguments.sizes)


def _entry(number: int) -> Answered:
    key = hashlib.sha256(b"%d" % number).digest()
    return Answered(key, Answer(_TEXT, (), 59_000, f"request {number}"), 1, 1_700_000_000_000_000)


def _show_adding(folder: Path, answers: int, threads: Sequence[int]) -> None:
    fast: dict[str, Adding] = {
        "plain file, no flush (reference)": lambda path: _plain(path, _no_flush),
        "plain file, fsync each": lambda path: _plain(path, os.fsync),
        "SQLite, WAL and FULL": _sqlite,
        "record, no flush": lambda path: _record(path, _no_flush),
        "record, fsync shared": lambda path: _record(path, os.fsync),
    }
    slow: dict[str, Adding] = {
        "plain file, flush each (reference)": lambda path: _plain(path, _slow_flush),
        "record, flush shared": lambda path: _record(path, _slow_flush),
    }
    _show_rates("this folder's flush", folder, fast, answers, threads)
    slow_folder = folder / "slow"
    slow_folder.mkdir()
    _show_rates(
        f"a flush of {milliseconds(_SLOW_FLUSH_SECONDS)} (simulated)",
        slow_folder,
        slow,
        answers // 10,
        threads,
    )


def _show_rates(
    title: str, folder: Path, kinds: dict[str, Adding], answers: int, threads: Sequence[int]
) -> None:
    """Answers per second, and in brackets as a multiple of the first kind's."""
    rates = {
        (kind, count): _rate(adding, folder / f"{number}-{count}", answers, count)
        for number, (kind, adding) in enumerate(kinds.items())
        for count in threads
    }
    reference = next(iter(kinds))
    rows = [
        [kind, *(f"{rates[kind, n]:,.0f} ({times(rates[kind, n] / rates[reference, n])})" for n in threads)]
        for kind in kinds
    ]
    columns = ["answers/s", *(f"{count} threads" for count in threads)]
    show(f"Adding {answers:,} answers of {len(encode(_entry(0))):,} bytes, {title}", columns, rows)


def _rate(adding: Adding, path: Path, answers: int, threads: int) -> float:
    with adding(path) as add, ThreadPoolExecutor(threads) as pool:
        entries = [_entry(number) for number in range(answers)]
        started = time.perf_counter()
        list(pool.map(add, entries))
        return answers / (time.perf_counter() - started)


def _no_flush(_: int) -> None:
    pass


def _slow_flush(_: int) -> None:
    time.sleep(_SLOW_FLUSH_SECONDS)


@contextmanager
def _record(path: Path, flush: Callable[[int], None]) -> Iterator[Add]:
    store = AnswerStore(LocalLogs(path, flush=flush))
    yield store.add
    store.close()


@contextmanager
def _plain(path: Path, flush: Callable[[int], None]) -> Iterator[Add]:
    lock = threading.Lock()
    with path.open("wb", buffering=0) as file:

        def add(entry: Answered) -> None:
            payload = encode(entry)
            with lock:
                file.write(payload)
                flush(file.fileno())

        yield add


@contextmanager
def _sqlite(path: Path) -> Iterator[Add]:
    database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute("CREATE TABLE answers (key BLOB PRIMARY KEY, entry BLOB) WITHOUT ROWID")
    lock = threading.Lock()

    def add(entry: Answered) -> None:
        payload = encode(entry)
        with lock:
            database.execute("INSERT OR REPLACE INTO answers VALUES (?, ?)", (entry.key, payload))

    yield add
    database.close()


def _show_opening(folder: Path, sizes: Sequence[int]) -> None:
    rows = []
    for size in sizes:
        record = folder / f"of {size}"
        log, files = _filled(record, size), LocalLogs(record)
        for how in ("log alone", "with index"):
            if how == "with index":
                save_index(files, log.name, load(files, log.name).index)
            seconds, memory, lookup, miss = _opened_elsewhere(record)
            for index in record.glob("*.idx"):
                index.unlink()
            log_size = mebibytes(log.stat().st_size)
            cells = [
                milliseconds(seconds),
                mebibytes(memory),
                f"{lookup * 1e6:.0f} us",
                f"{miss * 1e6:.0f} us",
            ]
            rows.append([f"{size:,} answers, {how}", log_size, *cells])
        log.unlink()
    columns = ["", "log", "first lookup", "memory held", "a lookup, found", "a lookup, not found"]
    show("Opening the record in a new process (pages in the system's cache)", columns, rows)


def _filled(folder: Path, size: int) -> Path:
    folder.mkdir()
    log = folder / new_name([], 0)
    with log.open("wb") as file:
        file.write(HEADER)
        file.writelines(frame(encode(_entry(number))) for number in range(size))
    return log


def _opened_elsewhere(record: Path) -> tuple[float, float, float, float]:
    command = [sys.executable, "-m", "benchmarks.answer_log", "--open", str(record)]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    seconds, memory, lookup, miss = map(float, said.split())
    return seconds, memory, lookup, miss


def _open_and_tell(record: Path) -> None:
    """Seconds until the first lookup, bytes held more, seconds of a hit and of a miss."""
    before = tree_memory(os.getpid()).rss_bytes
    started = time.perf_counter()
    store = AnswerStore(LocalLogs(record))
    store.find(_entry(0).key)
    opened = time.perf_counter() - started
    added = tree_memory(os.getpid()).rss_bytes - before
    print(opened, added, _lookup_seconds(store, range(_LOOKUPS)), _lookup_seconds(store, range(-_LOOKUPS, 0)))


def _lookup_seconds(store: AnswerStore, numbers: range) -> float:
    keys = [_entry(number).key for number in numbers]
    started = time.perf_counter()
    for key in keys:
        store.find(key)
    return (time.perf_counter() - started) / len(keys)


if __name__ == "__main__":
    main()
