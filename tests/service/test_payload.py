from __future__ import annotations

import struct

import numpy as np
import pytest

from pipeline.service.payload import decode_audio
from pipeline.service.refusal import ServiceFault
from tests.service.calls import encode, tone, wav

INVALID = "InvalidParameterValue.ErrorInvalidVoicedata"
TOO_LONG = "InvalidParameterValue.ErrorVoicedataTooLong"
ENCODINGS = {
    "mp3": ("mp3", "libmp3lame"),
    "ogg-opus": ("ogg", "libopus"),
    "m4a": ("ipod", "aac"),
    "aac": ("adts", "aac"),
}


def encoded(voice_format: str, seconds: float = 2.0, rate: int = 16_000, layout: str = "mono") -> bytes:
    container, codec = ENCODINGS[voice_format]
    return encode(tone(seconds, rate), rate, container=container, codec=codec, layout=layout)


def code_of(payload: bytes, voice_format: str, rate: int = 16_000) -> str:
    with pytest.raises(ServiceFault) as caught:
        decode_audio(payload, voice_format=voice_format, sample_rate=rate)
    return caught.value.code


def test_wav_and_pcm_of_the_same_samples_are_the_same_audio() -> None:
    samples = tone(0.5)
    from_wav = decode_audio(wav(samples), voice_format="wav", sample_rate=16_000)
    from_pcm = decode_audio(samples.tobytes(), voice_format="pcm", sample_rate=16_000)
    np.testing.assert_array_equal(from_wav.samples, samples)
    assert from_wav.content_sha256 == from_pcm.content_sha256
    assert (from_wav.duration_ms, from_wav.is_silent) == (500, False)


@pytest.mark.parametrize("rate", [8000, 16_000])
@pytest.mark.parametrize("voice_format", sorted(ENCODINGS))
def test_compressed_audio_is_decoded(voice_format: str, rate: int) -> None:
    audio = decode_audio(encoded(voice_format, rate=rate), voice_format=voice_format, sample_rate=rate)
    # Codecs pad to whole frames; the tone must come back where it was.
    assert 2000 <= audio.duration_ms < 2300
    middle = audio.samples[audio.sample_rate // 2 : audio.sample_rate * 3 // 2].astype(float)
    loudest = np.abs(np.fft.rfft(middle)).argmax()
    assert loudest == 440


@pytest.mark.parametrize("voice_format", sorted(ENCODINGS))
def test_compressed_audio_of_another_rate_or_in_stereo_is_refused(voice_format: str) -> None:
    assert code_of(encoded(voice_format, rate=16_000), voice_format, rate=8000) == INVALID
    assert code_of(encoded(voice_format, layout="stereo"), voice_format) == INVALID


@pytest.mark.parametrize("voice_format", sorted(ENCODINGS))
def test_more_than_a_minute_is_too_long_before_anything_else(voice_format: str) -> None:
    payload = encoded(voice_format, seconds=61)
    assert code_of(payload, voice_format) == TOO_LONG
    assert code_of(payload, voice_format, rate=8000) == TOO_LONG


def test_exactly_a_minute_passes() -> None:
    minute = np.ones(60 * 16_000, np.int16)
    assert decode_audio(wav(minute), voice_format="wav", sample_rate=16_000).duration_ms == 60_000
    longer = np.ones(60 * 16_000 + 1, np.int16)
    assert code_of(wav(longer), "wav") == TOO_LONG
    assert code_of(longer.tobytes(), "pcm") == TOO_LONG
    assert code_of(wav(longer), "wav", rate=8000) == TOO_LONG


@pytest.mark.parametrize("said", ["wav", "mp3", "ogg-opus", "m4a", "aac", "amr", "speex", "silk"])
def test_the_format_must_be_what_it_is_said_to_be(said: str) -> None:
    payloads = {"wav": wav(tone(2.0))} | {name: encoded(name) for name in ENCODINGS}
    for real, payload in payloads.items():
        if real != said:
            assert code_of(payload, said) == INVALID, (real, said)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"RIFF",
        wav(np.zeros(0, np.int16)),
        wav(tone(0.1), 8000),
        wav(tone(0.1), 44_100),
        wav(tone(0.2), channels=2),
        wav(tone(0.1).astype(np.uint8), width=1),
        wav(tone(0.1))[:-2],
        wav(tone(0.1)) + b"\0\0",
        wav(tone(0.1)).replace(b"data", b"text"),
        wav(tone(0.1)).replace(struct.pack("<HH", 1, 1), struct.pack("<HH", 3, 1), 1),
    ],
)
def test_a_wav_that_is_not_right_to_the_byte_is_refused(payload: bytes) -> None:
    assert code_of(payload, "wav") == INVALID


@pytest.mark.parametrize("payload", [b"", b"\0", b"\0\0\0"])
def test_pcm_is_whole_samples(payload: bytes) -> None:
    assert code_of(payload, "pcm") == INVALID


@pytest.mark.parametrize("voice_format", ["mp3", "ogg-opus", "m4a", "aac", "amr"])
def test_noise_behind_a_right_beginning_is_refused(voice_format: str) -> None:
    beginnings = {"amr": b"#!AMR\n"} | {name: encoded(name)[:44] for name in ENCODINGS}
    noise = np.random.default_rng(1).bytes(4000)
    assert code_of(beginnings[voice_format] + noise, voice_format) == INVALID


def test_a_playlist_reaches_nothing() -> None:
    assert code_of(b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1/a.ts\n", "mp3") == INVALID
