from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from transforms.in_flight import borrowed_places, give_back_places
from transforms.lending import Lending


class Thing:
    """Something that is made and ended."""


def test_one_thing_of_each_name_is_lent_and_ended_with_its_last_borrower():
    ended = []
    lending: Lending[str, Thing] = Lending(ended.append)
    first, second, other = (lending.borrow(name, Thing) for name in ("a", "a", "b"))
    assert first is second
    assert other is not first
    lending.give_back(first)
    assert ended == []
    lending.give_back(second)
    assert ended == [first]
    assert lending.borrow("a", Thing) is not first
    lending.give_back(other)
    assert ended == [first, other]


def test_what_was_never_lent_or_was_given_back_already_is_ended_by_nobody():
    ended = []
    lending: Lending[str, Thing] = Lending(ended.append)
    thing = lending.borrow("a", Thing)
    lending.give_back(Thing())
    lending.give_back(thing)
    lending.give_back(thing)
    assert ended == [thing]


def test_what_cannot_be_made_is_lent_to_nobody():
    lending: Lending[str, Thing] = Lending()

    def fail() -> Thing:
        raise OSError("no place")

    for make in (fail, fail):
        try:
            lending.borrow("a", make)
        except OSError:
            continue
        raise AssertionError("it was made")
    assert isinstance(lending.borrow("a", Thing), Thing)


def test_threads_that_borrow_at_once_have_the_same_thing():
    lending: Lending[str, Thing] = Lending()
    gate = threading.Barrier(8)

    def borrow(_: int) -> Thing:
        gate.wait()
        return lending.borrow("a", Thing)

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(borrow, range(8)))) == 1


def test_places_are_those_of_a_run_and_a_number(tmp_path):
    first = borrowed_places(tmp_path / "run", 2)
    assert borrowed_places(tmp_path / "run", 2) is first
    other = borrowed_places(tmp_path / "other", 2)
    assert other is not first
    assert [first.acquire(blocking=False) for _ in range(3)] == [True, True, False]
    for places in (first, first, other):
        give_back_places(places)
    assert borrowed_places(tmp_path / "run", 2) is not first
