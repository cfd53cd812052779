from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from transforms.records import SampleRange
from transforms.speech_frames import SpeechCollector, SpeechFrames

FRAME = 10


def collected(flags: list[bool], cuts: list[int]) -> SpeechFrames:
    collector = SpeechCollector(FRAME)
    for piece in np.split(np.array(flags, dtype=np.bool_), sorted(min(cut, len(flags)) for cut in cuts)):
        collector.push(piece)
    return collector.collected()


@given(
    st.lists(st.booleans(), max_size=60),
    st.lists(st.integers(0, 60), max_size=4),
    st.integers(0, 700),
    st.integers(0, 700),
)
def test_counts_each_sample_of_a_speech_frame(flags, cuts, one, other):
    part = SampleRange(*sorted((one, other)))
    samples = np.repeat(np.array(flags, dtype=np.bool_), FRAME)
    expected = int(samples[part.start_sample : part.end_sample].sum())
    assert collected(flags, cuts).samples_in(part) == expected


def test_an_hour_takes_45_kilobytes():
    collector = SpeechCollector(160)
    for _ in range(360):
        collector.push(np.ones(1000, np.bool_))
    speech = collector.collected()
    assert len(speech.bits) == 45_000
    assert speech.samples_in(SampleRange(0, 3600 * 16_000)) == 3600 * 16_000
