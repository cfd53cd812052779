from __future__ import annotations

import io
import math
import wave

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.errors import RecordingError, UsageError
from transforms.formats import (
    AUTO,
    BIT_RATES,
    DELAY_SAMPLES,
    ENCODABLE,
    bytes_upper_bound,
    choose_format,
    max_samples,
    wav_bytes,
)

RATES = st.sampled_from([8000, 16000])
FORMATS = st.sampled_from(ENCODABLE)
SECONDS = st.floats(1.0, 200.0)
LIMITS = st.integers(40_000, 3_000_000)


@pytest.mark.parametrize("samples", [0, 1, 16000])
def test_wav_bytes_is_what_a_wav_file_has(samples):
    written = io.BytesIO()
    with wave.open(written, "wb") as out:
        out.setparams((1, 2, 16000, 0, "NONE", ""))
        out.writeframes(b"\0\0" * samples)
    assert len(written.getvalue()) == wav_bytes(samples) == bytes_upper_bound("wav", samples, 16000)


def test_sizes_of_59_seconds_that_were_measured_stay_under_their_bounds():
    measured = {"wav": 1_888_044, "mp3": 354_692, "ogg-opus": 240_748, "m4a": 363_000}
    for voice_format, size in measured.items():
        bound = bytes_upper_bound(voice_format, 59 * 16000, 16000)
        assert size <= bound <= 1.9 * size


def test_every_compressed_format_has_a_rate_and_every_format_a_delay():
    assert set(ENCODABLE) - set(BIT_RATES) == {"wav", "pcm"}
    assert set(ENCODABLE) == set(DELAY_SAMPLES)


@given(RATES, st.integers(1, 960_000))
def test_mp3_never_fits_where_opus_does_not(rate, samples):
    assert bytes_upper_bound("ogg-opus", samples, rate) < bytes_upper_bound("mp3", samples, rate)


@given(FORMATS, RATES, st.integers(0, 960_000), st.integers(0, 960_000))
def test_bounds_grow_with_the_samples_and_hold_the_nominal_rate(voice_format, rate, first, second):
    shorter, longer = sorted((first, second))
    assert bytes_upper_bound(voice_format, shorter, rate) <= bytes_upper_bound(voice_format, longer, rate)
    bits_per_second = BIT_RATES.get(voice_format, 16 * rate)
    assert bytes_upper_bound(voice_format, longer, rate) * 8 * rate >= longer * bits_per_second


@given(FORMATS, RATES, LIMITS, SECONDS)
def test_a_named_format_gets_the_longest_segment_that_fits(voice_format, rate, limit, seconds):
    longest = max_samples(voice_format, rate, max_payload_bytes=limit, max_seconds=seconds)
    assert rate <= longest < 60 * rate
    assert longest <= seconds * rate
    assert bytes_upper_bound(voice_format, longest, rate) <= limit
    end = 60 * rate - {"mp3": 5 * 576, "m4a": 3 * 1024, "aac": 3 * 1024}.get(voice_format, 0)
    could_be_longer = longest + 1 < end and longest + 1 <= seconds * rate
    assert not could_be_longer or bytes_upper_bound(voice_format, longest + 1, rate) > limit


@given(RATES, st.integers(400_000, 3_000_000), SECONDS)
def test_auto_is_never_shortened_where_a_compressed_format_fits(rate, limit, seconds):
    longest = max_samples(AUTO, rate, max_payload_bytes=limit, max_seconds=seconds)
    assert longest == min(math.floor(seconds * rate), 60 * rate - 1)


@given(RATES, LIMITS, SECONDS, st.data())
def test_auto_has_a_format_for_whatever_may_be_cut(rate, limit, seconds, data):
    longest = max_samples(AUTO, rate, max_payload_bytes=limit, max_seconds=seconds)
    samples = data.draw(st.integers(1, longest))
    chosen = choose_format(samples, rate, limit)
    assert bytes_upper_bound(chosen, samples, rate) <= limit
    assert (chosen == "wav") == (wav_bytes(samples) <= limit)


def test_the_choice_at_the_documented_limits():
    samples = 59 * 16000
    assert choose_format(samples, 16000, 3_000_000 // 4 * 3) == "wav"
    assert choose_format(samples, 16000, 600_000) == "ogg-opus"
    assert choose_format(18 * 16000, 16000, 600_000) == "wav"
    assert max_samples("wav", 16000, max_payload_bytes=600_000, max_seconds=59.0) == (600_000 - 44) // 2
    assert max_samples(AUTO, 16000, max_payload_bytes=600_000, max_seconds=59.0) == samples
    assert max_samples("mp3", 16000, max_payload_bytes=600_000, max_seconds=59.0) == samples


@pytest.mark.parametrize("seconds", [60.0, 61.0, 1e9, math.inf])
def test_sixty_seconds_are_never_reached(seconds):
    assert max_samples(AUTO, 8000, max_payload_bytes=3_000_000, max_seconds=seconds) == 479_999


@pytest.mark.parametrize("voice_format", [AUTO, *ENCODABLE])
def test_a_limit_without_room_for_a_second_names_one_that_has_it(voice_format):
    with pytest.raises(UsageError, match="max_payload_bytes is 5000") as refused:
        max_samples(voice_format, 16000, max_payload_bytes=5000, max_seconds=59.0)
    enough = int(str(refused.value).split("at least ")[1].split(",")[0])
    assert max_samples(voice_format, 16000, max_payload_bytes=enough, max_seconds=59.0) >= 16000
    with pytest.raises(UsageError):
        max_samples(voice_format, 16000, max_payload_bytes=enough - 1, max_seconds=59.0)


@pytest.mark.parametrize("seconds", [0.0, -1.0, 0.99, math.nan])
def test_a_length_below_a_second_is_refused(seconds):
    with pytest.raises(UsageError, match=r"segmentation\.max_seconds"):
        max_samples("wav", 16000, max_payload_bytes=600_000, max_seconds=seconds)


@pytest.mark.parametrize("voice_format", ["amr", "silk", "speex", "flac", "WAV", ""])
def test_a_format_that_is_not_made_here_is_refused(voice_format):
    with pytest.raises(UsageError, match="allowed: auto, wav"):
        max_samples(voice_format, 16000, max_payload_bytes=600_000, max_seconds=59.0)


def test_a_segment_that_fits_nowhere_is_an_error_of_its_own():
    with pytest.raises(RecordingError) as failed:
        choose_format(59 * 16000, 16000, 100_000)
    assert failed.value.code == "PayloadTooLarge"
