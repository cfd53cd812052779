from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.answer import Answer, ServiceError
from transforms.calling import Caller, Ending
from transforms.client import PreparedCall
from transforms.retry import RetryPolicy, RetryQuota
from transforms.stopping import StopReason

CALL = PreparedCall(b"{}", "0" * 64)
ANSWER = Answer("hello", (), 1000, "id-1")


class Script:
    """A transport that answers from a list."""

    def __init__(self, *script: Answer | ServiceError) -> None:
        self.left = list(script)
        self.sent = 0

    def send(self, call: PreparedCall) -> Answer:
        assert call is CALL
        self.sent += 1
        step = self.left.pop(0)
        if isinstance(step, ServiceError):
            raise step
        return step


class CountingLimiter:
    def __init__(self) -> None:
        self.permits = 0
        self.refusals = 0

    def acquire(self, stopped: object) -> float:
        self.permits += 1
        return 0.25

    def refused(self) -> None:
        self.refusals += 1


class Signal:
    def __init__(self) -> None:
        self.told: StopReason | None = None
        self.waits: list[float] = []

    def reason(self) -> StopReason | None:
        return self.told

    def stop(self, reason: StopReason) -> None:
        self.told = self.told or reason

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)


def caller(script: Script, limiter: CountingLimiter, signal: Signal, **policy: int) -> Caller:
    return Caller(script, limiter, signal, RetryPolicy(**policy), RetryQuota(), uniform=lambda: 0.5)


def error(code: str, *, billed: bool = False) -> ServiceError:
    return ServiceError(code, "said so.", "id-2", billed)


def test_an_answer_is_one_call_and_one_permit():
    script, limiter, signal = Script(ANSWER), CountingLimiter(), Signal()
    reply = caller(script, limiter, signal).settle(CALL)
    assert (reply.ending, reply.answer) == (Ending.ANSWERED, ANSWER)
    assert (reply.tally.calls, reply.tally.billed, limiter.permits) == (1, 1, 1)


def test_a_throttled_call_slows_the_limiter_and_is_repeated_beyond_max_attempts():
    script = Script(*[error("RequestLimitExceeded")] * 8, ANSWER)
    limiter, signal = CountingLimiter(), Signal()
    reply = caller(script, limiter, signal, max_attempts=2).settle(CALL)
    assert reply.ending is Ending.ANSWERED
    assert (reply.tally.calls, reply.tally.billed) == (9, 1)
    assert (limiter.refusals, limiter.permits) == (8, 9)
    assert reply.tally.retried == ["RequestLimitExceeded"] * 8
    assert reply.tally.throttled_seconds == pytest.approx(sum(signal.waits) + 8 * 0.25)


def test_a_passing_error_is_repeated_up_to_max_attempts_then_fails_retryable():
    script = Script(*[error("InternalError")] * 5)
    reply = caller(script, CountingLimiter(), Signal(), max_attempts=3).settle(CALL)
    assert (reply.ending, reply.retryable, script.sent) == (Ending.FAILED, True, 3)
    assert reply.error is not None
    assert reply.error.code == "InternalError"


def test_a_refused_segment_fails_at_once_and_for_good():
    script = Script(error("InvalidParameterValue.ErrorInvalidVoicedata"))
    signal = Signal()
    reply = caller(script, CountingLimiter(), signal).settle(CALL)
    assert (reply.ending, reply.retryable, script.sent) == (Ending.FAILED, False, 1)
    assert signal.told is None


def test_nothing_said_is_empty_and_not_a_failure():
    reply = caller(Script(error("InvalidParameterValue.NoHumanVoice")), CountingLimiter(), Signal()).settle(
        CALL
    )
    assert (reply.ending, reply.tally.billed) == (Ending.EMPTY, 0)


def test_what_makes_every_call_fail_stops_the_run_and_says_what_to_do():
    script, signal = Script(error("AuthFailure.SecretIdNotFound")), Signal()
    reply = caller(script, CountingLimiter(), signal).settle(CALL)
    assert reply.ending is Ending.STOPPED
    assert signal.told is not None
    assert signal.told.code == "AuthFailure.SecretIdNotFound"
    assert "TENCENTCLOUD_SECRET_ID" in signal.told.message


def test_an_expired_signature_is_signed_again_once_then_stops_the_run():
    expired = error("AuthFailure.SignatureExpire")
    good, signal = Script(expired, ANSWER), Signal()
    assert caller(good, CountingLimiter(), signal).settle(CALL).ending is Ending.ANSWERED
    assert signal.told is None
    bad = Script(expired, expired)
    assert caller(bad, CountingLimiter(), signal).settle(CALL).ending is Ending.STOPPED
    assert signal.told is not None


def test_no_call_is_made_once_the_run_stops():
    script, limiter, signal = Script(), CountingLimiter(), Signal()
    signal.stop(StopReason("Interrupted", "told to"))
    reply = caller(script, limiter, signal).settle(CALL)
    assert (reply.ending, reply.error, reply.tally.calls, limiter.permits) == (Ending.STOPPED, None, 0, 0)


def test_a_stop_that_comes_while_waiting_for_a_permit_saves_the_call():
    script, signal = Script(ANSWER), Signal()

    class Slow(CountingLimiter):
        def acquire(self, stopped: object) -> float:
            signal.stop(StopReason("Interrupted", "told to"))
            return 1.0

    assert caller(script, Slow(), signal).settle(CALL).ending is Ending.STOPPED
    assert script.sent == 0


def test_possibly_billed_calls_are_counted_as_billed():
    script = Script(error("DeadlineExceeded", billed=True), error("ConnectionFailed"), ANSWER)
    reply = caller(script, CountingLimiter(), Signal()).settle(CALL)
    assert (reply.tally.calls, reply.tally.billed) == (3, 2)


@given(segments=st.integers(50, 400))
def test_in_an_outage_repeats_are_bounded_by_the_quota(segments):
    quota = RetryQuota(100)
    sent = 0
    for _ in range(segments):
        script = Script(*[error("InternalError")] * 5)
        Caller(script, CountingLimiter(), Signal(), RetryPolicy(), quota, uniform=lambda: 0.0).settle(CALL)
        sent += script.sent
    assert sent <= segments + 100 / 5
