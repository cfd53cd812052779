from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.service.ledger import Ledger, ReceivedCall


def ledger(calls_left: int | None = None, received_calls: int = 10) -> Ledger:
    return Ledger(calls_left=calls_left, received_calls=received_calls)


def call(payload: str | None = "a", *, code: str | None = None, billed: bool = True) -> ReceivedCall:
    return ReceivedCall(1.0, "16k_en", "wav", 4, payload, 10, code, None, billed)


@given(st.lists(st.floats(0, 10), min_size=1, max_size=60))
def test_the_window_holds_what_arrived_in_the_last_second(times_s: list[float]) -> None:
    counted = ledger()
    times_s.sort()
    for index, time_s in enumerate(times_s):
        expected = sum(1 for earlier in times_s[: index + 1] if earlier > time_s - 1.0)
        assert counted.arrive(now_s=time_s, utc_s=0.0).in_last_second == expected


def test_the_steady_rate_leaves_out_start_and_end() -> None:
    counted = ledger()
    # A slow start and a slow end around eight calls, a quarter of a second apart.
    for time_s in [-50.0, *(index / 4 for index in range(8)), 90.0]:
        counted.arrive(now_s=time_s, utc_s=time_s + 1000)
    stats = counted.stats()
    assert stats.steady_per_second == pytest.approx(4.0)
    assert (stats.max_in_second, stats.first_arrival_s, stats.last_arrival_s) == (4, 950.0, 1090.0)


def test_the_quota_runs_out_and_comes_back_for_unbilled_calls() -> None:
    counted = ledger(calls_left=2)
    assert [counted.reserve() for _ in range(3)] == [True, True, False]
    counted.release()
    assert [counted.reserve() for _ in range(2)] == [True, False]


def test_billed_and_distinct_payloads_are_counted_apart() -> None:
    counted = ledger()
    for each in [
        call("a"),
        call("a"),
        call("b", code="InternalError", billed=False),
        call(None, billed=False),
    ]:
        counted.record(each)
    stats = counted.stats()
    assert (stats.billed, stats.distinct_payloads, stats.distinct_billed_payloads) == (2, 2, 1)
    assert stats.refused == {"InternalError": 1}


def test_only_the_latest_calls_are_remembered() -> None:
    counted = ledger(received_calls=2)
    for name in "abc":
        counted.record(call(name))
    assert [each.payload_sha256 for each in counted.received()] == ["b", "c"]


def test_calls_in_flight() -> None:
    counted = ledger()
    counted.arrive(now_s=0.0, utc_s=0.0)
    counted.arrive(now_s=0.0, utc_s=0.0)
    counted.leave()
    assert (counted.stats().in_flight, counted.stats().max_in_flight) == (1, 2)
