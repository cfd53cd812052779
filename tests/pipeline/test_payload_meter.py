from __future__ import annotations

from itertools import count

import pytest

from pipeline.payload_meter import PayloadMeter
from tests.e2e.sounds import chatter
from transforms.errors import RecordingError
from transforms.records import Segment, Span
from transforms.sound import LoadedSound, sound_of


def segment(seconds: float, seed: int = 0) -> Segment:
    samples = chatter(seconds, seed)
    span = Span("/a.wav", 1, 0, 0, 0, len(samples), 16_000, "16k_en")
    return Segment(span, sound=LoadedSound(sound_of(samples.tobytes(), 16_000)))


def meter(voice_format: str, max_payload_bytes: int = 600_000) -> PayloadMeter:
    ticks = count()
    return PayloadMeter(voice_format, max_payload_bytes, lambda: next(ticks))


def test_wav_and_pcm_are_counted_without_loading_anything():
    wav, pcm = meter("auto"), meter("pcm")
    for seed in range(40):
        assert wav.payload_of(segment(1, seed)).bytes == 32_044
        assert pcm.payload_of(segment(1, seed)).bytes == 32_000
    assert wav.is_exact
    assert pcm.is_exact


def test_other_formats_are_encoded_at_first_and_estimated_then():
    found = meter("auto", 20_000)
    measured = [found.payload_of(segment(1, seed)) for seed in range(32)]
    assert all(each.encode_seconds == 1 for each in measured)
    assert found.is_exact
    estimated = found.payload_of(segment(2, 99))
    assert not found.is_exact
    assert estimated.bytes == pytest.approx(2 * sum(each.bytes for each in measured) / 32)
    assert estimated.encode_seconds == pytest.approx(2)
    assert found.payload_of(segment(0.5)).bytes == 16_044  # as wav, which fits


def test_what_cannot_be_sent_is_an_error():
    with pytest.raises(RecordingError, match="more than the 10 allowed"):
        meter("mp3", 10).payload_of(segment(1))
