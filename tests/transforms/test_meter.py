from __future__ import annotations

import threading

from transforms.meter import Doing, Meter
from transforms.reading import Reading


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_time_is_added_up_over_all_who_do_the_same_also_while_they_do():
    clock = Clock()
    meter = Meter(clock)
    first, second = meter.span(Doing.CALLING), meter.span(Doing.CALLING)
    with first:
        clock.now += 1
        with second:
            clock.now += 2
            at, counts = meter.read()
            assert (at, counts.in_flight, counts.call_ms) == (103.0, 2, 1000 + 2 * 2000)
        clock.now += 1
    assert (first.seconds, second.seconds) == (4.0, 2.0)
    _, counts = meter.read()
    assert (counts.in_flight, counts.call_ms) == (0, 6000)
    assert (counts.decode_ms, counts.quota_wait_ms, counts.pause_ms) == (0, 0, 0)


def test_each_kind_of_work_has_its_own_time():
    clock = Clock()
    meter = Meter(clock)
    for seconds, doing in enumerate(Doing, 1):
        with meter.span(doing):
            clock.now += seconds
    _, counts = meter.read()
    assert [counts.decode_ms, counts.quota_wait_ms, counts.call_ms, counts.pause_ms] == [
        1000,
        2000,
        3000,
        4000,
    ]


def test_an_answer_is_counted_with_the_time_that_it_took():
    meter = Meter()
    meter.answered(0.001)
    meter.answered(1.024)
    _, counts = meter.read()
    assert (counts.calls_answered, counts.latency) == (2, {0: 1, 40: 1})


def test_without_somebody_who_settles_segments_a_recording_is_done_when_it_is_cut():
    meter = Meter()
    assert meter.cut([("a", 0)], 3) == 1
    meter.follow_segments()
    assert meter.cut([("b", 0)], 1) == 0
    assert meter.settled(("b", 0), called=True) == 1


def test_what_many_threads_count_is_all_counted():
    meter = Meter()

    def work() -> None:
        for _ in range(200):
            with meter.span(Doing.CALLING):
                meter.add(Reading(calls=1, retries={"InternalError": 1}))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    _, counts = meter.read()
    assert (counts.calls, counts.retries, counts.in_flight) == (1600, {"InternalError": 1600}, 0)
