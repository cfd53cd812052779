from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.transforms.cut_reference import runs_of
from transforms.speech_runs import SpeechRuns


@given(frames=st.lists(st.booleans()), min_pause=st.integers(1, 5), sizes=st.lists(st.integers(0, 20)))
def test_runs_are_found_whatever_the_blocks(frames, min_pause, sizes):
    runs = SpeechRuns(min_pause)
    at = 0
    for size in [*sizes, len(frames)]:
        runs.push(np.array(frames[at : at + size], dtype=bool))
        at += size
    found = list(zip(runs.starts.tolist(), runs.ends.tolist(), strict=True))
    assert found == runs_of(np.array(frames, dtype=bool), min_pause)


def test_taken_runs_are_gone():
    runs = SpeechRuns(2)
    runs.push(np.array([1, 0, 0, 1, 0, 0, 1], dtype=bool))
    starts, ends = runs.take(2)
    assert (starts.tolist(), ends.tolist()) == ([0, 3], [1, 4])
    runs.push(np.array([1, 1], dtype=bool))
    assert (runs.starts.tolist(), runs.ends.tolist()) == ([6], [9])
