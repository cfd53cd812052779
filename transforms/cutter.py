"""Cuts recordings one by one, or buries them: what a run does with each, and a plan likewise."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO, Final, TypeVar

from transforms.addresses import is_http
from transforms.answer_record import AnswerRecord
from transforms.chapter_choice import LongRecording
from transforms.chapter_plan import (
    PlannedChapter,
    RecordingPlan,
    keys_of_chapter,
    plan_recording,
)
from transforms.chapter_work import ChapterHeard, listen, take
from transforms.checksum import Checked, ChecksumReader
from transforms.crew import or_dead_letter
from transforms.cut_recording import CutRecording, cut_recording, failure_of
from transforms.cut_settings import CutSettings
from transforms.cut_source import cut_source, tell_nobody
from transforms.decode_pool import DecodePool
from transforms.fetch import ReadLimits, mark_of_url
from transforms.folders import OutputError
from transforms.hold import allow_many_files
from transforms.object_file import ObjectFile
from transforms.pass_on import PassedOn, pass_on
from transforms.records import Failure, Mark, Recording, Segment, Stage
from transforms.source import open_parted, unchanged
from transforms.stopping import OUTPUT_FAILED, StopReason, StopSignal

Result = TypeVar("Result")

_CHECKED_BYTES: Final = 4 << 20
"""Between looks whether the run was stopped: gigabytes from a store take minutes."""


@dataclass(frozen=True, slots=True)
class OnePiece:
    """A long recording that has to be decoded in one piece after all."""


class RecordingCutter:
    """Cuts recordings on any of a few threads, each with a decode process of its own.

    The threads should live as long as it does; see `DecodePool`.

    Args:
        settings: how.
        stop: looked at all the time, and told what the machine lacks.
        record: where cuts are looked up and kept; None for nowhere.
        mark_of: what the server of an address that is passed on says of it.
    """

    def __init__(
        self,
        settings: CutSettings,
        stop: StopSignal,
        record: AnswerRecord | None,
        *,
        mark_of: Callable[[str, ReadLimits], Mark | None] = mark_of_url,
    ) -> None:
        allow_many_files()
        self._settings = settings
        self._stop = stop
        self._record = record
        self._mark_of = mark_of
        self._pool: DecodePool | None = None
        if settings.isolated:
            self._pool = DecodePool(
                stall_seconds=settings.stall_seconds, stopped=lambda: stop.reason() is not None
            )

    def cut(self, recording: Recording) -> CutRecording | PassedOn | Failure | None:
        """The recording with its segments, or why it has none; None once the run is stopped."""
        return self._buried(recording, partial(self._cut, recording))

    def listen(self, long: LongRecording, number: int) -> ChapterHeard | Failure | None:
        """What is heard in a chapter of a long recording, or why nothing is; None once the run is stopped."""

        def work() -> ChapterHeard:
            with self._opened(long) as source:
                task = long.listen_task(number, self._settings)
                if self._pool is None:
                    return listen(source, task, tell_nobody)
                return self._pool.listen(source, task)

        return self._buried(long.recording, work)

    def check(self, long: LongRecording) -> Checked | Failure | None:
        """The checksum of a long recording, or why it has none; None once the run is stopped."""

        def work() -> Checked:
            with self._opened(long) as source:
                raw = source.in_order() if isinstance(source, ObjectFile) else source
                with ChecksumReader(raw, long.recording.audio_uri) as reader:
                    while reader.read(_CHECKED_BYTES):
                        if self._stop.reason() is not None:
                            raise InterruptedError
                    return reader.finish()

        return self._buried(long.recording, work)

    def plan(
        self, long: LongRecording, checked: Checked, heard: Sequence[ChapterHeard]
    ) -> RecordingPlan | OnePiece | Failure | None:
        """How a long recording is cut, or why it is not; None once the run is stopped."""

        def work() -> RecordingPlan | OnePiece:
            planned = plan_recording(long, checked, heard, self._settings, self._record)
            return OnePiece() if planned is None else planned

        return self._buried(long.recording, work)

    def take(self, chapter: PlannedChapter) -> Iterator[Segment] | Failure | None:
        """The segments of a chapter, or why they have no sound; None once the run is stopped."""

        def work() -> Iterator[Segment]:
            with self._opened(chapter.long) as source:
                task = chapter.take_task(self._settings)
                taken = (
                    take(source, task, tell_nobody) if self._pool is None else self._pool.take(source, task)
                )
            for hold in taken.holds:
                hold.settle()
            keys = keys_of_chapter(chapter, taken.digests, self._settings, self._record)
            return chapter.segments(keys, taken.holds)

        return self._buried(chapter.long.recording, work)

    def close(self) -> None:
        """End the decode processes; no thread may be cutting."""
        if self._pool is not None:
            self._pool.close()

    def _cut(self, recording: Recording) -> CutRecording | PassedOn:
        if self._settings.by_url and recording.content is None and is_http(recording.location):
            return pass_on(recording, self._settings, mark_of=self._mark_of)
        cutter = cut_source if self._pool is None else self._pool.cut
        return cut_recording(recording, self._settings, self._record, cutter=cutter)

    def _buried(self, recording: Recording, work: Callable[[], Result]) -> Result | Failure | None:
        """What the work comes to, or its dead letter; None once the run is stopped."""
        return or_dead_letter(
            partial(self._unless_stopped, recording, work),
            stage=Stage.DECODE,
            bury=partial(failure_of, recording, self._settings),
        )

    def _unless_stopped(self, recording: Recording, work: Callable[[], Result]) -> Result | None:
        if self._stop.reason() is not None:
            return None
        try:
            return work()
        except OutputError as error:
            self._stop.stop(StopReason(OUTPUT_FAILED, str(error)))
        except InterruptedError:  # the run was stopped, and nothing was paid for yet
            pass
        except OSError as error:  # of this machine: what a recording can do wrong is a RecordingError
            self._stop.stop(_short_of(error, recording))
        return None

    @contextmanager
    def _opened(self, long: LongRecording) -> Iterator[BinaryIO]:
        """The bytes of a long recording, as they were when its header was read."""
        with open_parted(long.recording) as source, unchanged(source, long.recording, long.state):
            yield source


def _short_of(error: OSError, recording: Recording) -> StopReason:
    """What the machine lacks, which the next recording would lack too."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        code, what = "TemporaryFolderFull", "the temporary folder is full"
        advice = "free some space or point TMPDIR elsewhere"
    elif error.errno in (errno.EMFILE, errno.ENFILE):
        code, what = "TooManyOpenFiles", "too many files were open"
        advice = "raise the limit (ulimit -n) or lower recognition.concurrency"
    elif error.errno in (errno.EAGAIN, errno.ENOMEM):
        code, what = "NoMoreProcesses", f"no process could be started ({error})"
        advice = "make room for memory and processes, or run with fewer workers"
    else:
        code, what = "TemporaryFolderFailed", f"the temporary folder could not be used ({error})"
        advice = "see to its rights and its mount, or point TMPDIR elsewhere"
    return StopReason(
        code, f"{what} while {recording.audio_uri} was decoded: {advice}, then run the same command again"
    )
