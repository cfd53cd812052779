from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from transforms.chapter_frames import packed_frames, unpacked_frames
from transforms.cut_costs import levels_of

ENERGIES = arrays(np.float64, st.integers(0, 300), elements=st.floats(0, 2.0**30))


@given(ENERGIES)
def test_a_planner_gets_the_scores_and_the_levels_that_there_were(energies):
    speech = (energies % 1).astype(np.float32)
    scores, restored = unpacked_frames(packed_frames(speech, energies))
    assert np.array_equal(scores, speech)
    assert np.array_equal(levels_of(restored), levels_of(energies))
