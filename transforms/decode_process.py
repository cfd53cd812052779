"""A process that decodes and cuts what its parent sends it; the other end is `decode_pool`.

A decoder that hangs, crashes or asks for all memory is ended with this process, and costs
its recording alone. ``python -m transforms.decode_process SOCKET PARENT``: the descriptor of
a Unix socket, and the process id of the parent.
"""

from __future__ import annotations

import ctypes
import faulthandler
import os
import resource
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import BinaryIO, Final, cast

from transforms import codes
from transforms.block_file import BLOCK_BYTES, BlockFile
from transforms.chapter_work import ListenTask, listen, take
from transforms.cut_source import CutTask, cut_source
from transforms.decode_messages import (
    Answer,
    Done,
    Progress,
    Task,
    Wanted,
    answer_to_bytes,
    holds_of,
    task_from_bytes,
)
from transforms.errors import RecordingError
from transforms.heap import keep_large_buffers
from transforms.records import Stage
from transforms.wire import Wire

MEMORY_BYTES: Final = 2 << 30
"""What a decode process may allocate.

Decoders, detector and libraries take a tenth of it; the rest is for large tables of video
files. Beyond that a header has made a claim that nobody should believe. Of the address
space (RLIMIT_AS) libraries reserve much more than they use, so that is not limited.
"""

_PROGRESS_SECONDS: Final = 0.5
# Reading counts as progress until all bytes were read so many times: two decoders and the
# checksum need three. A decoder that runs in circles through a file has hung.
_READINGS: Final = 4
# prctl(2) of Linux.
_PR_SET_PDEATHSIG: Final = 1
_PARENT_POLL_SECONDS: Final = 1.0

Work = Callable[[BinaryIO, Task, Callable[[float], None]], Done]
"""What `done` is: bytes, task and a callback for progress to what came of it."""


def done(source: BinaryIO, task: Task, progress: Callable[[float], None]) -> Done:
    """What a task asks for; see `cut_source` and `chapter_work`."""
    if isinstance(task, CutTask):
        return cut_source(source, task, progress)
    return listen(source, task, progress) if isinstance(task, ListenTask) else take(source, task, progress)


def main(work: Work = done) -> None:
    """Serve the parent that the command line names until it is gone.

    Args:
        work: what is done for each task.
    """
    descriptor, parent = map(int, sys.argv[1:])
    faulthandler.enable()  # where it crashed goes to the parent's log
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the parent decides when this one ends
    keep_large_buffers()
    _limit(resource.RLIMIT_DATA, MEMORY_BYTES)
    _limit(resource.RLIMIT_CORE, 0)  # a core would hold what was said, and fill the disk
    end_with(parent)
    serve(Wire(socket.socket(fileno=descriptor)), work)


def serve(wire: Wire, work: Work, clock: Callable[[], float] = time.monotonic) -> None:
    """Do one task after the other until the other end is closed."""
    while True:
        try:
            message, files = wire.receive()
        except EOFError:
            return
        task, block_bytes = task_from_bytes(message)
        bring = None if block_bytes is None else partial(_bring, wire)
        source = _Watched(files[0], _Pulse(wire, clock), bring, block_bytes or BLOCK_BYTES)
        answer = _answer(task, source, work)
        wire.send(answer_to_bytes(answer), [hold.fileno() for hold in holds_of(answer)])


def _answer(task: Task, source: _Watched, work: Work) -> Answer:
    try:
        with source:
            return work(cast(BinaryIO, source), task, source.pulse.decoded)
    except MemoryError:
        return RecordingError(
            Stage.DECODE,
            codes.DECODER_OUT_OF_MEMORY,
            f"{task.name}: decoding it takes more than {MEMORY_BYTES >> 30} GiB of memory. Perhaps its "
            "header is damaged or made up: compare it with the original, or convert it to wav or flac "
            "with another program.",
        )
    except (RecordingError, OSError) as error:
        return error


class _Pulse:
    """Tells the parent that there is progress, now and then."""

    def __init__(self, wire: Wire, clock: Callable[[], float]) -> None:
        self._wire = wire
        self._clock = clock
        self._seconds = 0.0
        self._told = clock()

    def decoded(self, seconds: float) -> None:
        """So many seconds of the recording are decoded."""
        self._seconds = seconds
        self.beat()

    def beat(self) -> None:
        """Something went on."""
        now = self._clock()
        if now - self._told < _PROGRESS_SECONDS:
            return
        self._told = now
        try:
            self._wire.send(answer_to_bytes(Progress(self._seconds)))
        except OSError:  # The parent is gone, and a decoder must not take that for its own error.
            os._exit(1)


def _bring(wire: Wire, block: int) -> None:
    """Ask the parent for a block, and wait until it is there."""
    try:
        wire.send(answer_to_bytes(Wanted(block)))
        wire.receive()
    except (OSError, EOFError):  # as in `_Pulse.beat`
        os._exit(1)


class _Watched(BlockFile):
    """The bytes of a recording, whose reading is progress as long as it can come to an end."""

    def __init__(
        self, descriptor: int, pulse: _Pulse, bring: Callable[[int], None] | None, block_bytes: int
    ) -> None:
        super().__init__(descriptor, bring, block_bytes)
        self.pulse = pulse
        self._left = _READINGS * os.fstat(descriptor).st_size

    def read(self, size: int | None = -1, /) -> bytes:
        block = super().read(size)
        self._left -= max(1, len(block))
        if self._left > 0:
            self.pulse.beat()
        return block


def end_with(parent: int) -> None:
    """See to it that this process ends when its parent does, even while a decoder hangs."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    if os.getppid() != parent:  # it was gone before that
        os._exit(1)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_PARENT_POLL_SECONDS)
    os._exit(1)


def _limit(kind: int, wanted: int) -> None:
    _, hard = resource.getrlimit(kind)
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(kind, (limit, hard))


if __name__ == "__main__":
    main()
