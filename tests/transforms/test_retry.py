from __future__ import annotations

import pickle
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.codes import Verdict, classify
from transforms.errors import UsageError
from transforms.retry import Action, CallHistory, Decision, RetryPolicy, RetryQuota, charged, decide

POLICY = RetryPolicy()
TRANSIENT = ["InternalError", "ConnectionReset", "DeadlineExceeded", "HttpStatus.502"]
REFUSED = ["RequestLimitExceeded", "FailedOperation.ErrorDownFile", "FailedOperation.ErrorRecognize"]
FINAL = [
    "AuthFailure.SecretIdNotFound",
    "NeverSeen",
    "InvalidParameterValue",
    "InvalidParameterValue.NoHumanVoice",
]
ANY_CODE = st.sampled_from([*TRANSIENT, *REFUSED, "AuthFailure.SignatureExpire", *FINAL])


def follow(codes, policy=POLICY, uniform=1.0):
    """The decisions on these errors, up to the first that is not a retry."""
    history, decisions = CallHistory(), []
    for code in codes:
        decision = decide(policy, history, code, "", uniform=uniform)
        decisions.append(decision)
        if decision.action is not Action.RETRY:
            break
        history = history.after(code, decision.verdict)
    return decisions


def test_a_transient_error_is_retried_up_to_max_attempts_with_doubling_delays():
    decisions = follow(["InternalError"] * 9)
    assert [decision.action for decision in decisions] == [Action.RETRY] * 4 + [Action.FAIL_SEGMENT]
    assert [decision.delay_seconds for decision in decisions] == [0.5, 1.0, 2.0, 4.0, 0.0]
    assert [decision.cost for decision in decisions] == [5, 5, 5, 5, 0]
    assert decisions[-1].retryable


def test_transient_errors_of_different_kinds_count_together():
    assert len(follow(TRANSIENT * 3)) == 5


@pytest.mark.parametrize(
    ("code", "calls"), [("FailedOperation.ErrorDownFile", 3), ("FailedOperation.ErrorRecognize", 2)]
)
def test_codes_with_a_count_of_their_own(code, calls):
    assert len(follow([code] * 9)) == calls
    assert len(follow(["InternalError"] + [code] * 9)) == calls + 1
    assert len(follow([code] * 9, RetryPolicy(max_attempts=1))) == 1


def test_a_timeout_costs_more():
    assert decide(POLICY, CallHistory(), "DeadlineExceeded", "", uniform=0.5).cost == 10


def test_throttling_does_not_count_as_an_attempt_and_costs_no_quota():
    decisions = follow(["RequestLimitExceeded"] * 100 + ["InternalError"] * 9)
    assert len(decisions) == 105
    assert all(decision.cost == 0 and decision.delay_seconds <= 0.5 for decision in decisions[:100])


def test_throttling_has_an_end():
    decisions = follow(["RequestLimitExceeded"] * 200)
    assert len(decisions) == 101
    assert decisions[-1] == Decision(Action.FAIL_SEGMENT, Verdict.THROTTLED)
    assert decisions[-1].retryable


def test_the_message_reaches_the_table():
    said = decide(POLICY, CallHistory(), "LimitExceeded", "exceeds the frequency limit", uniform=0.5)
    assert said.action is Action.RETRY
    assert decide(POLICY, CallHistory(), "LimitExceeded", "full", uniform=0.5).action is Action.STOP_RUN


def test_an_old_signature_is_made_anew_once():
    first, second = follow(["AuthFailure.SignatureExpire"] * 3)
    assert (first.action, first.delay_seconds, first.cost) == (Action.RETRY, 0.0, 0)
    assert second.action is Action.STOP_RUN


@pytest.mark.parametrize(
    ("code", "action"),
    [
        ("NeverSeen", Action.FAIL_SEGMENT),
        ("InvalidParameterValue.ErrorInvalidVoicedata", Action.FAIL_SEGMENT),
        ("InvalidParameterValue.NoHumanVoice", Action.EMPTY),
        ("AuthFailure.SecretIdNotFound", Action.STOP_RUN),
    ],
)
def test_what_is_never_retried(code, action):
    decision = decide(POLICY, CallHistory(), code, "", uniform=0.5)
    assert (decision.action, decision.delay_seconds, decision.cost) == (action, 0.0, 0)
    assert not decision.retryable


@given(st.lists(ANY_CODE, max_size=40), st.floats(0, 1, exclude_max=True), st.integers(1, 8))
def test_any_course_of_errors_stays_within_its_limits(codes, uniform, max_attempts):
    policy = RetryPolicy(max_attempts=max_attempts, max_throttled=10)
    decisions = follow(codes, policy, uniform)
    retried = [decision for decision in decisions if decision.action is Action.RETRY]
    assert all(0 <= decision.delay_seconds <= policy.max_delay_seconds * uniform for decision in retried)
    assert sum(decision.verdict is Verdict.TRANSIENT for decision in retried) < max_attempts
    assert sum(decision.verdict is Verdict.RESIGN for decision in retried) <= 1
    assert len(retried) <= max_attempts - 1 + 10 + 1


@given(st.lists(ANY_CODE, max_size=40))
def test_a_history_counts_every_error(codes):
    history = CallHistory()
    for code in codes:
        history = history.after(code, classify(code))
    verdicts = [classify(code) for code in codes]
    assert history.attempts == len(codes)
    assert history.transient_failures == verdicts.count(Verdict.TRANSIENT)
    assert history.throttled == verdicts.count(Verdict.THROTTLED)
    assert history.resigned == (Verdict.RESIGN in verdicts)
    assert all(history.failures_of(code) == codes.count(code) for code in set(codes) & set(TRANSIENT))
    assert pickle.loads(pickle.dumps(history)) == history


def test_many_failures_do_not_overflow_the_delay():
    history = CallHistory(transient=(("InternalError", 5000),))
    assert decide(RetryPolicy(max_attempts=9999), history, "NotJson", "", uniform=1.0).delay_seconds == 20.0


@pytest.mark.parametrize("wrong", [{"max_attempts": 0}, {"max_throttled": -1}, {"base_delay_seconds": -0.1}])
def test_a_policy_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(UsageError):
        RetryPolicy(**wrong)


def test_an_empty_quota_turns_a_transient_retry_into_a_failure_that_may_pass():
    quota = RetryQuota(capacity=7)
    retry = decide(POLICY, CallHistory(), "InternalError", "", uniform=0.5)
    assert charged(retry, quota) is retry
    assert charged(retry, quota) == Decision(Action.FAIL_SEGMENT, Verdict.TRANSIENT)
    assert charged(retry, quota).retryable
    assert quota.tokens == 2


def test_an_empty_quota_does_not_stop_what_costs_none():
    quota = RetryQuota(capacity=0)
    for code in ("RequestLimitExceeded", "AuthFailure.SignatureExpire"):
        decision = decide(POLICY, CallHistory(), code, "", uniform=0.5)
        assert charged(decision, quota) is decision


def test_a_success_gives_back_what_its_call_spent():
    quota, history = RetryQuota(), CallHistory()
    for code in ("InternalError", "RequestLimitExceeded", "DeadlineExceeded"):
        decision = charged(decide(POLICY, history, code, "", uniform=0.5), quota)
        history = history.after(code, decision.verdict)
    assert quota.tokens == 485
    quota.succeeded(history)
    assert quota.tokens == 500


def test_a_success_at_once_gives_back_one():
    quota = RetryQuota(capacity=10)
    assert quota.spend(10)
    quota.succeeded(CallHistory())
    assert quota.tokens == 1
    quota.succeeded(CallHistory(attempts=3, throttled=3))
    assert quota.tokens == 1


@given(st.integers(0, 30), st.lists(st.tuples(st.booleans(), st.integers(0, 12)), max_size=60))
def test_the_quota_never_leaves_its_bounds(capacity, steps):
    quota = RetryQuota(capacity)
    for spends, amount in steps:
        before = quota.tokens
        if spends:
            assert quota.spend(amount) == (amount <= before)
        else:
            quota.succeeded(CallHistory(amount, (("InternalError", amount),) if amount else ()))
        assert 0 <= quota.tokens <= capacity


def test_the_quota_under_many_threads_loses_no_token():
    quota, timeout = RetryQuota(capacity=40), CallHistory(1, (("DeadlineExceeded", 1),))
    seen: list[int] = []

    def work():
        for _ in range(2000):
            if quota.spend(10):
                seen.append(quota.tokens)
                quota.succeeded(timeout)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert quota.tokens == 40
    assert seen
    assert 0 <= min(seen) <= max(seen) <= 40
