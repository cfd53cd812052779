"""One segment's calls: paced, repeated where that helps, until it is settled.

This is the only place that repeats a call. What to do about an error is decided
by `retry`, a pure policy; here are the permit, the wait and the count.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Protocol

from transforms import codes
from transforms.client import Answer, PreparedCall, ServiceError
from transforms.codes import Verdict
from transforms.errors import MissingCredentialsError
from transforms.limiter import Limiter
from transforms.retry import Action, CallHistory, Decision, RetryPolicy, RetryQuota, charged, decide
from transforms.stopping import StopReason, StopSignal


class Transport(Protocol):
    """Sends a call once."""

    def send(self, call: PreparedCall) -> Answer:
        """The answer.

        Raises:
            ServiceError: the service refused, or no sound answer came.
        """


class Ending(Enum):
    """How a segment's calls ended."""

    ANSWERED = auto()
    EMPTY = auto()
    FAILED = auto()
    STOPPED = auto()


@dataclass(slots=True)
class Tally:
    """What one segment's calls came to.

    Attributes:
        calls: requests sent, refused ones included.
        billed: those answered, or possibly recognized without an answer reaching us.
        throttled_seconds: waited because the service refused for frequency.
        retried: the code of every error that was followed by another call.
    """

    calls: int = 0
    billed: int = 0
    throttled_seconds: float = 0.0
    retried: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a segment: an answer, the last error, or neither (never called)."""

    ending: Ending
    tally: Tally
    answer: Answer | None = None
    error: ServiceError | None = None
    retryable: bool = False


class Caller:
    """Settles segments; shared by the threads of one worker.

    Args:
        transport: sends one call.
        limiter: the pace of all callers.
        stop: tells when no further call may be made, and is told.
        policy: how often and how long.
        quota: how many repeats all calls together may spend.
        uniform: draws from [0, 1), for the jitter.
    """

    def __init__(
        self,
        transport: Transport,
        limiter: Limiter,
        stop: StopSignal,
        policy: RetryPolicy,
        quota: RetryQuota,
        *,
        uniform: Callable[[], float] = random.random,
    ) -> None:
        self._transport = transport
        self._limiter = limiter
        self._stop = stop
        self._policy = policy
        self._quota = quota
        self._uniform = uniform

    def settle(self, call: PreparedCall) -> Reply:
        """Send the call until it is answered, has failed, or the run stops."""
        tally = Tally()
        history = CallHistory()
        error: ServiceError | None = None
        throttled = False
        while self._stop.reason() is None:
            waited = self._limiter.acquire()
            tally.throttled_seconds += waited if throttled else 0.0
            if self._stop.reason() is not None:
                break
            try:
                tally.calls += 1
                answer = self._transport.send(call)
            except MissingCredentialsError as missing:
                self._stop.stop(StopReason("MissingCredentials", str(missing)))
                break
            except ServiceError as refusal:
                error = refusal
            else:
                tally.billed += 1
                self._quota.succeeded(history)
                return Reply(Ending.ANSWERED, tally, answer=answer)
            tally.billed += error.possibly_billed
            decision = self._judge(history, error)
            if decision.action is not Action.RETRY:
                return self._give_up(decision, error, tally)
            history = history.after(error.code, decision.verdict)
            throttled = decision.verdict is Verdict.THROTTLED
            tally.throttled_seconds += decision.delay_seconds if throttled else 0.0
            tally.retried.append(error.code)
            self._stop.wait(decision.delay_seconds)
        return Reply(Ending.STOPPED, tally, error=error, retryable=True)

    def _judge(self, history: CallHistory, error: ServiceError) -> Decision:
        decision = decide(self._policy, history, error.code, error.message, uniform=self._uniform())
        if decision.verdict is Verdict.THROTTLED:
            self._limiter.refused()
        return charged(decision, self._quota)

    def _give_up(self, decision: Decision, error: ServiceError, tally: Tally) -> Reply:
        if decision.action is Action.EMPTY:
            return Reply(Ending.EMPTY, tally, error=error)
        if decision.action is Action.STOP_RUN:
            self._stop.stop(StopReason(error.code, told(error)))
            return Reply(Ending.STOPPED, tally, error=error, retryable=True)
        return Reply(Ending.FAILED, tally, error=error, retryable=decision.retryable)


def told(error: ServiceError) -> str:
    """What the service said, and what to do about it."""
    return f"{error.message.rstrip()} {codes.advice(error.code)}".strip()
