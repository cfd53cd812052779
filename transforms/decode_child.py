"""One decode process, seen from its parent: started, asked, listened to and ended."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import selectors
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from transforms.decode_messages import (
    Answer,
    Done,
    Progress,
    Task,
    Wanted,
    answer_from_bytes,
    task_to_bytes,
)
from transforms.errors import RecordingError
from transforms.hold import Hold
from transforms.object_file import ObjectFile
from transforms.wire import Wire

_log = logging.getLogger(__name__)

# What of the environment reaches a process that reads strangers' files: nothing that
# could be a secret.
_PASSED_ON = frozenset({"PATH", "HOME", "LANG", "TZ"})
_PASSED_ON_PREFIXES = ("LC_", "LD_", "DYLD_", "PYTHON", "MALLOC_")
# There are as many processes as cores are to be used.
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "VECLIB_MAXIMUM_THREADS": "1"}
# For a process to be gone after its socket was closed or it was killed.
_END_SECONDS = 10.0
_HEARD_BYTES = 4096
# How often it is asked whether the run was stopped.
_LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class LastWords:
    """How a process ended.

    Attributes:
        status: its exit code, or the number of the signal that ended it, negative.
        said: the end of its standard error.
    """

    status: int
    said: str


class DecodeChild:
    """A decode process, with the ends of its socket and its standard error that are here.

    Args:
        module: what it runs.

    Attributes:
        decoded_hours: of sound so far, as its owner counts them.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(self, module: str) -> None:
        ours, theirs = socket.socketpair()
        self._wire = Wire(ours)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, str(theirs.fileno()), str(os.getpid())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                bufsize=0,
                pass_fds=[theirs.fileno()],
                cwd="/",  # where -m looks for modules first
                env=_environment(),
                start_new_session=True,  # what is typed at the terminal is for the parent
            )
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        assert self._process.stderr is not None, "it was asked for"
        self._stderr = self._process.stderr
        os.set_blocking(self._stderr.fileno(), False)
        self._heard = b""
        self._ended = False
        self.decoded_hours = 0.0

    def ask(
        self,
        source: BinaryIO,
        task: Task,
        stall_seconds: float,
        clock: Callable[[], float],
        stopped: Callable[[], bool],
    ) -> Done | RecordingError | OSError:
        """Hand a task over, and wait for what comes of it.

        Raises:
            RecordingError, OSError: what it wanted to read cannot be had.
            InterruptedError: nobody wants to know any more.
            TimeoutError: it told of no progress for so long.
            EOFError, ConnectionError: it has ended.
        """
        self._heard = b""
        self._wire.limit(stall_seconds)
        block_bytes = source.block_bytes if isinstance(source, ObjectFile) else None
        self._wire.send(task_to_bytes(task, block_bytes), [source.fileno()])
        until = clock() + stall_seconds
        with selectors.PollSelector() as selector:
            selector.register(self._wire, selectors.EVENT_READ)
            selector.register(self._stderr, selectors.EVENT_READ)
            while True:
                wait_seconds = min(max(0.0, until - clock()), _LOOK_SECONDS)
                ready = {key.fileobj for key, _ in selector.select(wait_seconds)}
                if stopped():
                    raise InterruptedError
                if self._stderr in ready and not self._listen():
                    selector.unregister(self._stderr)
                if self._wire in ready:
                    answer = self._answer()
                    if isinstance(answer, Wanted):
                        self._bring(source, answer.block)
                    elif not isinstance(answer, Progress):
                        break
                    until = clock() + stall_seconds
                elif clock() >= until:
                    raise TimeoutError
        while self._listen():
            pass
        if self._heard:
            _log.debug("%s: its decoder says: %s", task.name, self.said)
        return answer

    @property
    def said(self) -> str:
        """The end of what it said on its standard error while it did its last task."""
        return self._heard.decode("utf-8", "replace").strip()

    def lives(self) -> bool:
        """Whether it can be asked."""
        return not self._ended and self._process.poll() is None

    def last_words(self) -> LastWords:
        """How it ended, when it has closed its socket."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_SECONDS)
        while self._listen():
            pass
        self.end()
        return LastWords(self._process.returncode or 0, self.said)

    def end(self) -> None:
        """End it now; it has nothing to lose."""
        if self._ended:
            return
        self._ended = True
        self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):  # as one does that waits for a dead disk
            self._process.wait(_END_SECONDS)
        self._wire.close()
        self._stderr.close()

    def _bring(self, source: BinaryIO, block: int) -> None:
        """What it asks for is in the file when it hears of it."""
        if not isinstance(source, ObjectFile):
            raise ConnectionError("it asks for what nobody keeps from it")
        source.bring(block)
        self._wire.send(b"")

    def _answer(self) -> Answer:
        message, files = self._wire.receive()
        return answer_from_bytes(message, [Hold(io.FileIO(file)) for file in files])

    def _listen(self) -> bool:
        """Keep the end of what it says on its standard error; False if it said nothing."""
        said = self._stderr.read(_HEARD_BYTES)
        self._heard = (self._heard + (said or b""))[-_HEARD_BYTES:]
        return bool(said)


def _environment() -> dict[str, str]:
    """What a decode process may know of this one's environment, and where modules are."""
    passed_on = {
        name: value
        for name, value in os.environ.items()
        if name in _PASSED_ON or name.startswith(_PASSED_ON_PREFIXES)
    }
    # Last, where this package lies: an import hook may know it, and no path.
    folders = [*map(os.path.abspath, sys.path), str(Path(__file__).resolve().parents[1])]
    return {
        **passed_on,
        **_ONE_THREAD,
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(folders)),
        "TMPDIR": tempfile.gettempdir(),
    }
