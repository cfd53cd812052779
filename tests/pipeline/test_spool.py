from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import spool
from pipeline.spool import FENCES, Spool, groups
from pipeline.standing_columns import SegmentColumns

HASHES = st.one_of(st.integers(0, 2**64 - 1), st.sampled_from([0, 2**56 - 1, 2**56, 2**63, 2**64 - 1]))
ROWS = st.lists(st.lists(HASHES, max_size=9), max_size=9)


def segments(recordings: list[int], first: int) -> SegmentColumns:
    numbers = np.arange(first, first + len(recordings))
    return SegmentColumns(np.array(recordings, dtype=np.uint64), numbers, numbers.astype(np.uint64), -numbers)


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "_PIECE_ROWS", 8)
    monkeypatch.setattr(spool, "GROUP_ROWS", 8)


@given(ROWS)
def test_every_row_comes_back_once_whole_and_those_of_a_recording_together_in_their_order(batches):
    spooled = Spool(SegmentColumns, io.BytesIO())
    first = 0
    for batch in batches:
        spooled.add(segments(batch, first))
        first += len(batch)
    recordings = [recording for batch in batches for recording in batch]
    group_of: dict[int, int] = {}
    numbers: list[int] = []
    for group, ranges in enumerate(groups(spooled.rows_by_range())):
        found = spooled.of_ranges(*ranges)
        assert found.recording.dtype == np.uint64
        assert found.key.tolist() == found.run.tolist() == (-found.length_ms).tolist()
        for recording in np.unique(found.recording):
            assert group_of.setdefault(int(recording), group) == group
            own = found.run[found.recording == recording].tolist()
            assert own == sorted(own)
        assert [recordings[number] for number in found.run] == found.recording.tolist()
        numbers += found.run.tolist()
    assert sorted(numbers) == list(range(len(recordings)))


@given(st.lists(st.integers(0, 12), min_size=FENCES, max_size=FENCES))
def test_groups_are_all_ranges_in_order_and_hold_few_rows(rows):
    found = list(groups(np.array(rows), np.array(rows)))
    assert [number for first, end in found for number in range(first, end)] == list(range(FENCES))
    assert all(2 * sum(rows[first : end - 1]) < 8 for first, end in found)
