from __future__ import annotations

import numpy as np
import pytest

from transforms import cut_search
from transforms.cut_places import PLACE
from transforms.cut_search import CutSearch


def places_of(*samples: int, costs: dict[int, int] | None = None, pause: int | None = None) -> np.ndarray:
    places = np.zeros(len(samples), dtype=PLACE)
    for name in ("heard_end", "heard_start", "sent_end", "sent_start", "own_end", "own_start", "pause"):
        places[name] = samples
    if pause is not None:
        places["pause"] = pause
    places["cost"] = [(costs or {}).get(at, 10) for at in samples]
    return places


def edges(segments) -> list[tuple[int, int]]:
    return [(int(start["own_start"][0]), int(end["own_end"][0])) for start, end in segments]


def test_the_cheapest_of_the_fewest():
    search = CutSearch(100, None)
    places = places_of(0, 30, 60, 90, 120, 150, 180, costs={90: 50, 60: 1, 120: 2, 30: 0, 150: 0, 180: 0})
    found = search.push(places)
    assert edges(found + search.finish()) == [(0, 90), (90, 180)]
    search = CutSearch(100, None)
    found = search.push(places[:-1])
    assert edges(found + search.finish()) == [(0, 60), (60, 150)]


def test_what_all_ways_share_is_given_at_once():
    search = CutSearch(100, None)
    assert search.push(places_of(0, 80)) == []
    assert edges(search.push(places_of(140, 150))) == [(0, 80)]
    assert search.push(places_of(230, 245)) == []
    assert edges(search.push(places_of(300, 340))) == [(80, 150)]
    assert edges(search.finish()) == [(150, 245), (245, 340)]


def test_no_segment_lies_within_a_pause():
    places = [places_of(0), places_of(40, 60, pause=40, costs={40: 0, 60: 0}), places_of(90, 130)]
    search = CutSearch(100, None)
    assert edges([*search.push(np.concatenate(places)), *search.finish()]) == [(0, 60), (60, 130)]


def test_a_segment_within_a_pause_costs_more_and_is_taken_where_it_must_be():
    places = [places_of(0), places_of(*range(50, 260, 10), pause=50), places_of(300)]
    search = CutSearch(100, 1000)
    found = edges([*search.push(np.concatenate(places)), *search.finish()])
    assert len(found) == 3
    search = CutSearch(100, None)
    with pytest.raises(AssertionError):
        search.push(np.concatenate(places))


def test_the_oldest_is_decided_when_too_much_is_pending(monkeypatch):
    monkeypatch.setattr(cut_search, "PENDING_LEVELS", 4)
    monkeypatch.setattr(cut_search, "_DECIDED_AT_ONCE", 2)
    search = CutSearch(100, None)
    found = []
    given = 0
    for at in range(0, 5000, 10):
        found += search.push(places_of(at, costs={at: (at * 7919) % 101}))
        given = max(given, at // 100 - len(found))
    assert given <= 6
    assert len(found) + len(search.finish()) == 50
