"""What the service counts: calls, what was billed, what was refused, and how fast.

Safe to use from many threads; the time of each event is passed in.
"""

from __future__ import annotations

from array import array
from collections import Counter, deque
from dataclasses import dataclass
from threading import Lock
from typing import Final

WINDOW_S: Final = 1.0
"""The rate is counted over this, sliding."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A call whose headers are complete.

    Attributes:
        at_s: when, seconds of a clock that never steps.
        utc_s: when, seconds since 1970 UTC by the service's clock.
        in_last_second: calls in the second that ends with this one, itself included.
    """

    at_s: float
    utc_s: float
    in_last_second: int


@dataclass(frozen=True, slots=True)
class ReceivedCall:
    """A call that was answered, or was to be.

    Attributes:
        arrived_at_s: seconds since 1970 UTC, by the service's clock.
        engine: empty, like the next, where the call was refused before its parameters.
        data_len: bytes before base64 that were received; None if none were read.
        code: the error code answered; None for a recognized call.
        fault: the kind of the planned fault that hit it.
        billed: whether it costs.
    """

    arrived_at_s: float
    engine: str
    voice_format: str
    data_len: int | None
    payload_sha256: str | None
    duration_ms: int | None
    code: str | None
    fault: str | None
    billed: bool


@dataclass(frozen=True, slots=True)
class ServiceStats:
    """All counts since the start.

    Attributes:
        calls: that arrived, refused ones included.
        billed: recognized calls, whether or not the client saw the answer.
        refused: errors by code.
        faults: planned faults that struck, by kind.
        distinct_payloads: different payloads that were decoded.
        distinct_billed_payloads: different payloads that were billed; what ``billed``
            exceeds it by was paid twice.
        unread_answers: clients that were gone before their answer.
        in_flight: calls that are being answered now.
        max_in_flight: the most there were at once.
        max_in_second: most arrivals in any sliding second.
        steady_per_second: rate of the middle four fifths of all arrivals; None before
            there are enough of them.
        first_arrival_s: seconds since 1970 UTC, as the next.
    """

    calls: int
    billed: int
    refused: dict[str, int]
    faults: dict[str, int]
    distinct_payloads: int
    distinct_billed_payloads: int
    unread_answers: int
    in_flight: int
    max_in_flight: int
    max_in_second: int
    steady_per_second: float | None
    first_arrival_s: float | None
    last_arrival_s: float | None


class Ledger:
    """Counts calls and holds the account's quota.

    Args:
        calls_left: billed calls that the account can pay; None is endless.
        received_calls: how many of the latest calls are remembered one by one.
    """

    def __init__(self, *, calls_left: int | None, received_calls: int) -> None:
        self._lock = Lock()
        self._calls_left = calls_left
        self._arrivals_s = array("d")
        self._window_s: deque[float] = deque()
        self._first_utc_s: float | None = None
        self._last_utc_s: float | None = None
        self._max_in_second = 0
        self._in_flight = 0
        self._max_in_flight = 0
        self._valid_calls = 0
        self._billed = 0
        self._unread = 0
        self._refused: Counter[str] = Counter()
        self._faults: Counter[str] = Counter()
        self._payloads: set[str] = set()
        self._billed_payloads: set[str] = set()
        self._received: deque[ReceivedCall] = deque(maxlen=received_calls)

    def arrive(self, *, now_s: float, utc_s: float) -> Arrival:
        """Counts a call whose headers are complete.

        Args:
            now_s: seconds of a clock that never steps.
            utc_s: seconds since 1970 UTC by the service's clock.
        """
        with self._lock:
            self._arrivals_s.append(now_s)
            self._window_s.append(now_s)
            while self._window_s[0] <= now_s - WINDOW_S:
                self._window_s.popleft()
            self._max_in_second = max(self._max_in_second, len(self._window_s))
            self._in_flight += 1
            self._max_in_flight = max(self._max_in_flight, self._in_flight)
            if self._first_utc_s is None:
                self._first_utc_s = utc_s
            self._last_utc_s = utc_s
            return Arrival(now_s, utc_s, len(self._window_s))

    def leave(self) -> None:
        """Counts a call as answered."""
        with self._lock:
            self._in_flight -= 1

    def next_valid_call(self) -> int:
        """Numbers the calls that passed all checks, from 0."""
        with self._lock:
            self._valid_calls += 1
            return self._valid_calls - 1

    def reserve(self) -> bool:
        """Takes a call out of the quota; False if none is left."""
        with self._lock:
            if self._calls_left is None:
                return True
            if self._calls_left == 0:
                return False
            self._calls_left -= 1
            return True

    def release(self) -> None:
        """Gives back what was reserved for a call that is not billed after all."""
        with self._lock:
            if self._calls_left is not None:
                self._calls_left += 1

    def unread_answer(self) -> None:
        """Counts a client that was gone before its answer."""
        with self._lock:
            self._unread += 1

    def record(self, call: ReceivedCall) -> None:
        """Counts how a call ended."""
        with self._lock:
            self._received.append(call)
            if call.code is not None:
                self._refused[call.code] += 1
            if call.fault is not None:
                self._faults[call.fault] += 1
            if call.payload_sha256 is not None:
                self._payloads.add(call.payload_sha256)
            if call.billed:
                self._billed += 1
                if call.payload_sha256 is not None:
                    self._billed_payloads.add(call.payload_sha256)

    def received(self) -> list[ReceivedCall]:
        """Returns the latest calls, in the order in which they were decided."""
        with self._lock:
            return list(self._received)

    def stats(self) -> ServiceStats:
        """Returns all counts."""
        with self._lock:
            arrivals_s = self._arrivals_s
            return ServiceStats(
                calls=len(arrivals_s),
                billed=self._billed,
                refused=dict(self._refused),
                faults=dict(self._faults),
                distinct_payloads=len(self._payloads),
                distinct_billed_payloads=len(self._billed_payloads),
                unread_answers=self._unread,
                in_flight=self._in_flight,
                max_in_flight=self._max_in_flight,
                max_in_second=self._max_in_second,
                steady_per_second=_steady_per_second(arrivals_s),
                first_arrival_s=self._first_utc_s,
                last_arrival_s=self._last_utc_s,
            )


def _steady_per_second(arrivals_s: array[float]) -> float | None:
    """The rate without the first and last tenth, in which a run starts and ends."""
    first = len(arrivals_s) // 10
    last = len(arrivals_s) - 1 - first
    if len(arrivals_s) < 10 or arrivals_s[last] <= arrivals_s[first]:
        return None
    return (last - first) / (arrivals_s[last] - arrivals_s[first])
