from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from pipeline.copies import Alike, alike_in_size, times_there
from transforms.records import Recording

SIZES = np.array([5.0, 7, 5, np.nan, 5, 7, np.nan, 5, 5])
KINDS = np.array([0, 0, 0, 0, 0, 1, 0, 0, 0])


def alike(*sampled: int, most: int = 100, seed: int = 0) -> list[Alike]:
    return alike_in_size(SIZES, KINDS, sampled, np.random.default_rng(seed), most)


def test_those_of_the_same_size_and_kind_could_be_copies():
    assert alike(0, 1, 3, 5, 8) == [Alike(5, (0, 8), (0, 2, 4, 7, 8))]
    assert alike(1, 3, 5, 6) == []


def test_of_many_some_are_compared_and_those_of_the_sample_always():
    for seed in range(20):
        (found,) = alike(2, most=3, seed=seed)
        assert (found.count, found.sampled) == (5, (2,))
        assert {2} <= set(found.compared) <= {0, 2, 4, 7, 8}
        assert 3 <= len(found.compared) <= 4


def written(folder: Path, *contents: bytes | None) -> Mapping[int, Recording]:
    """Recordings by place; None for one that is gone."""
    found = {}
    for place, content in enumerate(contents):
        path = folder / str(place)
        if content is not None:
            path.write_bytes(content)
        found[place] = Recording(str(path), bytes(path))
    return found


@pytest.mark.parametrize("at", [5000, 9000, 15_000])
def test_equal_content_counts_and_equal_size_alone_does_not(at, tmp_path):
    one = bytes(20_000)
    other = one[:at] + b"x" + one[at + 1 :]
    recordings = written(tmp_path, one, one, other, None)
    all_of_them = (0, 1, 2, 3)
    found = times_there([Alike(4, all_of_them, all_of_them)], recordings)
    assert found == {0: 2, 1: 2, 2: 1}


def test_what_some_show_is_told_of_all(tmp_path):
    recordings = written(tmp_path, b"a", b"a", b"b")
    assert times_there([Alike(101, (0,), (0, 1, 2))], recordings) == {0: 51}
    assert times_there([Alike(101, (0, 2), (0, 2))], recordings) == {0: 1, 2: 1}


def test_what_is_elsewhere_or_listed_no_more_counts_once(tmp_path):
    recordings = {0: Recording("gs://b/one", b"gs://b/one"), 1: Recording("gs://b/two", b"gs://b/two")}
    assert times_there([Alike(2, (0,), (0, 1))], recordings) == {}
    assert times_there([Alike(2, (0,), (0, 1))], {}) == {}
    assert times_there([Alike(2, (0,), (0, 1))], written(tmp_path, b"a")) == {}
