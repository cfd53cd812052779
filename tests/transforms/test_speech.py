from __future__ import annotations

import numpy as np
import pytest
import soxr
from hypothesis import example, given, settings
from hypothesis import strategies as st
from speech_samples import RATE, heard_by, letter, noise, tone

from transforms.speech import DETECTORS, open_detector

# More than the 2 s that silero's network runs over at a time and the 5 s that energy waits for.
SOUND = np.concatenate(
    [letter()[: 3 * RATE], noise(1, 6, 0.001), letter()[RATE : 2 * RATE], np.zeros(3 * RATE, np.int16)]
)


of_both_kinds = pytest.mark.parametrize("name", DETECTORS)


@of_both_kinds
@pytest.mark.parametrize("rate", [8000, 16000])
@settings(max_examples=12, deadline=None)
@given(sizes=st.lists(st.integers(0, 3 * RATE), max_size=12), length=st.integers(0, len(SOUND)))
@example(sizes=[1] * 700, length=7 * RATE)
@example(sizes=[RATE] * 12, length=len(SOUND))
def test_how_the_stream_is_divided_makes_no_difference(name, rate, sizes, length):
    sound = SOUND[:length]
    whole = heard_by(open_detector(name, rate), sound)
    np.testing.assert_array_equal(heard_by(open_detector(name, rate), sound, sizes), whole)


@of_both_kinds
@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize(
    "samples", [0, 1, 79, 80, 159, 160, 161, 511, 512, 8000, 15999, 16000, 40000, 160001]
)
def test_there_is_one_for_each_whole_frame(name, rate, samples):
    found = heard_by(open_detector(name, rate), noise(0, 11, 0.1)[:samples], [samples // 3])
    assert found.dtype == np.float32
    assert len(found) == samples // (rate // 100)
    assert ((found >= 0) & (found <= 1)).all()


@of_both_kinds
@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize(
    "sound",
    [
        np.zeros(20 * RATE, np.int16),
        noise(2, 20, 1e-4),
        noise(2, 20, 0.003),
        noise(2, 20, 0.1),
        tone(50, 20, 0.2) + tone(150, 20, 0.05),
        tone(1000, 20, 0.3),
    ],
    ids=["digital silence", "last bits", "faint noise", "loud noise", "hum", "tone"],
)
def test_without_speech_there_is_none(name, rate, sound):
    assert heard_by(open_detector(name, rate), sound).max() < 0.5


@of_both_kinds
def test_speech_is_found_and_its_pauses_too(name):
    found = heard_by(open_detector(name, RATE), letter())
    # The letter pauses from 5.1 to 6.1 s.
    assert found[80:450].mean() > 0.9
    assert found[620:950].mean() > 0.9
    assert found[535:590].max() < 0.35


@of_both_kinds
def test_a_recording_may_begin_and_end_with_speech(name):
    found = heard_by(open_detector(name, RATE), letter()[8 * RATE // 10 : 45 * RATE // 10])
    assert found[10:30].min() > 0.5
    assert found[-10:].min() > 0.5


@of_both_kinds
def test_at_8_khz_as_at_16(name):
    at_8_khz = soxr.resample(letter(), RATE, 8000)
    found, wide = heard_by(open_detector(name, 8000), at_8_khz), heard_by(open_detector(name, RATE), letter())
    assert ((found >= 0.5) == (wide >= 0.5)).mean() > 0.98


@of_both_kinds
def test_speech_after_a_long_silence_is_found_at_its_first_frames(name):
    silence = noise(3, 30, 0.001)
    found = heard_by(open_detector(name, RATE), np.concatenate([silence, letter()]))
    alone = heard_by(open_detector(name, RATE), letter())
    begins = int(np.argmax(alone >= 0.5))
    assert abs(int(np.argmax(found >= 0.5)) - 3000 - begins) <= 10


@pytest.mark.parametrize(
    ("other", "rate", "says"), [("webrtc", RATE, "silero and energy"), ("silero", 44100, "44100")]
)
def test_what_cannot_be_opened_is_refused(other, rate, says):
    with pytest.raises(ValueError, match=says):
        open_detector(other, rate)
