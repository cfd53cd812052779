from __future__ import annotations

import io
import wave
from itertools import pairwise

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from media_files import tone

from transforms.encode import encode, encode_in_slices
from transforms.errors import RecordingError, UsageError
from transforms.formats import ENCODABLE, bytes_upper_bound
from transforms.hold import HeldSound, Hold
from transforms.records import SampleRange, Stage
from transforms.samples import to_int16
from transforms.sound import SLICE_SAMPLES, LoadedSound, sound_of

COMPRESSED = ("mp3", "ogg-opus", "m4a", "aac")
PLENTY = 10_000_000


def audio_of(samples, sample_rate):
    return sound_of(to_int16(samples).tobytes(), sample_rate)


def pack(audio, voice_format, limit=PLENTY):
    return encode(LoadedSound(audio), voice_format, name="a.wav", max_payload_bytes=limit)


def decoded(payload):
    with av.open(io.BytesIO(payload)) as container:
        stream = container.streams.audio[0]
        frames = [frame.to_ndarray() for frame in container.decode(stream)]
        return stream.codec_context, np.concatenate(frames, axis=1)[0]


def test_wav_is_canonical():
    audio = audio_of(tone(440, 16000), 16000)
    payload = pack(audio, "wav")
    assert len(payload) == 44 + len(audio.raw_data)
    with wave.open(io.BytesIO(payload)) as reader:
        assert reader.getparams()[:4] == (1, 2, 16000, 16000)
        assert reader.readframes(16000) == audio.raw_data


@given(st.integers(0, 500), st.sampled_from([8000, 16000]))
def test_wav_is_what_pydub_would_write(samples, sample_rate):
    audio = sound_of(b"\1\2" * samples, sample_rate)
    assert pack(audio, "wav") == audio.export(io.BytesIO(), format="wav").getvalue()


@pytest.mark.parametrize("voice_format", ENCODABLE)
def test_the_size_is_that_of_the_slices(voice_format):
    sound = LoadedSound(audio_of(tone(440, 16000, 7.0), 16000))
    encoded = encode_in_slices(sound, voice_format, name="a.wav", max_payload_bytes=PLENTY)
    assert encoded.size_bytes == len(b"".join(encoded.slices)) > 0


@pytest.mark.parametrize("voice_format", ENCODABLE)
@pytest.mark.parametrize(
    "pieces", [[(0, 48_100)], [(0, 48_000), (48_000, 48_100)], [(0, 100), (100, 90_000)]]
)
def test_cuts_that_reach_behind_the_sound_are_encoded_as_far_as_it_goes(voice_format, pieces):
    pcm = to_int16(tone(440, 16000, 3.0)).tobytes()
    hold = Hold()
    hold.write(pcm)
    for _ in range(2):
        sound = HeldSound(hold, tuple(SampleRange(*each) for each in pieces), 16000)
        assert sound.samples == 48_000
        encoded = encode_in_slices(sound, voice_format, name="a.wav", max_payload_bytes=PLENTY)
        payload = b"".join(encoded.slices)
        assert (encoded.size_bytes, payload) == (len(payload), pack(sound_of(pcm, 16000), voice_format))
        hold.settle()  # the same when it has moved into memory


@pytest.mark.parametrize("voice_format", ENCODABLE)
@given(ends=st.lists(st.integers(1, SLICE_SAMPLES), max_size=5))
@settings(max_examples=10, deadline=None)
def test_in_whatever_slices_sound_comes_the_bytes_are_the_same(voice_format, ends):
    audio = audio_of(tone(440, 16000, 3.0), 16000)
    pcm = audio.raw_data
    places = [0, *(2 * end for end in sorted({end for end in ends if 2 * end < len(pcm)})), len(pcm)]

    class Sliced(LoadedSound):
        def slices(self):
            return (pcm[start:end] for start, end in pairwise(places))

    assert encode(Sliced(audio), voice_format, name="a.wav", max_payload_bytes=PLENTY) == pack(
        audio, voice_format
    )


def test_pcm_is_the_samples():
    audio = audio_of(tone(440, 16000), 16000)
    assert pack(audio, "pcm") == audio.raw_data


@pytest.mark.parametrize("sample_rate", [8000, 16000])
@pytest.mark.parametrize("voice_format", COMPRESSED)
def test_what_comes_back_is_what_was_sent(voice_format, sample_rate):
    context, samples = decoded(pack(audio_of(tone(440, sample_rate, 5.0), sample_rate), voice_format))
    rate = context.sample_rate
    assert context.layout.nb_channels == 1
    assert rate == (48000 if voice_format == "ogg-opus" else sample_rate)
    # Only ADTS has nowhere to say how much of its first and last frame is the codec's delay.
    assert len(samples) / rate == pytest.approx(5.0, abs=0.4 if voice_format == "aac" else 0.13)
    middle = samples[rate : 3 * rate]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert np.argmax(spectrum) * rate / len(middle) == pytest.approx(440, abs=1)
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.1)


@pytest.mark.parametrize("sample_rate", [8000, 16000])
def test_opus_says_the_rate_and_one_channel(sample_rate):
    payload = pack(audio_of(tone(440, sample_rate), sample_rate), "ogg-opus")
    head = payload[payload.index(b"OpusHead") :]
    assert head[9] == 1
    assert int.from_bytes(head[12:16], "little") == sample_rate


@pytest.mark.parametrize("voice_format", ENCODABLE)
def test_the_same_audio_gives_the_same_bytes(voice_format):
    audio = audio_of(np.random.default_rng(1).standard_normal(16000).astype(np.float32) * 0.1, 16000)
    assert pack(audio, voice_format) == pack(audio, voice_format)


@given(
    voice_format=st.sampled_from(ENCODABLE),
    sample_rate=st.sampled_from([8000, 16000]),
    samples=st.integers(1, 40000),
)
@settings(max_examples=60, deadline=None)
def test_any_length_can_be_encoded_within_its_bound(voice_format, sample_rate, samples):
    noise = np.random.default_rng(samples).standard_normal(samples).astype(np.float32) * 0.3
    payload = pack(audio_of(noise, sample_rate), voice_format)
    assert 0 < len(payload) <= bytes_upper_bound(voice_format, samples, sample_rate)


def hard_sounds(sample_rate, seconds=8):
    """What makes encoders exceed the rate they were given."""
    time = np.arange(seconds * sample_rate) / sample_rate
    noise = np.random.default_rng(0).standard_normal(len(time)).astype(np.float32) * 0.3
    clicks = np.zeros(len(time), np.float32)
    clicks[:: sample_rate // 20] = 0.9
    tones = sum(np.sin(2 * np.pi * hertz * time) for hertz in (220, 441, 882, 1777, 3333)) / 6
    return {
        "bursts": noise * ((time * 8).astype(int) % 2),
        "clicks": clicks,
        "tones": tones,
        "sweeps": 0.5 * np.sin(2 * np.pi * (50 * (time % 0.5) + (sample_rate / 2 - 100) * (time % 0.5) ** 2)),
        "square": 0.6 * np.sign(np.sin(2 * np.pi * 97 * time)),
    }


@pytest.mark.parametrize("sample_rate", [8000, 16000])
@pytest.mark.parametrize("voice_format", COMPRESSED)
def test_sounds_that_are_hard_to_encode_stay_within_their_bound(voice_format, sample_rate):
    for name, samples in hard_sounds(sample_rate).items():
        payload = pack(audio_of(samples.astype(np.float32), sample_rate), voice_format)
        assert len(payload) <= bytes_upper_bound(voice_format, len(samples), sample_rate), name


@pytest.mark.parametrize("voice_format", COMPRESSED)
def test_the_bit_rate_gives_way_to_the_limit(voice_format):
    audio = audio_of(np.random.default_rng(1).standard_normal(16000 * 10).astype(np.float32) * 0.3, 16000)
    full = pack(audio, voice_format)
    limit = round(len(full) * 0.75)
    assert 0 < len(pack(audio, voice_format, limit)) <= limit


@pytest.mark.parametrize("voice_format", ENCODABLE)
def test_what_does_not_fit_says_what_to_do(voice_format):
    audio = audio_of(np.random.default_rng(1).standard_normal(16000 * 5).astype(np.float32) * 0.3, 16000)
    with pytest.raises(RecordingError, match=r"5\.0 s of a\.wav.*more than the 900 allowed") as caught:
        pack(audio, voice_format, 900)
    assert (caught.value.stage, caught.value.code) == (Stage.RECOGNIZE, "PayloadTooLarge")


def test_formats_that_cannot_be_made_are_named():
    with pytest.raises(UsageError, match="'speex' cannot be made"):
        pack(audio_of(tone(440, 16000), 16000), "speex")
