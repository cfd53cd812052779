"""The reason to stop, seen by every process of a run.

Whoever finds that every further call would fail (or is told to stop) writes the
reason once, as a file of the run's coordination folder; everybody looks there
before the next call. A DoFn does not raise for it: a runner would repeat the
bundle and pay again.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

OUTPUT_FAILED = "OutputFailed"
"""The code of the reason when what is paid for cannot be written."""

_POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class StopReason:
    """Why no further call is made.

    Attributes:
        code: the service's error code, or a word of this package's.
        message: what happened, the likely cause and what to do.
    """

    code: str
    message: str


class StopSignal:
    """Raised once, for the whole run; the first reason stays.

    Args:
        folder: an existing local folder, the same for all processes of the run.
    """

    def __init__(
        self,
        folder: Path,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._path = folder / "stop.json"
        self._clock = clock
        self._sleep = sleep
        self._known: StopReason | None = None

    def stop(self, reason: StopReason) -> None:
        """Stop the run, unless it is stopping already."""
        written = self._path.with_name(f".stop-{os.getpid()}-{id(reason)}")
        written.write_text(json.dumps(asdict(reason)), encoding="utf-8")
        try:
            os.link(written, self._path)
        except FileExistsError:
            pass
        finally:
            written.unlink()

    def reason(self) -> StopReason | None:
        """Why the run stops; None while it goes on."""
        if self._known is None and self._path.exists():
            self._known = StopReason(**json.loads(self._path.read_text(encoding="utf-8")))
        return self._known

    def wait(self, seconds: float) -> None:
        """Sleep, but wake soon after the run stops."""
        until = self._clock() + seconds
        while self.reason() is None and (left := until - self._clock()) > 0:
            self._sleep(min(left, _POLL_SECONDS))
