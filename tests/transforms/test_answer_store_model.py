"""The record of paid answers against a model, under everything that may happen to it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.transforms.answer_samples import answered, key, planned, refused
from tests.transforms.log_paths import frames_of
from transforms import answer_index, answer_store
from transforms.answer_entry import Answered, Entry, Refused, decode
from transforms.answer_log import HEADER
from transforms.answer_store import AnswerStore
from transforms.framing import Framed
from transforms.local_logs import LocalLogs

STORES = 3
NAMES = st.integers(0, 11)
STEPS = [(os, "fsync"), (os, "write"), (Path, "replace"), (Path, "unlink")]


class Killed(BaseException):
    """Stands for the end of the process."""


@contextmanager
def killed_at(step: int) -> Iterator[None]:
    """Ends whatever runs inside before its step number `step`; nothing works after that."""
    left = step

    def counted(call):
        def step_or_die(*arguments, **options):
            nonlocal left
            left -= 1
            if left < 0:
                raise Killed
            return call(*arguments, **options)

        return step_or_die

    with pytest.MonkeyPatch.context() as patch:
        for owner, name in STEPS:
            patch.setattr(owner, name, counted(getattr(owner, name)))
        with suppress(Killed):
            yield


class RecordMachine(RuleBasedStateMachine):
    """Each store stands for a process.

    The model holds, for each key, all that was added and is still whole in some log.
    A lookup must give one of these, an answer where there is one, and nothing where
    there is nothing; damage takes from the model exactly what it hit.
    """

    @initialize(fold_at=st.sampled_from([2, 2**16]), worth=st.sampled_from([1, 2**20]))
    def begin(self, fold_at: int, worth: int) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(answer_index, "_FOLD_AT", fold_at)
        self.patch.setattr(answer_store, "_INDEX_WORTH_BYTES", worth)
        self.stores = [self.open() for _ in range(STORES)]
        self.added: dict[bytes, list[Entry]] = {}
        self.known: list[set[bytes]] = [set() for _ in range(STORES)]

    def teardown(self) -> None:
        for store in self.stores:
            store.close()
        self.patch.undo()
        shutil.rmtree(self.folder)

    def open(self) -> AnswerStore:
        # The clock stands still: names must sort by age all the same.
        return AnswerStore(LocalLogs(self.folder, flush=lambda _: None), clock_us=lambda: 0)

    @rule(store=st.integers(0, STORES - 1), name=NAMES, kind=st.sampled_from("arp"), size=st.integers(0, 40))
    def add(self, store: int, name: int, kind: str, size: int) -> None:
        if kind == "p":
            entry: Entry = planned(("plan", name), size)
        else:
            entry = answered(name, "z" * size) if kind == "a" else refused(name)
        self.stores[store].add(entry)
        self.added.setdefault(entry.key, []).append(entry)
        self.known[store].add(entry.key)

    @rule(store=st.integers(0, STORES - 1))
    def refresh(self, store: int) -> None:
        self.stores[store].refresh()
        self.known[store] = set(self.added)

    @rule(store=st.integers(0, STORES - 1))
    def reopen(self, store: int) -> None:
        self.stores[store].close()
        self.stores[store] = self.open()
        self.known[store] = set(self.added)

    @rule(store=st.integers(0, STORES - 1))
    def compact(self, store: int) -> None:
        """The others still write; theirs is left alone."""
        self.stores[store].compact()
        self.known[store] = set(self.added)

    @rule(store=st.integers(0, STORES - 1), step=st.integers(0, 30))
    def killed_in_compaction(self, store: int, step: int) -> None:
        with killed_at(step):
            self.stores[store].compact()
        self.reopen(store)

    def frames(self) -> list[tuple[Path, Framed]]:
        return [(log, found) for log in sorted(self.folder.glob("*.log")) for found in frames_of(log)]

    @precondition(lambda self: self.frames())
    @rule(data=st.data())
    def flip_a_byte(self, data: st.DataObject) -> None:
        log, hit = data.draw(st.sampled_from(self.frames()))
        at = data.draw(st.integers(hit.offset, hit.end - 1))
        with log.open("r+b") as file:
            file.seek(at)
            [byte] = file.read(1)
            file.seek(at)
            file.write(bytes([byte ^ data.draw(st.integers(1, 255))]))
        self.lose()
        entry = decode(hit.payload)
        assert entry is not None
        # Another copy may be left, which not every store has seen.
        self.known = [keys - {entry.key} for keys in self.known]

    @precondition(lambda self: self.frames())
    @rule(data=st.data())
    def truncate_after_a_kill(self, data: st.DataObject) -> None:
        """Any store may have been the writer, so all end."""
        log = data.draw(st.sampled_from(sorted(self.folder.glob("*.log"))))
        for store in self.stores:
            store.close()
        os.truncate(log, data.draw(st.integers(len(HEADER), log.stat().st_size)))
        self.stores = [self.open() for _ in range(STORES)]
        self.lose()
        self.known = [set(self.added) for _ in range(STORES)]

    def lose(self) -> None:
        """What is no longer whole in any log may be found no more."""
        whole: dict[bytes, list[Entry]] = {}
        for _, found in self.frames():
            entry = decode(found.payload)
            assert entry is not None
            assert entry in self.added[entry.key]
            whole.setdefault(entry.key, []).append(entry)
        self.added = whole

    @invariant()
    def every_lookup_is_right(self) -> None:
        for store, known in zip(self.stores, self.known, strict=True):
            for name in range(12):
                self.check(known, key(name), store.find(key(name)))
                plan = key(("plan", name))
                self.check(known, plan, store.find_plan(plan))

    def check(self, known: set[bytes], key: bytes, outcome: Entry | None) -> None:
        options = self.added.get(key, [])
        assert outcome is None or outcome in options
        if key in known:
            assert outcome is not None

    @invariant()
    def a_new_reader_finds_everything(self) -> None:
        reader = self.open()
        for wanted, options in self.added.items():
            outcome = reader.find(wanted) or reader.find_plan(wanted)
            assert outcome in options
            if any(isinstance(option, Answered) for option in options):
                assert not isinstance(outcome, Refused)


TestRecord = RecordMachine.TestCase
TestRecord.settings = settings(max_examples=50, stateful_step_count=25, deadline=None)
