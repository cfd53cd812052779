"""When a call is made again, and after how long: the only retry policy, pure.

The model is botocore's "standard" mode: capped exponential backoff with full
jitter, and a quota of retries that all calls of a process share, so that an
outage is not answered with a multiple of the calls. Unlike there, a refusal
for too many calls costs no quota: the limiter already slows down for it.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from enum import Enum

from transforms import codes
from transforms.codes import Verdict
from transforms.errors import UsageError

# botocore.retries.standard: RetryQuotaChecker.
_QUOTA_CAPACITY = 500
_RETRY_COST = 5
_TIMEOUT_RETRY_COST = 10
_FIRST_ATTEMPT_REFUND = 1

# Beyond it the cap on the delay has long decided; keeps 2**n a small number.
_MAX_DOUBLINGS = 30


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long a call is kept up.

    Attributes:
        max_attempts: calls for one segment at most, those refused for their
            rate not counted.
        base_delay_seconds: the longest delay before the second attempt; it
            doubles with each further one.
        max_delay_seconds: no delay is longer.
        max_throttled: refusals for rate that one segment bears.

    Raises:
        UsageError: a limit that would allow no call, or a negative delay.
    """

    max_attempts: int = 5
    base_delay_seconds: float = 0.5
    max_delay_seconds: float = 20.0
    max_throttled: int = 100

    def __post_init__(self) -> None:
        if self.max_attempts < 1:
            raise UsageError(f"recognition.max_attempts is {self.max_attempts}; at least 1 call is needed.")
        if self.max_throttled < 0 or self.base_delay_seconds < 0 or self.max_delay_seconds < 0:
            raise UsageError(f"A retry policy holds no negative number: {self}.")


@dataclass(frozen=True, slots=True)
class CallHistory:
    """What has happened to one segment's calls so far.

    Attributes:
        attempts: calls that ended in an error.
        transient: pairs of a transient code and how often it came.
        throttled: calls refused for their rate.
        resigned: whether a new signature has been tried.
    """

    attempts: int = 0
    transient: tuple[tuple[str, int], ...] = ()
    throttled: int = 0
    resigned: bool = False

    def after(self, code: str, verdict: Verdict) -> CallHistory:
        """The history with one more error."""
        counts = dict(self.transient)
        if verdict is Verdict.TRANSIENT:
            counts[code] = counts.get(code, 0) + 1
        return CallHistory(
            attempts=self.attempts + 1,
            transient=tuple(counts.items()),
            throttled=self.throttled + (verdict is Verdict.THROTTLED),
            resigned=self.resigned or verdict is Verdict.RESIGN,
        )

    def failures_of(self, code: str) -> int:
        """How often this transient code came."""
        return dict(self.transient).get(code, 0)

    @property
    def transient_failures(self) -> int:
        """How many transient errors came, whatever their codes."""
        return sum(count for _, count in self.transient)

    @property
    def quota_spent(self) -> int:
        """Tokens that the retries after these errors have cost: what a success gives back."""
        return sum(count * _cost_of(code) for code, count in self.transient)


class Action(Enum):
    """What follows an error."""

    RETRY = "retry"
    FAIL_SEGMENT = "fail_segment"
    EMPTY = "empty"
    STOP_RUN = "stop_run"


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows an error.

    Attributes:
        verdict: what the code asked for.
        delay_seconds: to wait before the next attempt; 0 where there is none.
        cost: tokens that this retry takes from the `RetryQuota`.
    """

    action: Action
    verdict: Verdict
    delay_seconds: float = 0.0
    cost: int = 0

    @property
    def retryable(self) -> bool:
        """Whether a segment that fails now may succeed in a later run."""
        return codes.is_passing(self.verdict)


def decide(policy: RetryPolicy, history: CallHistory, code: str, message: str, *, uniform: float) -> Decision:
    """Say what follows an error.

    Args:
        policy: the limits.
        history: the errors before this one.
        code: this error's code.
        message: this error's message.
        uniform: a random number in [0, 1), the jitter.
    """
    verdict = codes.classify(code, message)
    now = history.after(code, verdict)
    if verdict is Verdict.RESIGN and not history.resigned:
        return Decision(Action.RETRY, verdict)
    if verdict is Verdict.THROTTLED and now.throttled <= policy.max_throttled:
        return Decision(Action.RETRY, verdict, _backoff_seconds(policy, 1, uniform))
    if verdict is Verdict.TRANSIENT and _may_try_again(policy, now, code):
        delay_seconds = _backoff_seconds(policy, now.transient_failures, uniform)
        return Decision(Action.RETRY, verdict, delay_seconds, _cost_of(code))
    return _given_up(verdict)


def charged(decision: Decision, quota: RetryQuota) -> Decision:
    """Pay for a decision; a retry that the quota does not hold becomes a failed segment."""
    if decision.action is not Action.RETRY or quota.spend(decision.cost):
        return decision
    return _given_up(decision.verdict)


class RetryQuota:
    """Tokens that retries cost, shared by all threads of a process.

    At every moment ``0 <= tokens <= capacity``.
    """

    def __init__(self, capacity: int = _QUOTA_CAPACITY) -> None:
        self._capacity = capacity
        self._tokens = capacity
        self._lock = threading.Lock()

    @property
    def tokens(self) -> int:
        """What is left."""
        with self._lock:
            return self._tokens

    def spend(self, cost: int) -> bool:
        """Take this many tokens; False, and nothing taken, where fewer are left."""
        with self._lock:
            if cost > self._tokens:
                return False
            self._tokens -= cost
            return True

    def succeeded(self, history: CallHistory) -> None:
        """Give back what a call that now succeeded has spent; 1 for a success at once."""
        refund = history.quota_spent if history.attempts else _FIRST_ATTEMPT_REFUND
        with self._lock:
            self._tokens = min(self._capacity, self._tokens + refund)


def _may_try_again(policy: RetryPolicy, now: CallHistory, code: str) -> bool:
    allowed_of_code = codes.attempts_allowed(code, policy.max_attempts)
    return now.transient_failures < policy.max_attempts and now.failures_of(code) < allowed_of_code


def _given_up(verdict: Verdict) -> Decision:
    if verdict is Verdict.EMPTY:
        return Decision(Action.EMPTY, verdict)
    if codes.fails_when_given_up(verdict):
        return Decision(Action.FAIL_SEGMENT, verdict)
    return Decision(Action.STOP_RUN, verdict)


def _backoff_seconds(policy: RetryPolicy, failures: int, uniform: float) -> float:
    doublings = min(failures - 1, _MAX_DOUBLINGS)
    return uniform * min(policy.max_delay_seconds, policy.base_delay_seconds * 2.0**doublings)


def _cost_of(code: str) -> int:
    return _TIMEOUT_RETRY_COST if code == codes.DEADLINE_EXCEEDED else _RETRY_COST
