from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from media_files import SHARED_AUDIO, level_db, sound_file, tone, wav_file

from transforms.chosen import ChannelChoice
from transforms.errors import RecordingError
from transforms.normalize import normalize
from transforms.records import Stage
from transforms.resampling import resampled_length
from transforms.samples import to_int16

MIX, SPLIT = ChannelChoice.mix(), ChannelChoice.split()


def run(data, sample_rate=16000, choice=MIX):
    """Samples by channel, as whole numbers."""
    normalized = normalize(io.BytesIO(data), name="a", sample_rate=sample_rate, channels=choice)
    found = {}
    for block in normalized:
        audio = block.audio
        assert (audio.sample_width, audio.channels, audio.frame_rate) == (2, 1, sample_rate)
        found.setdefault(block.channel, []).append(np.frombuffer(audio.raw_data, "<i2"))
    return {channel: np.concatenate(parts) for channel, parts in found.items()}


def sound(samples, sample_rate, subtype="FLOAT"):
    return sound_file(samples, sample_rate, "WAV", subtype)


@given(st.lists(st.integers(-32768, 32767), min_size=1, max_size=3000))
@settings(max_examples=50)
def test_what_is_16_bit_mono_at_the_rate_already_comes_through_bit_for_bit(values):
    samples = np.array(values, "<i2")
    assert np.array_equal(run(wav_file(samples.tobytes()))[0], samples)


def test_long_recordings_come_through_bit_for_bit_too():
    samples = np.random.default_rng(1).integers(-32768, 32768, 16000 * 17).astype("<i2")
    assert np.array_equal(run(wav_file(samples.tobytes()))[0], samples)


@given(
    frames=st.integers(1, 30000),
    from_rate=st.sampled_from([8000, 11025, 22050, 44100, 48000, 96000]),
    to_rate=st.sampled_from([8000, 16000]),
)
@settings(max_examples=60, deadline=None)
def test_the_length_is_that_of_the_recording_half_rounded_up(frames, from_rate, to_rate):
    expected = int(np.floor(frames * to_rate / from_rate + 0.5))
    assert resampled_length(frames, from_rate, to_rate) == expected
    data = sound(np.zeros(frames, np.float32), from_rate, "PCM_16")
    if expected:
        assert len(run(data, to_rate)[0]) == expected
    else:
        with pytest.raises(RecordingError, match="NoSamples"):
            run(data, to_rate)


@pytest.mark.parametrize("hertz", [8200, 9000, 12000, 15000])
def test_nothing_above_the_band_folds_back_into_it(hertz):
    result = run(sound(tone(hertz, 48000, 3.0), 48000))[0][4000:-4000] / 32768
    spectrum = np.abs(np.fft.rfft(result * np.hanning(len(result)))) * 4 / len(result)
    assert 20 * np.log10(spectrum.max() / 0.5 + 1e-9) <= -80


@pytest.mark.parametrize("sample_rate", [44100, 48000])
@pytest.mark.parametrize("hertz", [100, 1000, 4000, 7000])
def test_the_band_is_flat(sample_rate, hertz):
    result = run(sound(tone(hertz, sample_rate, 2.0), sample_rate))[0][4000:-4000] / 32768
    assert level_db(result, hertz, 16000) == pytest.approx(20 * np.log10(0.5), abs=0.5)


def test_no_image_appears_above_the_band_of_a_telephone():
    result = run(sound(tone(3000, 8000, 2.0), 8000))[0][4000:-4000] / 32768
    assert level_db(result, 5000, 16000) <= -80


def test_sound_stays_where_it_is_in_time():
    samples = np.zeros(48000 * 12, np.float32)
    samples[48000 * 11] = 0.9
    assert np.argmax(run(sound(samples, 48000))[0]) == 16000 * 11


def test_channels_are_split_under_their_numbers():
    left, right = tone(440, 16000, 7.0), tone(1000, 16000, 7.0)
    data = sound(np.stack((left, right), axis=1), 16000)
    found = run(data, choice=SPLIT)
    assert list(found) == [0, 1]
    assert np.array_equal(found[0], to_int16(left))
    assert np.array_equal(found[1], to_int16(right))
    only = run(data, choice=ChannelChoice.only(1))
    assert list(only) == [1]
    assert np.array_equal(only[1], found[1])


def test_split_channels_are_resampled_each_by_itself():
    left, right = tone(440, 44100, 7.0), np.zeros(44100 * 7, np.float32)
    found = run(sound(np.stack((left, right), axis=1), 44100), choice=SPLIT)
    assert len(found[0]) == len(found[1]) == 16000 * 7
    assert not found[1].any()
    assert np.array_equal(found[0], run(sound(left, 44100))[0])


@pytest.mark.parametrize("channel", [-1, 2, 7])
def test_a_channel_that_is_not_there_says_how_many_are(channel):
    data = sound(np.zeros((100, 2), np.float32), 16000)
    with pytest.raises(RecordingError, match=r"a has 2 channel\(s\)") as caught:
        run(data, choice=ChannelChoice.only(channel))
    assert (caught.value.stage, caught.value.code) == (Stage.DECODE, "NoSuchChannel")


def test_stereo_is_mixed_without_loss():
    one = tone(440, 44100, 6.0)
    mono = run(sound(one, 44100))[0]
    for other in (one, -one, np.zeros_like(one)):
        assert np.array_equal(run(sound(np.stack((one, other), axis=1), 44100))[0], mono)


def test_the_subwoofer_is_left_out():
    voice, rumble = tone(440, 16000, 2.0), tone(40, 16000, 2.0, 0.9)
    silence = np.zeros_like(voice)
    surround = np.stack((silence, silence, voice, rumble, silence, silence), axis=1)
    data = wav_file(to_int16(surround).tobytes(), channels=6, mask=0x3F)
    assert np.array_equal(run(data)[0], to_int16(voice))


def test_damage_is_known_after_the_last_block():
    pcm = to_int16(tone(440, 16000)).tobytes()
    normalized = normalize(
        io.BytesIO(wav_file(pcm, declared=2 * len(pcm))), name="a", sample_rate=16000, channels=MIX
    )
    assert normalized.damage is None
    assert len(list(normalized)) == 1
    assert "announces" in normalized.damage


def manifest_rows():
    path = SHARED_AUDIO / "manifest.csv"
    return list(csv.DictReader(path.open(encoding="utf-8"))) if path.exists() else []


@pytest.mark.skipif(not manifest_rows(), reason="the shared recordings are not here")
@pytest.mark.parametrize("sample_rate", [8000, 16000])
def test_real_recordings_become_16_bit_mono(sample_rate):
    for row in manifest_rows():
        found = run((SHARED_AUDIO / row["audio"]).read_bytes(), sample_rate)
        assert len(found[0]) / sample_rate == pytest.approx(float(row["seconds"]), abs=0.11), row["audio"]
        assert np.abs(found[0]).max() > 300, row["audio"]
