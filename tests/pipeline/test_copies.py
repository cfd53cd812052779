from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.copies import SameSize, times_there
from transforms.records import Recording

SIZES = np.array([5.0, 7, 5, np.nan, 5, 7, np.nan, 5, 5])
KINDS = np.array([0, 0, 0, 0, 0, 1, 0, 0, 0])


def recording(path: Path, content: bytes) -> Recording:
    path.write_bytes(content)
    return Recording(str(path), bytes(path))


@pytest.mark.parametrize(
    ("place", "others", "shown"), [(0, 4, 3), (1, 0, 0), (5, 0, 0), (3, 0, 0), (8, 4, 3)]
)
def test_those_of_the_same_size_and_kind_could_be_copies(place, others, shown):
    same = SameSize(SIZES, KINDS)
    for seed in range(20):
        found, some = same.as_large_as(place, np.random.default_rng(seed))
        assert (found, len(some), len(set(some))) == (others, shown, shown)
        assert place not in some
        assert all(SIZES[each] == SIZES[place] and KINDS[each] == KINDS[place] for each in some)


def test_few_of_a_size_are_all_compared():
    same = SameSize(np.array([4.0, 4, 9]), np.zeros(3, dtype=np.int64))
    assert same.as_large_as(1, np.random.default_rng(0)) == (1, [0])


def test_equal_content_counts_and_equal_size_alone_does_not(tmp_path):
    one = recording(tmp_path / "one", b"abc")
    copy, other = recording(tmp_path / "copy", b"abc"), recording(tmp_path / "other", b"abd")
    gone = Recording(str(tmp_path / "gone"), bytes(tmp_path / "gone"))
    far = Recording("gs://bucket/one", b"gs://bucket/one")
    assert times_there(one, 0, []) == 1
    assert times_there(one, 1, [copy]) == 2
    assert times_there(one, 3, [copy, other, gone]) == 2
    assert times_there(one, 999, [copy, copy, copy]) == 1000
    assert times_there(one, 2, [other, far]) == 1
