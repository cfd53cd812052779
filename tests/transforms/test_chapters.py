from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from transforms.chapters import Chapters, chapters_of
from transforms.mixing import mix_frame
from transforms.outline import Outline

RATES = st.sampled_from([8000, 11025, 16000, 22050, 44100, 48000, 96000])


@given(RATES, st.sampled_from([8000, 16000]), st.integers(1, 20_000), st.integers(0, 90_000))
def test_chapters_tile_and_begin_where_mixer_and_resampler_may(from_rate, rate, seconds, more):
    period = 1 if from_rate == rate else from_rate * 3
    chapters = Chapters(Outline(seconds * from_rate + more, from_rate, 2), rate, period)
    end = 0
    for number in range(chapters.count):
        stretch = chapters.listened(number)
        assert stretch.first_sample == max(0, end - (5 * rate if number else 0))
        assert stretch.end_sample > end
        assert stretch.is_last == (number == chapters.count - 1)
        assert chapters.of_sample(end) == chapters.of_sample(stretch.end_sample - 1) == number
        assert stretch.first_frame % mix_frame(from_rate) == 0 == stretch.first_resampled % period
        begin = stretch.first_resampled * rate // from_rate
        assert stretch.first_frame <= stretch.first_resampled
        assert begin == stretch.first_sample == 0 or begin <= stretch.first_sample - rate
        border = chapters.border_behind(number)
        assert border == chapters.border_before(number + 1) or stretch.is_last
        if border is not None:
            assert border.sample == stretch.end_sample
            assert border.frame * rate <= border.sample * from_rate
        end = stretch.end_sample
    assert end == chapters.total_samples


def test_short_recordings_and_odd_rates_have_no_chapters():
    assert chapters_of(Outline(300 * 16000, 16000, 1), 16000, 1) is None
    assert chapters_of(Outline(300 * 16000 + 1, 16000, 1), 16000, 1) is not None
    assert chapters_of(Outline(900 * 44056, 44056, 1), 16000, 186 * 44056) is None
    assert chapters_of(Outline(900 * 44056, 44056, 1), 16000, None) is None
    assert chapters_of(Outline(900 * 6000, 6000, 1), 16000, 2460) is None
