from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from transforms.under_way import UnderWay


def test_a_recording_is_done_with_its_last_segment():
    under_way = UnderWay()
    assert under_way.begin([("a", 0), ("a", 1)], 3) == 0
    settled = [under_way.settle(("a", channel), called=True) for channel in (0, 1, 1)]
    assert settled == [0, 0, 1]


def test_a_recording_without_segments_is_done_at_once():
    assert UnderWay().begin([("a", 0)], 0) == 1


def test_a_recording_of_which_a_segment_was_never_called_is_not_done():
    under_way = UnderWay()
    under_way.begin([("a", 0)], 2)
    assert under_way.settle(("a", 0), called=False) == 0
    assert under_way.settle(("a", 0), called=True) == 0


def test_a_channel_that_two_rows_ask_for_makes_two_recordings_done():
    under_way = UnderWay()
    assert under_way.begin([("a", 0)], 1) == 0
    assert under_way.begin([("a", 0), ("a", 1)], 2) == 0
    assert [under_way.settle(("a", channel), called=True) for channel in (0, 0, 1)] == [0, 0, 2]


def test_segments_of_what_nobody_cut_here_are_nothing():
    assert UnderWay().settle(("a", 0), called=True) == 0


@given(st.lists(st.integers(0, 4), max_size=20), st.randoms())
def test_every_recording_is_done_once(segments, random):
    under_way = UnderWay()
    done = sum(under_way.begin([(str(name), 0)], count) for name, count in enumerate(segments))
    settled = [str(name) for name, count in enumerate(segments) for _ in range(count)]
    random.shuffle(settled)
    done += sum(under_way.settle((name, 0), called=True) for name in settled)
    assert done == len(segments)
