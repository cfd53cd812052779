from __future__ import annotations

import io
import shutil
import subprocess

import av
import numpy as np
import pytest
import soundfile
import soxr

from pipeline.service.payload import decode_audio
from transforms.encode import encode
from transforms.formats import BIT_RATES, DELAY_SAMPLES, max_samples
from transforms.samples import to_int16
from transforms.sound import LoadedSound, sound_of

COMPRESSED = tuple(BIT_RATES)
RATES = (8000, 16000)
DEMUXERS = {"mp3": "mp3", "ogg-opus": "ogg", "m4a": "mov", "aac": "aac"}


def voice_like(sample_rate, seconds, seed=0):
    """Noise of the middle of the band in syllables: it has one place only where it fits itself."""
    random = np.random.default_rng(seed)
    length = round(sample_rate * seconds)
    noise = np.convolve(random.standard_normal(length + 8), np.hanning(9), "valid")
    syllables = random.random(length // 800 + 2)
    loudness = np.interp(np.arange(length), 800 * np.arange(len(syllables)), syllables)
    return to_int16((noise / np.abs(noise).max() * loudness * 0.7).astype(np.float32))


def pack(samples, sample_rate, voice_format, limit=10_000_000):
    audio = sound_of(samples.tobytes(), sample_rate)
    return encode(LoadedSound(audio), voice_format, name="a.wav", max_payload_bytes=limit)


def by_ffmpeg(payload, voice_format, **options):
    """What FFmpeg's libraries hear, and at which rate."""
    with av.open(io.BytesIO(payload), format=DEMUXERS[voice_format]) as container:
        stream = container.streams.audio[0]
        stream.codec_context.options = options
        frames = [frame.to_ndarray()[0].astype(np.float32) for frame in container.decode(stream)]
        return np.concatenate(frames), stream.rate


def without_regard_to_delay(payload, voice_format):
    """What a decoder hears that gives every sample there is, whatever the container says of them."""
    return by_ffmpeg(payload, voice_format, flags2="+skip_manual")


def by_ffmpegs_program(payload, voice_format, folder):
    """What the program hears, at the rate that it decodes to."""
    path = folder / "payload"
    path.write_bytes(payload)
    command = ["ffmpeg", "-v", "error", "-f", DEMUXERS[voice_format], "-i", path, "-f", "s16le", "-"]
    heard = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
    return np.frombuffer(heard, "<i2").astype(np.float32)


def lateness(heard, rate, samples, sample_rate):
    """By how many of its samples the sound is heard late, to fractions of one."""
    sent = samples.astype(np.float32)
    if rate != sample_rate:
        heard = soxr.resample(heard, rate, sample_rate, "VHQ")
    size = 1 << (len(sent) + len(heard)).bit_length()
    fit = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(sent, size)))
    best = int(np.argmax(fit))
    before, there, behind = fit[best - 1], fit[best], fit[(best + 1) % size]
    peak = best + 0.5 * (before - behind) / (before - 2 * there + behind)
    return peak if peak < size / 2 else peak - size


@pytest.mark.parametrize("sample_rate", RATES)
@pytest.mark.parametrize("voice_format", COMPRESSED)
@pytest.mark.parametrize("seconds", [0.7, 3.0123])
def test_a_payload_is_heard_as_late_as_the_table_says(voice_format, sample_rate, seconds):
    samples = voice_like(sample_rate, seconds)
    full = len(pack(samples, sample_rate, voice_format))
    for limit in (full, round(full * 0.85)):  # at the full bit rate and at a lower one
        heard, rate = by_ffmpeg(pack(samples, sample_rate, voice_format, limit), voice_format)
        late = lateness(heard, rate, samples, sample_rate)
        # opus shifts by part of a sample: it has a clock of its own, of 48 kHz
        assert late == pytest.approx(DELAY_SAMPLES[voice_format], abs=1.0 if rate == 48_000 else 0.1)


@pytest.mark.parametrize("sample_rate", RATES)
@pytest.mark.parametrize("voice_format", ["mp3", "ogg-opus"])
def test_libsndfile_hears_it_at_the_same_time(voice_format, sample_rate):
    samples = voice_like(sample_rate, 3.0123)
    heard, rate = soundfile.read(io.BytesIO(pack(samples, sample_rate, voice_format)), dtype="float32")
    late = lateness(heard, rate, samples, sample_rate)
    assert late == pytest.approx(DELAY_SAMPLES[voice_format], abs=1.0)
    assert len(heard) / rate == pytest.approx(len(samples) / sample_rate, abs=0.0001)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="no ffmpeg on PATH")
@pytest.mark.parametrize("voice_format", COMPRESSED)
def test_ffmpegs_program_of_another_version_does_too(voice_format, tmp_path):
    samples = voice_like(16_000, 3.0123)
    heard = by_ffmpegs_program(pack(samples, 16_000, voice_format), voice_format, tmp_path)
    late = lateness(heard, 48_000 if voice_format == "ogg-opus" else 16_000, samples, 16_000)
    assert late == pytest.approx(DELAY_SAMPLES[voice_format], abs=1.0)


@pytest.mark.parametrize("sample_rate", RATES)
def test_a_decoder_that_ignores_the_tag_is_late_by_what_the_table_states(sample_rate):
    samples = voice_like(sample_rate, 3.0123)
    stated = {"mp3": 1105, "ogg-opus": 0.0065 * sample_rate, "m4a": 1024, "aac": 1024}
    for voice_format in COMPRESSED:
        heard, rate = without_regard_to_delay(pack(samples, sample_rate, voice_format), voice_format)
        late = lateness(heard, rate, samples, sample_rate)
        assert late == pytest.approx(stated[voice_format], abs=1.0), voice_format


@pytest.mark.parametrize("sample_rate", RATES)
@pytest.mark.parametrize("samples_short", [0, 1, 287, 575])
def test_nothing_is_added_to_mp3_and_opus_nor_lost_from_any(sample_rate, samples_short):
    samples = voice_like(sample_rate, 1.5)[: -samples_short or None]
    for voice_format in COMPRESSED:
        heard, rate = by_ffmpeg(pack(samples, sample_rate, voice_format), voice_format)
        added = len(heard) * sample_rate / rate - len(samples)
        if voice_format in ("mp3", "ogg-opus"):
            assert added == 0
        else:  # AAC ends with a whole frame, which m4a could say and FFmpeg does not heed
            assert DELAY_SAMPLES[voice_format] <= added < 3 * 1024


@pytest.mark.parametrize("sample_rate", RATES)
@pytest.mark.parametrize("voice_format", COMPRESSED)
def test_the_longest_segment_is_heard_as_60_seconds_at_most(voice_format, sample_rate):
    longest = max_samples(voice_format, sample_rate, max_payload_bytes=600_000, max_seconds=60.0)
    samples = np.resize(voice_like(sample_rate, 7.0), longest)
    payload = pack(samples, sample_rate, voice_format, 600_000)
    audio = decode_audio(payload, voice_format=voice_format, sample_rate=sample_rate)
    assert longest * 1000 // sample_rate <= audio.duration_ms <= 60_000
    if voice_format != "ogg-opus":  # RFC 7845 obliges every decoder to heed the pre-skip
        heard, rate = without_regard_to_delay(payload, voice_format)
        assert len(heard) <= 60 * rate
