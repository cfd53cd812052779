"""One segment's calls: paced, repeated where that helps, until it is settled.

This is the only place that repeats a call. What to do about an error is decided
by `retry`, a pure policy, and when every call would fail by `watch`; here are the
permit, the budget, the wait and the count.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Protocol

from transforms import codes
from transforms.answer import Answer, ServiceError
from transforms.budget import BUDGET_REACHED
from transforms.client import PreparedCall
from transforms.codes import Verdict
from transforms.errors import MissingCredentialsError
from transforms.limiter import Limiter
from transforms.meter import Doing, Meter
from transforms.reading import Reading
from transforms.retry import Action, CallHistory, Decision, RetryPolicy, RetryQuota, charged, decide
from transforms.shared_budget import CallBudget
from transforms.stopping import StopReason, StopSignal
from transforms.watch import Watch

MISSING_CREDENTIALS = "MissingCredentials"


class Transport(Protocol):
    """Sends a call once."""

    def send(self, call: PreparedCall) -> Answer:
        """The answer.

        Raises:
            ServiceError: the service refused, or no sound answer came.
            MissingCredentialsError: there is no key to sign with.
        """


class Ending(Enum):
    """How a segment's calls ended."""

    ANSWERED = auto()
    EMPTY = auto()
    FAILED = auto()
    STOPPED = auto()


@dataclass(slots=True)
class Tally:
    """What one segment's calls came to in this run.

    Attributes:
        calls: requests sent, refused ones included.
        billed: those answered, or possibly recognized without an answer reaching us.
        answered: those that brought text.
        throttled: those refused for frequency.
        throttled_seconds: waited because the service refused for frequency.
        quota_wait_seconds: waited for the permits.
        call_seconds: from sending to what came back.
        pause_seconds: waited before repeats.
        retried: the code of every error that was followed by another call.
    """

    calls: int = 0
    billed: int = 0
    answered: int = 0
    throttled: int = 0
    throttled_seconds: float = 0.0
    quota_wait_seconds: float = 0.0
    call_seconds: float = 0.0
    pause_seconds: float = 0.0
    retried: list[str] = field(default_factory=list)

    @property
    def throttled_ms(self) -> int:
        """Whole milliseconds, so that sums of sums agree."""
        return round(self.throttled_seconds * 1000)

    @property
    def counts(self) -> Reading:
        """What it adds to the counts of the run."""
        return Reading(
            calls_started=self.calls,
            calls=self.calls,
            calls_answered=self.answered,
            calls_throttled=self.throttled,
            billed_calls=self.billed,
            throttled_ms=self.throttled_ms,
            quota_wait_ms=round(self.quota_wait_seconds * 1000),
            call_ms=round(self.call_seconds * 1000),
            pause_ms=round(self.pause_seconds * 1000),
            retries=Counter(self.retried),
        )


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a segment: an answer, the last error, or neither (never called).

    Attributes:
        retryable: whether a failed segment may succeed in a later run.
        attempts: calls that led to it, in this run or the one that recorded it.
        at_us: when it came, microseconds since 1970 UTC.
        reused: it was paid for before, or by an equal segment.
    """

    ending: Ending
    tally: Tally
    answer: Answer | None = None
    error: ServiceError | None = None
    retryable: bool = False
    attempts: int = 0
    at_us: int = 0
    reused: bool = False


def now_us() -> int:
    """Microseconds since 1970 UTC."""
    return time.time_ns() // 1000


class Caller:
    """Settles segments; shared by the threads of one worker.

    Args:
        transport: sends one call.
        limiter: the pace of all callers.
        stop: tells when no further call may be made, and is told.
        policy: how often and how long.
        quota: how many repeats all calls together may spend.
        budget: the wall before the bill; None for none.
        meter: counts what goes on while it does; None where nobody watches.
        uniform: draws from [0, 1), for the jitter.
        clock_us: microseconds since 1970 UTC.
    """

    def __init__(
        self,
        transport: Transport,
        limiter: Limiter,
        stop: StopSignal,
        policy: RetryPolicy,
        quota: RetryQuota,
        *,
        budget: CallBudget | None = None,
        meter: Meter | None = None,
        uniform: Callable[[], float] = random.random,
        clock_us: Callable[[], int] = now_us,
    ) -> None:
        self._transport = transport
        self._limiter = limiter
        self._stop = stop
        self._policy = policy
        self._quota = quota
        self._budget = budget
        self._meter = meter or Meter()
        self._uniform = uniform
        self._clock_us = clock_us
        self._watch = Watch()
        self._watching = threading.Lock()

    def settle(self, call: PreparedCall) -> Reply:
        """Send the call until it is answered, has failed, or the run stops."""
        tally = Tally()
        history = CallHistory()
        error: ServiceError | None = None
        throttled = False
        while not self._stopped():
            with self._meter.span(Doing.WAITING):
                waited = self._limiter.acquire(self._stopped)
            tally.quota_wait_seconds += waited
            tally.throttled_seconds += waited if throttled else 0.0
            if self._stopped() or not self._reserve():
                break
            try:
                answer = self._send(call, tally)
            except MissingCredentialsError as missing:
                self._stop.stop(StopReason(MISSING_CREDENTIALS, str(missing)))
                break
            except ServiceError as refusal:
                error = refusal
            else:
                self._quota.succeeded(history)
                self._note(Watch.answered)
                return self._reply(Ending.ANSWERED, tally, answer=answer)
            decision = self._judge(history, error, tally)
            if decision.action is not Action.RETRY:
                return self._give_up(decision, error, tally)
            history = history.after(error.code, decision.verdict)
            throttled = decision.verdict is Verdict.THROTTLED
            tally.throttled_seconds += decision.delay_seconds if throttled else 0.0
            tally.pause_seconds += decision.delay_seconds
            tally.retried.append(error.code)
            self._meter.add(Reading(retries={error.code: 1}))
            with self._meter.span(Doing.PAUSING):
                self._stop.wait(decision.delay_seconds)
        return self._reply(Ending.STOPPED, tally, error=error, retryable=True)

    def _stopped(self) -> bool:
        return self._stop.reason() is not None

    def _reserve(self) -> bool:
        if self._budget is None or self._budget.reserve():
            return True
        self._stop.stop(
            StopReason(
                BUDGET_REACHED,
                f"the budget of {self._budget.max_calls} calls is used up. What was paid for is kept; with "
                "a higher budget.max_calls or budget.max_cost the same command continues.",
            )
        )
        return False

    def _send(self, call: PreparedCall, tally: Tally) -> Answer:
        """One call, counted, and settled with the budget: what was not billed is given back."""
        billed = True  # until it is known that it was not
        sent = True
        self._meter.add(Reading(calls_started=1))
        try:
            with self._meter.span(Doing.CALLING) as span:
                answer = self._transport.send(call)
            tally.answered += 1
            self._meter.answered(span.seconds)
        except MissingCredentialsError:
            sent = billed = False
            raise
        except ServiceError as error:
            billed = error.possibly_billed
            raise
        finally:
            tally.calls += sent
            tally.billed += billed
            tally.call_seconds += span.seconds
            self._meter.add(Reading(calls=sent, billed_calls=billed))
            if self._budget is not None and not billed:
                self._budget.release()
        return answer

    def _judge(self, history: CallHistory, error: ServiceError, tally: Tally) -> Decision:
        decision = decide(self._policy, history, error.code, error.message, uniform=self._uniform())
        if decision.verdict is Verdict.THROTTLED:
            self._limiter.refused()
            tally.throttled += 1
            self._meter.add(Reading(calls_throttled=1))
        return charged(decision, self._quota)

    def _give_up(self, decision: Decision, error: ServiceError, tally: Tally) -> Reply:
        if decision.action is Action.EMPTY:
            self._note(Watch.answered)
            return self._reply(Ending.EMPTY, tally, error=error)
        if decision.action is Action.STOP_RUN:
            self._stop.stop(StopReason(error.code, told(error)))
            return self._reply(Ending.STOPPED, tally, error=error, retryable=True)
        self._note(lambda watch: watch.failed(error.code, decision.verdict))
        return self._reply(Ending.FAILED, tally, error=error, retryable=decision.retryable)

    def _note(self, step: Callable[[Watch], Watch]) -> None:
        with self._watching:
            self._watch = step(self._watch)
            reason = self._watch.reason()
        if reason is not None:
            self._stop.stop(reason)

    def _reply(
        self,
        ending: Ending,
        tally: Tally,
        *,
        answer: Answer | None = None,
        error: ServiceError | None = None,
        retryable: bool = False,
    ) -> Reply:
        return Reply(ending, tally, answer, error, retryable, attempts=tally.calls, at_us=self._clock_us())


def told(error: ServiceError) -> str:
    """What the service said, and what to do about it."""
    return f"{error.message.rstrip()} {codes.advice(error.code)}".strip()
