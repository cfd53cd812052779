from __future__ import annotations

import numpy as np

from transforms.records import SampleRange
from transforms.squeezing import Squeezing


def noted(keep: int | None) -> Squeezing:
    squeezing = Squeezing(keep, 10)
    squeezing.note(np.array([5, 40]), np.array([15, 43]))
    squeezing.note(np.array([50]), np.array([60]))
    return squeezing


def test_the_middle_of_a_long_pause_is_left_out():
    pieces = noted(5).pieces(0, 99, SampleRange(0, 990))
    assert pieces == (SampleRange(0, 80), SampleRange(130, 530), SampleRange(580, 990))


def test_what_lies_at_the_cut_is_not_within():
    squeezing = noted(5)
    assert squeezing.pieces(0, 50, SampleRange(0, 520)) == (SampleRange(0, 80), SampleRange(130, 520))
    assert squeezing.pieces(50, 99, SampleRange(570, 990)) == (SampleRange(570, 990),)


def test_what_is_removed_is_counted_before_and_behind_a_pause():
    squeezing = noted(5)
    pauses = np.array([4, 5, 40, 50, 70])
    assert squeezing.removed_before(pauses).tolist() == [0, 0, 50, 50, 100]
    assert squeezing.removed_behind(pauses).tolist() == [0, 50, 50, 100, 100]
    squeezing.pieces(0, 50, SampleRange(0, 520))
    assert squeezing.removed_behind(pauses[3:]).tolist() == [100, 100]


def test_nothing_is_left_out_if_not_asked_for():
    squeezing = noted(None)
    assert squeezing.pieces(0, 99, SampleRange(0, 990)) == (SampleRange(0, 990),)
    assert squeezing.removed_behind(np.array([70])).tolist() == [0]
