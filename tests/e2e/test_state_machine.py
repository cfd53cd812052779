"""Everything that happens to a corpus and its OUTPUT, in any order, against a model.

A run that is killed is a process of its own, forked from a server that has imported
Beam already; all others run here.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from numpy.typing import NDArray

from pipeline.config_load import load
from pipeline.job import run
from pipeline.job_settings import Request
from pipeline.service.server import LocalService
from pipeline.service.settings import TEST_SECRET_ID, TEST_SECRET_KEY, ServiceSettings
from tests.e2e.command import rows
from tests.e2e.command import settings as options_of
from tests.e2e.sounds import RATE, chatter, heard, write_wav
from tests.transforms.log_paths import frames_of
from transforms.answer_entry import Answered, decode
from transforms.cuts import CutPolicy
from transforms.cutting import cut
from transforms.listing import Sources
from transforms.schemas import KEY_COLUMNS, Table
from transforms.sound import sound_of

CONCURRENCY = 3
MAX_SECONDS = 1
PATIENCE_SECONDS = 60
NAMES = [f"{letter}.wav" for letter in "abcd"]
CONTENTS = range(6)

# The first is what changes an answer, the second what does not.
OPTIONS = {
    "words": ("words", {"word_info": 1}),
    "words in small parts": ("words", {"word_info": 1, "output__rows_per_part": 1}),
    "no words": ("no words", {"word_info": 0}),
}


def sound(content: int) -> NDArray[np.int16]:
    """Every third content is of several segments."""
    return chatter(2.4 if content % 3 == 0 else 0.3, seed=100 + content)


def segments_in(content: int) -> int:
    policy = CutPolicy.for_rate(RATE, max_samples=MAX_SECONDS * RATE, skip_silence=False)
    return len(list(cut([sound_of(sound(content).tobytes(), RATE)], policy, detector="energy")))


SEGMENTS = {content: segments_in(content) for content in CONTENTS}


def request_of(service_options: list[str], corpus: Path, output: Path) -> Request:
    values = [option.removeprefix("--set=") for option in service_options]
    return Request(load(None, values).config, Sources((str(corpus),)), str(output))


def run_apart(service_options: list[str], corpus: Path, output: Path) -> None:
    """What is killed; a process group of its own."""
    os.setsid()
    os.environ.update(TENCENTCLOUD_SECRET_ID=TEST_SECRET_ID, TENCENTCLOUD_SECRET_KEY=TEST_SECRET_KEY)
    os.environ.pop("TENCENTCLOUD_TOKEN", None)
    run(request_of(service_options, corpus, output))


@dataclass
class Model:
    """What should be there.

    Attributes:
        corpus: which content lies under a name.
        paid: contents with the request that were wholly answered, by a run that finished.
        tried: those that any run may have called for.
        spare: calls that kills and damage may have added.
        written: names whose rows are certain, with content and request.
        had: every content that a name ever had.
    """

    corpus: dict[str, int] = field(default_factory=dict)
    paid: set[tuple[int, str]] = field(default_factory=set)
    tried: set[tuple[int, str]] = field(default_factory=set)
    spare: int = 0
    written: dict[str, tuple[int, str]] = field(default_factory=dict)
    had: defaultdict[str, set[int]] = field(default_factory=lambda: defaultdict(set))

    def begin(self, request: str) -> None:
        """A run that may not finish."""
        for name, content in self.corpus.items():
            self.tried.add((content, request))
            if self.written.get(name) != (content, request):
                self.written.pop(name, None)

    def finish(self, request: str) -> None:
        for name, content in self.corpus.items():
            self.paid.add((content, request))
            self.written[name] = (content, request)


def calls_for(contents: set[tuple[int, str]]) -> int:
    return sum(SEGMENTS[content] for content, _ in contents)


class PaidOnce(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="beamscribe-machine-"))
        self.input, self.output = self.folder / "in", self.folder / "out"
        self.input.mkdir()
        self.service = LocalService(ServiceSettings(latency_ms=(5, 40)))
        self.service.start()
        self.model = Model()
        self.changes = 0
        self.add_and_change({"a.wav": 0, "b.wav": 1, "kept.wav": 3})  # the last is never touched

    def teardown(self) -> None:
        try:
            self.run_twice("words")
            self.no_more_is_paid_than_there_was_to_pay_for()
        finally:
            self.service.stop()
            shutil.rmtree(self.folder)

    def put_down(self, name: str, content: int) -> None:
        self.model.corpus[name] = content
        self.model.had[name].add(content)
        # A mark of its own for every change, however fast they follow each other.
        self.changes += 1
        os.utime(self.input / name, ns=(10**18, 10**18 + self.changes))

    @rule(changed=st.dictionaries(st.sampled_from(NAMES), st.sampled_from(CONTENTS), min_size=2))
    def add_and_change(self, changed: dict[str, int]) -> None:
        for name, content in changed.items():
            write_wav(self.input / name, sound(content))
            self.put_down(name, content)

    @rule(name=st.sampled_from(NAMES))
    def remove(self, name: str) -> None:
        (self.input / name).unlink(missing_ok=True)
        self.model.corpus.pop(name, None)

    @rule(old=st.sampled_from(NAMES), new=st.sampled_from(NAMES))
    def rename(self, old: str, new: str) -> None:
        if old in self.model.corpus and old != new:
            (self.input / old).rename(self.input / new)
            content = self.model.corpus.pop(old)
            self.model.corpus[new] = content
            self.model.had[new].add(content)

    @rule(options=st.sampled_from(sorted(OPTIONS)), verify=st.booleans())
    def run_to_the_end(self, options: str, verify: bool) -> None:
        request, changes = OPTIONS[options]
        self.model.begin(request)
        unpaid = {(content, request) for content in self.model.corpus.values()} - self.model.paid
        before = self.service.stats().billed
        assert self.run_here(input__verify=str(verify).lower(), **changes) == 0
        # What a killed run had paid for already is not in the model: no more, then.
        assert self.service.stats().billed - before <= calls_for(unpaid) + self.model.spare
        self.model.finish(request)
        self.check_rows()

    @rule(options=st.sampled_from(sorted(OPTIONS)), calls=st.integers(0, 3))
    def run_against_a_wall(self, options: str, calls: int) -> None:
        request, changes = OPTIONS[options]
        self.model.begin(request)
        before = self.service.stats().billed
        code = self.run_here(budget__max_calls=calls, **changes)
        assert code in (0, 4)
        assert self.service.stats().billed - before <= calls
        if code == 0:
            self.model.finish(request)
        self.check_rows()

    @rule(options=st.sampled_from(sorted(OPTIONS)), calls=st.integers(1, 9), later_ms=st.integers(0, 60))
    def kill(self, options: str, calls: int, later_ms: int) -> None:
        request, changes = OPTIONS[options]
        self.model.begin(request)
        before = self.service.stats().calls
        given = (options_of(self.service, **self.common(changes)), self.input, self.output)
        process = multiprocessing.get_context("forkserver").Process(target=run_apart, args=given)
        process.start()
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while process.is_alive() and self.service.stats().calls < before + calls:
            assert time.monotonic() < give_up_at
            time.sleep(0.003)
        process.join(later_ms / 1000)
        if process.is_alive() and process.pid is not None:
            os.kill(process.pid, signal.SIGKILL)
            self.model.spare += CONCURRENCY
        process.join()
        while self.service.stats().in_flight:
            time.sleep(0.003)
        self.check_texts()

    @rule(share=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
    def flip(self, share: float, bit: int) -> None:
        log, position, answers = self.place_in_a_log(share)
        if log is not None:
            content = bytearray(log.read_bytes())
            content[position] ^= 1 << bit
            log.write_bytes(content)
            self.model.spare += sum(start <= position < end for start, end in answers)

    @rule(share=st.floats(0, 1, exclude_max=True))
    def truncate(self, share: float) -> None:
        log, position, answers = self.place_in_a_log(share)
        if log is not None:
            os.truncate(log, position)
            self.model.spare += sum(end > position for _, end in answers)

    @rule(options=st.sampled_from(sorted(OPTIONS)))
    def run_twice(self, options: str) -> None:
        self.run_to_the_end(options, verify=False)
        before = self.service.stats().calls
        assert self.run_here(**OPTIONS[options][1]) == 0
        assert self.service.stats().calls == before
        self.check_rows()

    @invariant()
    def no_more_is_paid_than_there_was_to_pay_for(self) -> None:
        billed = self.service.stats().billed
        assert calls_for(self.model.paid) <= billed <= calls_for(self.model.tried) + self.model.spare

    def common(self, changes: dict[str, object]) -> dict[str, object]:
        return {"concurrency": CONCURRENCY, "segmentation__max_seconds": MAX_SECONDS, **changes}

    def run_here(self, **changes: object) -> int | None:
        given = options_of(self.service, **self.common(changes))
        return run(request_of(given, self.input, self.output)).exit_code

    def place_in_a_log(self, share: float) -> tuple[Path | None, int, list[tuple[int, int]]]:
        """A log, a byte of it, and where its answers lie."""
        logs = sorted((self.output / ".beamscribe" / "answers").glob("*.log"))
        if not logs or not logs[0].stat().st_size:
            return None, 0, []
        answers = [
            (found.offset, found.end)
            for found in frames_of(logs[0])
            if isinstance(decode(found.payload), Answered)
        ]
        return logs[0], int(share * logs[0].stat().st_size), answers

    def check_texts(self) -> None:
        """At any moment: no text is that of another sound."""
        if not (self.output / "segments").is_dir() or not any((self.output / "segments").iterdir()):
            return
        for row in rows(self.output, "segments"):
            pieces = [
                sound(content)[row["start_ms"] * RATE // 1000 : row["end_ms"] * RATE // 1000]
                for content in self.model.had[Path(row["audio_uri"]).name]
            ]
            assert row["text"] in [heard(piece) for piece in pieces]

    def check_rows(self) -> None:
        """When a run has ended: one row for each key, and those that are certain are there."""
        self.check_texts()
        for table in Table:
            keys = [tuple(row[key] for key in KEY_COLUMNS[table]) for row in rows(self.output, table.value)]
            assert len(keys) == len(set(keys)), table
        segments = defaultdict(list)
        for row in rows(self.output, "segments"):
            segments[Path(row["audio_uri"]).name].append(row)
        transcripts = {Path(row["audio_uri"]).name: row for row in rows(self.output, "transcripts")}
        for name, (content, request) in self.model.written.items():
            assert transcripts[name]["status"] == "complete"
            assert len(segments[name]) == transcripts[name]["segments"] == SEGMENTS[content]
            whole = sound(content)
            assert transcripts[name]["duration_ms"] == len(whole) * 1000 // RATE
            assert segments[name][0]["text"] == heard(whole[: segments[name][0]["end_ms"] * RATE // 1000])
            assert all(bool(row["words"]) is (request == "words") for row in segments[name])


@pytest.fixture(scope="module", autouse=True)
def _forks_quickly() -> None:
    multiprocessing.set_forkserver_preload(["pipeline.job", "tests.e2e.test_state_machine"])


@pytest.mark.slow
@pytest.mark.timeout(600)
class TestPaidOnce(PaidOnce.TestCase):
    settings = settings(
        max_examples=16,
        stateful_step_count=12,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
