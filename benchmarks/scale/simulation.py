"""One run over a corpus with a clock that nobody waits for."""

from __future__ import annotations

import hashlib
import heapq
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from zlib import crc32

import numpy as np

from benchmarks.processes import tree_memory
from benchmarks.scale.corpus import ANSWERED, FRAME_SAMPLES, HEARD, RECORDING_SECONDS, SAMPLE_RATE, Frames
from transforms.answer_entry import Answered
from transforms.answer_store import AnswerStore
from transforms.budget import Budget
from transforms.folders import dataset_folder
from transforms.known import writing_known
from transforms.limiter import HostLimiter
from transforms.local_logs import LocalLogs
from transforms.pace import PacePolicy
from transforms.parts import PartWriter, Rolling, create_dataset
from transforms.records import Mark, PlannedSegment, Span, Status, Transcript, Utterance
from transforms.rows import segment_row, transcript_row
from transforms.schemas import Table
from transforms.settle import settle

QUOTA_PER_SECOND = 25.0
CONCURRENCY = 48
RUN_ID = "20260101T000000Z-00000000"
STARTED_US = 1_767_225_600_000_000
NIGHTS = 4
"""The corpus is done in so many runs: after each the record is compacted."""

ENGINE = "16k_en"
_LATENCY_SECONDS = (0.8, 1.2)


class Clock:
    """A clock that goes on when somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def advance_to(self, seconds: float) -> None:
        self.seconds = max(self.seconds, seconds)


@dataclass(slots=True)
class Told:
    """What a simulated corpus came to.

    Attributes:
        segments: that were answered.
        recordings: that they were of.
        hours: on the simulated clock.
        cpu_seconds: by what used them.
        flushes: that the record asked for; a disk would have taken its time for each.
        peak_bytes: memory of the process at most, before the end's work began.
        peak_after_bytes: the same at the very end.
        files: of each folder.
        disk_bytes: of each folder.
    """

    segments: int = 0
    recordings: int = 0
    hours: float = 0.0
    cpu_seconds: dict[str, float] = field(default_factory=dict)
    flushes: int = 0
    peak_bytes: int = 0
    peak_after_bytes: int = 0
    files: dict[str, int] = field(default_factory=dict)
    disk_bytes: dict[str, int] = field(default_factory=dict)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Add up the CPU of what is done inside."""
        begun = time.process_time()
        yield
        self.cpu_seconds[name] = self.cpu_seconds.get(name, 0.0) + time.process_time() - begun


@dataclass(frozen=True, slots=True, order=True)
class _Call:
    """A call in flight."""

    answer_at: float
    number: int
    recording: int
    segment: int
    planned: PlannedSegment = field(compare=False)


class Simulation:
    """Everything of a run that is not audio, network or Beam, over so many segments.

    Args:
        folder: an empty one.
        segments: how many are to be answered, at least.
    """

    def __init__(self, folder: Path, segments: int) -> None:
        self._output = str(folder / "out")
        self._state = folder / "state"
        self._answers = self._state / "answers"
        self._segments = segments
        self._clock = Clock()
        self._random = np.random.default_rng(1)
        self._frames = Frames()
        self._flight: list[_Call] = []
        self._waiting: dict[int, int] = {}  # segments of a recording that are not answered
        self.told = Told()

    def run(self) -> Told:
        """Transcribe it all."""
        told = self.told
        self._answers.mkdir(parents=True)
        create_dataset(self._output)
        for night in range(NIGHTS):
            self._run_until(self._segments * (night + 1) // NIGHTS, self._state / f"run-{night}")
        told.hours = self._clock.now() / 3600
        told.peak_bytes = tree_memory(os.getpid()).high_water_bytes
        with told.timed("settle"):
            settle(self._output, RUN_ID)
        self._know()
        told.peak_after_bytes = tree_memory(os.getpid()).high_water_bytes
        for name, place in self._places().items():
            found = [path for path in place.rglob("*") if path.is_file()]
            told.files[name] = len(found)
            told.disk_bytes[name] = sum(path.stat().st_size for path in found)
        return told

    def _places(self) -> dict[str, Path]:
        return {
            "segments": Path(self._output, "segments"),
            "transcripts": Path(self._output, "transcripts"),
            "record": self._answers,
        }

    def _run_until(self, segments: int, coordination: Path) -> None:
        """One run: until so many segments are answered in all."""
        coordination.mkdir()
        rolling = Rolling()
        with ExitStack() as stack:
            store = AnswerStore(LocalLogs(self._answers, flush=self._flushed), clock_us=self._now_us)
            stack.callback(store.close)
            limiter = HostLimiter(
                coordination, PacePolicy(QUOTA_PER_SECOND), clock=self._clock.now, sleep=self._clock.sleep
            )
            stack.callback(limiter.close)
            budget = Budget(self._state, 10**9)
            stack.callback(budget.close)
            writers = {
                table: PartWriter(
                    dataset_folder(self._output, table.value), table, RUN_ID, rolling, self._clock.now
                )
                for table in (Table.SEGMENTS, Table.TRANSCRIPTS)
            }
            while self.told.segments + len(self._flight) < segments:
                with self.told.timed("planner"):
                    planned = list(self._frames.segments())
                self.told.recordings += 1
                self._waiting[self.told.recordings] = len(planned)
                for place, segment in enumerate(planned):
                    self._call(limiter, budget, place, segment)
                    while len(self._flight) == CONCURRENCY or (
                        self._flight and self._flight[0].answer_at <= self._clock.now()
                    ):
                        self._take_answer(store, writers)
            while self._flight:
                self._take_answer(store, writers)
            with self.told.timed("writer"):
                for writer in writers.values():
                    writer.flush()
            with self.told.timed("compaction"):
                store.compact()

    def _call(self, limiter: HostLimiter, budget: Budget, place: int, segment: PlannedSegment) -> None:
        with self.told.timed("limiter"):
            limiter.acquire()
        with self.told.timed("budget"):
            assert budget.reserve(), "the wall is far away"
        number = self.told.segments + len(self._flight)
        answer_at = self._clock.now() + float(self._random.uniform(*_LATENCY_SECONDS))
        heapq.heappush(self._flight, _Call(answer_at, number, self.told.recordings, place, segment))

    def _take_answer(self, store: AnswerStore, writers: dict[Table, PartWriter]) -> None:
        call = heapq.heappop(self._flight)
        self._clock.advance_to(call.answer_at)
        key = hashlib.sha256(b"%d of %d" % (call.segment, call.recording)).digest()
        with self.told.timed("record"):
            assert store.find(key) is None, "no segment was there before"
            store.add(Answered(key, ANSWERED, 1, self._now_us()))
        with self.told.timed("writer"):
            writers[Table.SEGMENTS].add(segment_row(_utterance(call, self._now_us()), RUN_ID))
            self._waiting[call.recording] -= 1
            if not self._waiting[call.recording]:
                del self._waiting[call.recording]
                writers[Table.TRANSCRIPTS].add(transcript_row(_transcript(call), RUN_ID))
        self.told.segments += 1

    def _know(self) -> None:
        """What the next run does first: see what is finished."""
        # Imported here: nothing else of the job is wanted.
        from pipeline.finished import finished_recordings
        from pipeline.run_record import RunCounts, RunRecord, write_record

        ended = RunRecord(RUN_ID, "2026-01-01T00:00:00", {}, "2026-01-01T01:00:00", 0, RunCounts())
        write_record(self._output, ended)
        with self.told.timed("finished"), writing_known(self._state / "done") as done:
            for digest, _ in finished_recordings(self._output, "passing"):
                done(digest)

    def _now_us(self) -> int:
        return STARTED_US + int(self._clock.now() * 1e6)

    def _flushed(self, _: int) -> None:
        self.told.flushes += 1


def address_of(recording: int) -> str:
    # Part of a real name can be told from the one before, and part cannot.
    return f"/srv/recordings/{recording // 1000:05}/{recording:08}-{crc32(b'%d' % recording):08x}.wav"


def _utterance(call: _Call, now_us: int) -> Utterance:
    own = call.planned.own
    span = Span(
        address_of(call.recording), call.recording & 0xFFFFFFFF, 0, call.segment, own.start_sample,
        own.end_sample, SAMPLE_RATE, ENGINE,
    )  # fmt: skip
    return Utterance(span, ANSWERED.text, HEARD, f"request-{call.number:012}", 1, now_us)


def _transcript(call: _Call) -> Transcript:
    """Of the recording that the call was the last of."""
    return Transcript(
        audio_uri=address_of(call.recording),
        audio_crc32c=call.recording & 0xFFFFFFFF,
        channel=0,
        recording_id=None,
        engine=ENGINE,
        sample_rate=SAMPLE_RATE,
        duration_samples=RECORDING_SECONDS * 100 * FRAME_SAMPLES,
        speech_samples=RECORDING_SECONDS * 100 * FRAME_SAMPLES,
        text=" ".join([ANSWERED.text] * 6),
        segments=6,
        failed_segments=0,
        status=Status.COMPLETE,
        mark=Mark(10_000_000, str(call.recording)),
        settings="0123456789abcdef",
    )
