"""The reason to stop, seen by every process of a run.

Whoever finds that every further call would fail (or is told to stop) writes the
reason once, as a file of the run's coordination folder, and where the state is shared
as an object too; everybody looks there before the next call. A DoFn does not raise for it: a
runner would repeat the bundle and pay again.
"""

from __future__ import annotations

import json
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from transforms.file_lock import FileLock
from transforms.shared_link import LAUNCHER_GONE, close_link, link_of
from transforms.shared_place import Coordination, SharedPlace, host_folder

OUTPUT_FAILED = "OutputFailed"
"""The code of the reason when what is paid for cannot be written."""

_POLL_SECONDS = 0.2
_SPARE_BYTES = 4096

# What this process knows, by the signal's file.
_reasons: dict[Path, StopReason] = {}


@dataclass(frozen=True, slots=True)
class StopReason:
    """Why no further call is made.

    Attributes:
        code: the service's error code, or a word of this package's.
        message: what happened, the likely cause and what to do.
    """

    code: str
    message: str


@contextmanager
def prepared(coordination: Coordination) -> Iterator[StopSignal]:
    """The signal of a run that begins; forgotten when it ends.

    Raises:
        OSError: what the processes of the run share cannot be written.
    """
    stop = StopSignal(coordination)
    stop.prepare()
    alive = stop.watch_over()
    try:
        yield stop
    finally:
        stop.close()
        alive.close()
        if isinstance(coordination, SharedPlace):
            close_link(coordination)


class StopSignal:
    """Raised once, for the whole run; the first reason stays.

    Args:
        coordination: what all processes of the run share: an existing local folder, or a state in
            object storage.

    Raises:
        OSError: it cannot be reached.
    """

    def __init__(
        self,
        coordination: Coordination,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        folder = host_folder(coordination)
        self._link = link_of(coordination) if isinstance(coordination, SharedPlace) else None
        self._path = folder / "stop.json"
        self._spare = folder / "stop.spare"
        self._alive = folder / "alive"
        self._watched: FileLock | None = None
        self._opening = threading.Lock()
        self._here: StopReason | None = None
        self._clock = clock
        self._sleep = sleep

    def prepare(self) -> None:
        """Take the room that `stop` needs, so that it works on a full disk too.

        Raises:
            OSError: there is no room now.
        """
        with self._spare.open("wb") as file:
            file.write(b" " * _SPARE_BYTES)
            file.flush()
            os.fsync(file.fileno())

    def stop(self, reason: StopReason) -> None:
        """Stop the run, unless it is stopping already. Never raises.

        Where not even the spare file can be written, the threads of this process know it.
        """
        _reasons.setdefault(self._path, reason)
        own = self._spare.with_name(f"stop.{os.getpid()}.{id(reason)}")
        short = StopReason(reason.code, reason.message[: _SPARE_BYTES // 8])
        if self._link is not None:
            self._link.stop((short.code, short.message))
        with suppress(OSError):
            if not self._spare.exists() and not self._path.exists():
                self.prepare()
            self._spare.rename(own)  # one process gets it, and its reason is the first
            with own.open("r+b") as file:
                file.write(json.dumps(asdict(short)).encode().ljust(_SPARE_BYTES))
            own.rename(self._path)

    def stop_here(self, reason: StopReason) -> None:
        """Stop those alone who ask this very object; the run may go on with others in their place."""
        self._here = self._here or reason

    def reason(self) -> StopReason | None:
        """Why the run, or those who ask this object, stop; None while they go on."""
        known = _reasons.get(self._path) or self._here
        if known is None and self._path.exists():
            known = StopReason(**json.loads(self._path.read_text(encoding="utf-8")))
            _reasons[self._path] = known
        if known is None and self._launcher_is_gone():
            known = StopReason(LAUNCHER_GONE, "the process that started the run has ended")
            _reasons[self._path] = known
        if known is None and self._link is not None and (found := self._link.reason()) is not None:
            known = _reasons[self._path] = StopReason(*found)
        return known

    def watch_over(self) -> FileLock:
        """What the launcher holds while it lives: workers stop calling when it is gone.

        Raises:
            OSError: the folder cannot be written.
        """
        alive = FileLock(self._alive)
        alive.try_to_hold()
        return alive

    def _launcher_is_gone(self) -> bool:
        with self._opening:  # on the first of many threads
            if self._watched is None:
                if not self._alive.exists():
                    return False
                self._watched = FileLock(self._alive)
                # Who has a signal for each bundle just forgets it.
                self._unwatched = weakref.finalize(self, self._watched.close)
        if not self._watched.try_to_hold():
            return False
        self._watched.let_go()
        return True

    def wait(self, seconds: float) -> None:
        """Sleep, but wake soon after the run stops."""
        until = self._clock() + seconds
        while self.reason() is None and (left := until - self._clock()) > 0:
            self._sleep(min(left, _POLL_SECONDS))

    def close(self) -> None:
        """Forget what this process knows of it; the folder may be used again."""
        _reasons.pop(self._path, None)
        if self._watched is not None:
            self._unwatched()
            self._watched = None
