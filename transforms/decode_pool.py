"""Decode processes, seen from their parent: tasks out, cut recordings back.

Each thread that asks has one process, started when it is first needed and used again for
its next recordings. One that hangs is killed, one that has crashed is replaced; either
way the recording fails, and the others go on.
"""

from __future__ import annotations

import logging
import re
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import BinaryIO, Final

from transforms import codes
from transforms.chapter_work import ChapterHeard, ListenTask, SoundTaken, TakeTask
from transforms.checksum import ChecksumReader
from transforms.cut_source import CutTask, SourceCut
from transforms.decode_child import DecodeChild, LastWords
from transforms.decode_messages import Done, Task
from transforms.errors import RecordingError
from transforms.records import Stage
from transforms.speech_chapters import CHAPTER_SECONDS

DECODE_MODULE: Final = "transforms.decode_process"
"""What a decode process runs."""

_RENEWED_AFTER_HOURS: Final = 4.0
"""Of sound, decoded by one process: it had grown from 43 to 45 MiB by then, for pieces of what
decoders take are left in its heap. A new one costs 1 % of the CPU that these hours took."""

_log = logging.getLogger(__name__)

# libmpg123 conceals what it cannot decode, and prints this; a warning says "warning".
_COMPLAINT = re.compile(r"libmpg123\S*\s*error: (?P<what>.{1,200})")

_ALL = "input.retry_failed: all tries it again."


class _EndedError(Exception):
    """A decode process has crashed; ``failure`` tells how."""

    def __init__(self, failure: RecordingError) -> None:
        super().__init__(str(failure))
        self.failure = failure


class DecodePool:
    """Decode processes, one for each thread that asks.

    The threads should live as long as the pool: on Linux a process ends with the thread
    that started it.

    Args:
        stall_seconds: a process that tells of no progress for so long is given up.
        stopped: tells that nothing more is wanted.
        module: what the processes run.
        clock: monotonic seconds.
        renewed_after_hours: of sound, after which a process is ended for the next to be new.
    """

    def __init__(
        self,
        *,
        stall_seconds: float,
        stopped: Callable[[], bool] = lambda: False,
        module: str = DECODE_MODULE,
        clock: Callable[[], float] = time.monotonic,
        renewed_after_hours: float = _RENEWED_AFTER_HOURS,
    ) -> None:
        self._stall_seconds = stall_seconds
        self._stopped = stopped
        self._module = module
        self._clock = clock
        self._renewed_after_hours = renewed_after_hours
        self._own = threading.local()
        self._lock = threading.Lock()
        self._processes: set[DecodeChild] = set()

    def cut(self, source: BinaryIO, task: CutTask) -> SourceCut:
        """`cut_source` in a process of this thread; the source stays open.

        Raises:
            InterruptedError: it was stopped; its process is ended.
            RecordingError: the bytes cannot be read, or decoding hangs or takes too much memory.
            OSError: the temporary folder is full (ENOSPC) or not writable, or no process
                can be started.
        """
        process = self._process_of_this_thread()
        try:
            answer = self._answer(process, source, task)
        except _EndedError as error:
            return SourceCut(ChecksumReader(source, task.name).finish(), failure=error.failure)
        assert isinstance(answer, SourceCut), "that was asked for"
        return _with_complaint(answer, process.said)

    def listen(self, source: BinaryIO, task: ListenTask) -> ChapterHeard:
        """`chapter_work.listen` in a process of this thread; raises what `cut` does.

        Raises:
            RecordingError: also where the decoder said that something is damaged.
        """
        process = self._process_of_this_thread()
        answer = self._chapter_answer(process, source, task)
        assert isinstance(answer, ChapterHeard), "that was asked for"
        if _COMPLAINT.search(process.said) is not None:
            raise RecordingError(
                Stage.DECODE,
                codes.DECODE_FAILED,
                f"{task.name}: its decoder reported an error. Compare it with the original.",
            )
        return answer

    def take(self, source: BinaryIO, task: TakeTask) -> SoundTaken:
        """`chapter_work.take` in a process of this thread; raises what `cut` does."""
        answer = self._chapter_answer(self._process_of_this_thread(), source, task)
        assert isinstance(answer, SoundTaken), "that was asked for"
        return answer

    def _chapter_answer(self, process: DecodeChild, source: BinaryIO, task: ListenTask | TakeTask) -> Done:
        try:
            return self._answer(process, source, task)
        except _EndedError as error:
            raise error.failure from error

    def _answer(self, process: DecodeChild, source: BinaryIO, task: Task) -> Done:
        """What came of a task.

        Raises:
            _EndedError: the process has crashed.
        """
        fit = False
        try:
            answer = process.ask(source, task, self._stall_seconds, self._clock, self._stopped)
            fit = self._is_fit(process, answer, task)
        except TimeoutError as error:
            raise _hung(task.name, self._stall_seconds) from error
        except (EOFError, ConnectionError) as error:
            raise _EndedError(_crashed(task.name, process.last_words())) from error
        finally:
            if not fit:
                self._let_go(process)
        if isinstance(answer, RecordingError | OSError):
            raise answer
        return answer

    def _is_fit(self, process: DecodeChild, answer: Done | RecordingError | OSError, task: Task) -> bool:
        """Whether a process can do another task."""
        if isinstance(answer, RecordingError | OSError):
            # What it could not have all of it may still have much of.
            return not (isinstance(answer, RecordingError) and answer.code == codes.DECODER_OUT_OF_MEMORY)
        if isinstance(answer, SourceCut) and isinstance(task, CutTask):
            samples = sum(channel.total_samples for channel in answer.channels)
            process.decoded_hours += samples / task.sample_rate / 3600
        else:
            process.decoded_hours += CHAPTER_SECONDS / 3600
        return process.decoded_hours < self._renewed_after_hours

    def close(self) -> None:
        """End all processes; no thread may be waiting for one."""
        with self._lock:
            processes = list(self._processes)
        for process in processes:
            self._let_go(process)

    def _process_of_this_thread(self) -> DecodeChild:
        """The process of this thread; a new one where it has none that lives."""
        process: DecodeChild | None = getattr(self._own, "process", None)
        if process is not None and not process.lives():
            self._let_go(process)
            process = None
        if process is None:
            process = DecodeChild(self._module)
            self._own.process = process
            with self._lock:
                self._processes.add(process)
        return process

    def _let_go(self, process: DecodeChild) -> None:
        process.end()
        with self._lock:
            self._processes.discard(process)


def _with_complaint(cut: SourceCut, said: str) -> SourceCut:
    """Damaged too where a decoder said so on its standard error, which is all that some do."""
    complaint = _COMPLAINT.search(said)
    if complaint is None or cut.failure is not None:
        return cut
    found = f"the decoder reported an error: {complaint['what']}"
    return replace(cut, damage=found if cut.damage is None else f"{cut.damage}; {found}")


def _hung(name: str, stall_seconds: float) -> RecordingError:
    _log.info("%s: its decoder hangs and is ended", name)
    return RecordingError(
        Stage.DECODE,
        codes.DECODER_HUNG,
        f"{name}: its decoder made no progress for {stall_seconds:g} s and was ended. Perhaps it is damaged "
        "or made up: compare it with the original, or convert it to wav or flac with another program. If its "
        f"disk is just slow, raise audio.stall_seconds. {_ALL}",
    )


def _crashed(name: str, last: LastWords) -> RecordingError:
    _log.info("%s: its decoder ended with %d: %s", name, last.status, last.said)
    if last.status == -signal.SIGKILL:
        return RecordingError(
            Stage.DECODE,
            codes.DECODER_CRASHED,
            f"{name}: its decoder was killed (SIGKILL), perhaps because the machine ran out of memory. Make "
            "room, or run with fewer workers, and run the same command again.",
            retryable=True,
        )
    return RecordingError(
        Stage.DECODE,
        codes.DECODER_CRASHED,
        f"{name}: its decoder crashed ({_how(last)}). Perhaps the recording is damaged or made up: compare "
        f"it with the original, or convert it to wav or flac with another program. {_ALL}",
    )


def _how(last: LastWords) -> str:
    if last.status < 0:
        number = -last.status
        return signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
    said = last.said.splitlines()
    return f"exit code {last.status}" + (f", {said[-1]}" if said else "")
