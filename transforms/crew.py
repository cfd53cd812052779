"""Work on threads of its own, handed on as it comes, bounded.

`CrewFn` is the DoFn that keeps threads busy: it gives work to its crew and takes
finished results inside ``process()``, on the bundle's thread. Results that nobody
has taken count against the bound as work in progress does, so memory is bounded
by it. A result leaves with the timestamp and window of the element it came of,
though another element is being processed by then.

Here too is the one border where an exception becomes a dead letter.
"""

from __future__ import annotations

import logging
import queue
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import apache_beam as beam
from apache_beam.transforms.window import BoundedWindow
from apache_beam.utils.timestamp import Timestamp
from apache_beam.utils.windowed_value import WindowedValue

from transforms import codes
from transforms.errors import RecordingError
from transforms.heap import return_large_buffers, tidy
from transforms.records import Failure, Stage

Element = TypeVar("Element")
Origin = TypeVar("Origin")
Result = TypeVar("Result")

_log = logging.getLogger(__name__)

# So many leave something worth giving back; where they come faster, looking for it would take
# a quarter of the time.
_TIDIED_AFTER_RESULTS = 32
_TIDIED_AFTER_SECONDS = 1.0
_clock = time.monotonic


class Crew(Generic[Origin, Result]):
    """Threads that work for one owner, who takes what they finish.

    Args:
        threads: how many pieces of work go on at once.
        name: what the threads are called in a stack dump.
    """

    def __init__(self, threads: int, name: str) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._done: queue.SimpleQueue[tuple[Origin, Future[Result]]] = queue.SimpleQueue()
        self._open = 0

    def start(self, origin: Origin, work: Callable[[], Result]) -> None:
        """Begin a piece of work; does not wait."""
        self._open += 1
        future = self._threads.submit(work)
        future.add_done_callback(lambda done: self._done.put((origin, done)))

    def finished(self, *, leaving: int) -> Iterator[tuple[Origin, Result]]:
        """Hand on what is finished, waiting until at most ``leaving`` pieces are not.

        Raises:
            BaseException: what a piece of work raised.
        """
        while self._open > leaving or not self._done.empty():
            origin, future = self._done.get()
            self._open -= 1
            yield origin, future.result()

    @property
    def busy(self) -> bool:
        """Whether something was begun and not taken yet."""
        return self._open > 0

    def close(self) -> None:
        """Begin nothing more, and wait for what is going on: it may be paid for."""
        self._threads.shutdown(wait=True, cancel_futures=True)


@dataclass(frozen=True, slots=True)
class Output:
    """A value for the main output, or for the one that ``tag`` names."""

    value: object
    tag: str | None = None


class CrewFn(beam.DoFn, Generic[Element, Result]):
    """A DoFn whose work is done by threads while its bundle goes on.

    Args:
        threads: how many elements are worked on at once.
        ahead: how many more may be finished and not yet handed on.
    """

    def __init__(self, *, threads: int, ahead: int) -> None:
        super().__init__()
        self._thread_count = threads
        self._leaving = threads + ahead - 1

    @abstractmethod
    def task(self, element: Element) -> Callable[[], Result]:
        """The work that an element asks for; it runs on a thread of the crew."""

    @abstractmethod
    def outputs(self, result: Result) -> Iterator[Output]:
        """What a finished result puts out; runs on the bundle's thread, as counters need."""

    def setup(self) -> None:
        """Hire the crew."""
        return_large_buffers()
        self._untidied = 0
        self._tidied_at = _clock()
        self._crew: Crew[tuple[Timestamp, BoundedWindow], Result] = Crew(
            self._thread_count, type(self).__name__
        )

    def process(
        self,
        element: Element,
        timestamp: Any = beam.DoFn.TimestampParam,
        window: Any = beam.DoFn.WindowParam,
    ) -> Iterator[Any]:
        """Hand on what is finished, make room, and start on the element."""
        yield from self._hand_on(self._leaving)
        self._crew.start((timestamp, window), self.task(element))

    def finish_bundle(self) -> Iterator[Any]:
        """Wait for all that is going on, and hand it on."""
        yield from self._hand_on(0)

    def teardown(self) -> None:
        """Dismiss the crew."""
        self._crew.close()

    def _hand_on(self, leaving: int) -> Iterator[Any]:
        for (timestamp, window), result in self._crew.finished(leaving=leaving):
            for output in self.outputs(result):
                value = WindowedValue(output.value, timestamp, (window,))
                yield value if output.tag is None else beam.pvalue.TaggedOutput(output.tag, value)
            self._untidied += 1
            self._tidy_now_and_then()

    def _tidy_now_and_then(self) -> None:
        now = _clock()
        if self._untidied < _TIDIED_AFTER_RESULTS or now - self._tidied_at < _TIDIED_AFTER_SECONDS:
            return
        self._untidied, self._tidied_at = 0, now
        tidy()


def or_dead_letter(
    work: Callable[[], Result], *, stage: Stage, bury: Callable[[RecordingError], Failure]
) -> Result | Failure:
    """The result of the work, or the failure that its exception stands for.

    Args:
        work: what may raise.
        stage: the stage to name when the exception names none.
        bury: makes the failure of the recording or segment at hand.
    """
    try:
        return work()
    except RecordingError as error:
        return bury(error)
    except Exception as error:  # noqa: BLE001 - the dead-letter border: one bad element never ends the job
        _log.exception("unforeseen error at stage %s", stage.value)
        message = (
            f"{type(error).__name__}: {error}. This is likely a defect of Beamscribe: "
            "please report it with the log; the other recordings go on."
        )
        return bury(RecordingError(stage, codes.UNFORESEEN, message))
