from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator

import apache_beam as beam
import pytest
from apache_beam.testing.test_pipeline import TestPipeline
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.transforms.window import FixedWindows, GlobalWindow, TimestampedValue
from apache_beam.utils.timestamp import Timestamp

from transforms.crew import Crew, CrewFn, Output, or_dead_letter
from transforms.errors import RecordingError
from transforms.records import Failure, Stage


def test_results_come_with_their_origin_and_all_come():
    crew: Crew[str, int] = Crew(3, "test")
    for number in range(20):
        crew.start(f"of {number}", lambda number=number: number * number)
    assert sorted(crew.finished(leaving=0), key=lambda pair: pair[1]) == [
        (f"of {number}", number * number) for number in range(20)
    ]
    crew.close()


def test_waiting_ends_when_few_enough_are_open_and_untaken_results_count():
    crew: Crew[int, int] = Crew(2, "test")
    gate = threading.Event()
    crew.start(0, lambda: 0)
    crew.start(1, lambda: int(gate.wait(30)))
    assert [origin for origin, _ in crew.finished(leaving=1)] == [0]
    assert list(crew.finished(leaving=1)) == []
    gate.set()
    assert [origin for origin, _ in crew.finished(leaving=0)] == [1]
    crew.close()


def test_never_more_at_once_than_threads():
    crew: Crew[int, None] = Crew(4, "test")
    lock = threading.Lock()
    at_once = [0, 0]

    def work() -> None:
        with lock:
            at_once[0] += 1
            at_once[1] = max(at_once)
        threading.Event().wait(0.01)
        with lock:
            at_once[0] -= 1

    for number in range(30):
        list(crew.finished(leaving=3))
        crew.start(number, work)
    list(crew.finished(leaving=0))
    assert at_once == [0, 4]
    crew.close()


def test_an_exception_of_the_work_is_raised_to_the_owner():
    crew: Crew[int, None] = Crew(1, "test")

    def work() -> None:
        raise KeyError("gone")

    crew.start(0, work)
    with pytest.raises(KeyError, match="gone"):
        list(crew.finished(leaving=0))
    crew.close()


class Halves(CrewFn[int, int]):
    def __init__(self) -> None:
        super().__init__(threads=4, ahead=0)

    def task(self, element: int) -> Callable[[], int]:
        return lambda: element // 2

    def outputs(self, result: int) -> Iterator[Output]:
        yield Output(result)
        if result % 2:
            yield Output(result, "odd")


def test_outputs_and_tagged_outputs_keep_the_window_of_their_element():
    def with_window(value: int, window=beam.DoFn.WindowParam) -> tuple[int, float]:
        return value, float(window.start)

    with TestPipeline(runner="FnApiRunner") as pipeline:
        outputs = (
            pipeline
            | beam.Create(range(40))
            | beam.Map(lambda number: TimestampedValue(number, number))
            | beam.WindowInto(FixedWindows(10))
            | beam.ParDo(Halves()).with_outputs("odd", main="all")
        )
        expected = [(number // 2, float(number // 10 * 10)) for number in range(40)]
        assert_that(outputs["all"] | "all" >> beam.Map(with_window), equal_to(expected), label="main")
        odd = [pair for pair in expected if pair[0] % 2]
        assert_that(outputs.odd | "odd" >> beam.Map(with_window), equal_to(odd), label="tagged")


@pytest.mark.parametrize(("seconds_each", "times"), [(0.04, 3), (0.02, 2), (0.005, 0)])
def test_memory_is_tidied_now_and_then(seconds_each: float, times: int, monkeypatch: pytest.MonkeyPatch):
    handed_on = 0
    tidied_after = []
    ticks = itertools.count()
    monkeypatch.setattr("transforms.crew.tidy", lambda: tidied_after.append(handed_on))
    monkeypatch.setattr("transforms.crew._clock", lambda: next(ticks) * seconds_each)
    crew = Halves()
    crew.setup()
    for number in range(0, 400, 4):
        handed_on += len(list(crew.process(number, Timestamp(0), GlobalWindow())))
    handed_on += len(list(crew.finish_bundle()))
    crew.teardown()
    assert handed_on == 100
    assert len(tidied_after) == times


def bury(error: RecordingError) -> Failure:
    return Failure("a.wav", error.stage, error.code, error.message, error.retryable)


def test_a_recording_error_becomes_its_failure():
    def work() -> int:
        raise RecordingError(Stage.READ, "NotFound", "not there", retryable=True)

    assert or_dead_letter(work, stage=Stage.DECODE, bury=bury) == Failure(
        "a.wav", Stage.READ, "NotFound", "not there", True
    )


def test_an_unforeseen_exception_becomes_a_failure_that_names_it():
    failure = or_dead_letter(lambda: 1 // 0, stage=Stage.DECODE, bury=bury)
    assert isinstance(failure, Failure)
    assert (failure.code, failure.stage) == ("Unforeseen", Stage.DECODE)
    assert "ZeroDivisionError" in failure.message


def test_an_interrupt_is_no_dead_letter():
    def work() -> int:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        or_dead_letter(work, stage=Stage.DECODE, bury=bury)
