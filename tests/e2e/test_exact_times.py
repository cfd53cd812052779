"""Words lie in the dataset where they lie in the recording, to the millisecond."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from pipeline.service.recognizers import DigestRecognizer
from tests.e2e.command import beamscribe, rows, settings
from tests.e2e.sounds import write_wav
from tests.e2e.ticks import TICK_SECONDS, TickRecognizer, phrases_of_ticks, sparse_wav

SECONDS = 150.0
# At the rate of the engine, and at those that are no multiple of it.
SOURCE_RATES = (11_025, 16_000, 44_100, 48_000)
HOUR = 3600
# The service tells whole milliseconds and the dataset holds whole milliseconds: half of one each.
TOLERANCE_MS = 1.0
CUT_IN_PAUSES = {"segmentation__detector": "energy", "segmentation__skip_silence": "true"}


@pytest.fixture
def hearing(serve, monkeypatch):
    """A local service that hears ticks."""
    monkeypatch.setattr(DigestRecognizer, "recognize", TickRecognizer().recognize)
    return serve()


@pytest.fixture(scope="module")
def spoken():
    """By name, recordings of 150 s at different rates."""
    return {f"{rate}.wav": phrases_of_ticks(rate, SECONDS, seed=rate) for rate in SOURCE_RATES}


@pytest.fixture(scope="module")
def folder(spoken, tmp_path_factory):
    made = tmp_path_factory.mktemp("ticks")
    for name, sound in spoken.items():
        write_wav(made / name, sound.samples, int(name.removesuffix(".wav")))
    return made


def transcribe(service, inputs, output, **changes):
    run = beamscribe(
        "run", "--input", inputs, "--output", output, *settings(service, **{**CUT_IN_PAUSES, **changes})
    )
    assert run.code == 0, run.stdout + run.stderr
    assert service.stats().refused == {}
    by_name = {}
    for row in rows(output, "segments"):
        by_name.setdefault(Path(row["audio_uri"]).name, []).append(row)
    return by_name


def assert_exact(segments, ticks):
    """Every word once, in order, where it is, and inside its segment."""
    words = [word for row in segments for word in row["words"]]
    assert len(words) == len(ticks)
    for word, second in zip(words, ticks, strict=True):
        assert word["start_ms"] == pytest.approx(second * 1000, abs=TOLERANCE_MS)
        assert word["end_ms"] == pytest.approx((second + TICK_SECONDS) * 1000, abs=TOLERANCE_MS)
    for row in segments:
        for word in row["words"]:
            assert row["start_ms"] <= word["start_ms"] <= word["end_ms"] <= row["end_ms"]
        assert row["text"] == " ".join(["tick"] * len(row["words"]))


def assert_tiled(segments, phrases, duration_ms):
    """The segments are in order and apart, and what lies between them is silence."""
    edges = [0, *(edge for row in segments for edge in (row["start_ms"], row["end_ms"])), duration_ms]
    assert edges == sorted(edges)
    skipped = list(zip(edges[::2], edges[1::2], strict=True))
    for start_ms, end_ms in skipped:
        heard = [max(0, min(end * 1000, end_ms) - max(start * 1000, start_ms)) for start, end in phrases]
        assert sum(heard) <= 1, (start_ms, end_ms)
    return sum(end_ms - start_ms for start_ms, end_ms in skipped)


def test_words_are_where_they_are_at_any_source_rate(hearing, folder, spoken, tmp_path):
    found = transcribe(hearing, folder, tmp_path / "out", voice_format="wav", max_payload_bytes=2_250_000)
    for name, sound in spoken.items():
        assert len(found[name]) >= 3
        assert_exact(found[name], sound.ticks)
        assert_tiled(found[name], sound.phrases, round(SECONDS * 1000))


def test_nothing_is_left_out_where_silence_is_sent_too(hearing, folder, spoken, tmp_path):
    found = transcribe(
        hearing,
        folder / "44100.wav",
        tmp_path / "out",
        voice_format="wav",
        max_payload_bytes=2_250_000,
        segmentation__skip_silence="false",
    )
    (segments,) = found.values()
    assert_exact(segments, spoken["44100.wav"].ticks)
    assert segments[0]["start_ms"] == 0
    assert all(one["end_ms"] == other["start_ms"] for one, other in pairwise(segments))
    assert segments[-1]["end_ms"] == round(SECONDS * 1000)


def test_squeezed_silence_shortens_what_is_sent_and_moves_no_word(hearing, folder, spoken, tmp_path):
    found = transcribe(
        hearing,
        folder,
        tmp_path / "out",
        voice_format="wav",
        max_payload_bytes=2_250_000,
        segmentation__squeeze_to_seconds=0.5,
    )
    for name, sound in spoken.items():
        assert_exact(found[name], sound.ticks)
        assert_tiled(found[name], sound.phrases, round(SECONDS * 1000))
    sent_ms = sum(call.duration_ms for call in hearing.received)
    covered_ms = sum(row["end_ms"] - row["start_ms"] for name in spoken for row in found[name])
    assert sent_ms < 0.9 * covered_ms


@pytest.mark.parametrize(
    ("voice_format", "engine"),
    [
        ("mp3", "8k_en"),
        ("ogg-opus", "16k_en"),
        ("m4a", "16k_en"),
        ("aac", "16k_en"),
        ("aac", "8k_en"),
        ("pcm", "8k_en"),
    ],
)
def test_encoded_words_are_not_late_and_never_leave_their_segment(
    hearing, folder, spoken, tmp_path, voice_format, engine
):
    found = transcribe(
        hearing,
        folder / "44100.wav",
        tmp_path / "out",
        voice_format=voice_format,
        engine=engine,
        segmentation__squeeze_to_seconds=0.5,
    )
    (segments,) = found.values()
    assert {call.voice_format for call in hearing.received} == {voice_format}
    assert_exact(segments, spoken["44100.wav"].ticks)
    assert_tiled(segments, spoken["44100.wav"].phrases, round(SECONDS * 1000))


def test_words_that_two_segments_hear_are_kept_once(hearing, tmp_path):
    sound = phrases_of_ticks(16_000, SECONDS, seed=1, pauses=False)
    recording = write_wav(tmp_path / "without-a-pause.wav", sound.samples)
    found = transcribe(
        hearing,
        recording,
        tmp_path / "out",
        voice_format="wav",
        max_payload_bytes=2_250_000,
        segmentation__overlap_seconds=1.5,
    )
    (segments,) = found.values()
    assert len(segments) >= 3
    words = [word["start_ms"] for row in segments for word in row["words"]]
    # A word at a cut is drawn to the edge of the segment that keeps it.
    assert words == pytest.approx([second * 1000 for second in sound.ticks], abs=TICK_SECONDS * 1000)
    # At most what was asked for, less where a run of speech ends earlier.
    heard_twice_ms = sum(call.duration_ms for call in hearing.received) - SECONDS * 1000
    assert 0.5 < heard_twice_ms / 1000 / (len(segments) - 1) <= 1.5
    assert all(one["end_ms"] == other["start_ms"] for one, other in pairwise(segments))


@pytest.mark.parametrize(
    ("source_rate", "engine", "hours"),
    [
        (8_000, "8k_en", 1),
        pytest.param(44_100, "16k_en", 10, marks=pytest.mark.slow),
    ],
)
def test_words_are_where_they_are_after_hours(hearing, tmp_path, source_rate, engine, hours):
    seconds = hours * HOUR + 0.1234
    frames = round(seconds * source_rate)
    said = phrases_of_ticks(source_rate, 20.0, seed=2)
    starts = [0, frames // 3, frames - len(said.samples)]
    pieces = [(start, said.samples) for start in starts]
    recording = sparse_wav(tmp_path / "hours.wav", source_rate, seconds, pieces)
    found = transcribe(hearing, recording, tmp_path / "out", engine=engine)
    (segments,) = found.values()
    # Silence is not sent, so hours take three calls.
    assert len(hearing.received) == len(segments) == 3
    assert_exact(segments, [start / source_rate + second for start in starts for second in said.ticks])
    phrases = [
        (start / source_rate + begin, start / source_rate + end)
        for start in starts
        for begin, end in said.phrases
    ]
    assert assert_tiled(segments, phrases, round(seconds * 1000)) > (hours * HOUR - 90) * 1000
