from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from transforms.lease import (
    Lease,
    LeaseTimes,
    Unchanged,
    decode_lease,
    generation_of,
    lease_name,
    newest_generation,
)
from transforms.records import Mark


def test_a_lease_is_read_as_it_was_written_and_nothing_else_is_one() -> None:
    lease = Lease("run", 7, "host", "token", 60.0, beat=3, released=True)
    assert decode_lease(lease.encoded()) == lease
    assert decode_lease(b"{}") is None
    assert decode_lease(b"\xff") is None
    assert lease.holder == "run run, process 7 on host"


@given(st.lists(st.integers(1, 10**11)))
def test_the_newest_generation_is_the_highest_number(generations: list[int]) -> None:
    names = [f"lock/{lease_name(each)}" for each in generations]
    assert newest_generation([*names, "lock/notes.txt"]) == max(generations, default=0)
    assert [generation_of(name) for name in names] == generations
    assert sorted(names) == [f"lock/{lease_name(each)}" for each in sorted(generations)]


@given(st.floats(3, 3600))
def test_whoever_holds_it_stops_well_before_another_may_take_it(seconds: float) -> None:
    times = LeaseTimes(seconds)
    # A worker may see the last renewal a look later than it was written, and looks again a look later.
    assert times.safe_seconds + 2 * times.look_seconds < seconds
    # Two renewals may fail.
    assert 3 * times.renew_seconds + times.look_seconds < times.safe_seconds


def test_what_stays_as_it_is_is_told_by_the_clock_of_whoever_looks() -> None:
    unchanged = Unchanged()
    assert unchanged.seconds(Mark(1, "a"), 10.0) == 0.0
    assert unchanged.seconds(Mark(1, "a"), 15.0) == 5.0
    assert unchanged.seconds(Mark(1, "b"), 16.0) == 0.0
    assert unchanged.seconds(None, 20.0) == 0.0
    assert unchanged.seconds(None, 25.0) == 0.0
