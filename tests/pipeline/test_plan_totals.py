from __future__ import annotations

import numpy as np
import pytest

from pipeline.plan_contents import Contents, DistinctCalls, Due
from pipeline.plan_totals import Machine, SampleCount, Timings, WholeCount, spread
from pipeline.sampling import Figure, draw
from transforms.records import Failure, Stage

FAILED = Contents(failure=Failure("/a", Stage.READ, "NotFound", "gone", False))


def contents(*keys: int, seconds: float = 60) -> Contents:
    due = tuple(Due(key, 100.0, 0.5) for key in keys)
    return Contents(seconds, seconds, seconds / 2, len(keys) + 1, 1, 0, due)


def test_equal_calls_count_once():
    calls = DistinctCalls()
    assert calls.totals() == (0, 0, 0)
    calls.add(contents(1, 2, 2).due)
    calls.add(contents(2**64 - 1, 1).due)
    assert (len(calls), calls.totals()) == (5, (3, 300.0, 1.5))


def test_the_start_of_a_process_is_no_part_of_its_speed():
    timings = Timings()
    assert timings.steady_seconds().tolist() == []
    timings.add(3.0, 60, first=True)
    assert timings.steady_seconds().tolist() == [3.0]
    timings.add(1.0, 120, first=False)
    timings.add(0.1, 120, first=True)
    assert timings.steady_seconds().tolist() == [0.5, 1.0, 0.1]


def test_all_recordings_are_summed_up():
    count = WholeCount()
    count.add(contents(1, 2), 2.0, first=False)
    count.add(contents(2, 3), 4.0, first=False)
    count.add(FAILED, 0.0, first=False)
    totals = count.totals()
    amounts = totals.amounts
    expected = {
        "failed": 1, "audio_seconds": 120, "speech_seconds": 60, "segments": 6, "paid_before": 2,
        "equal": 1, "calls": 3, "payload_bytes": 300, "machine_seconds": 7.5,
    }  # fmt: skip
    assert {name: getattr(amounts, name) for name in expected} == {
        name: Figure.known(number) for name, number in expected.items()
    }
    assert totals.machine == Machine(Figure.known(7.5), 4.0)


def test_a_sample_is_multiplied_and_content_that_is_there_twice_is_paid_once():
    strata = draw(np.full(500, 10.0), np.zeros(500, dtype=np.int64), 100, np.random.default_rng(0))
    count = SampleCount(strata, 500, 59.0)
    for stratum in strata:
        for place in stratum.read:
            count.add(int(place), contents(int(place), 1000), 1.0, 2.0, first=False)
    amounts = count.totals().amounts
    assert (amounts.segments.value, amounts.calls.value, amounts.equal.value) == (1500, 500, 500)
    assert amounts.audio_seconds.value == pytest.approx(30_000)
    assert amounts.machine_seconds.value == pytest.approx(500 + 250)
    for figure in (amounts.calls, amounts.failed, amounts.refused_before):
        assert figure.low <= figure.value < figure.high
        assert all(isinstance(each, int) for each in (figure.value, figure.low, figure.high))


def test_one_recording_takes_one_process():
    machine = Machine(Figure(10, 8, 12), 4.5)
    assert spread(machine, 1) == Figure(10, 8, 12)
    assert spread(machine, 2) == Figure(5, 4.5, 6)
    assert spread(machine, 100) == Figure(4.5, 4.5, 4.5)
