from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from tests.transforms.dataset_samples import RATE, failure_of, utterance_of
from transforms.records import Quality, Status, Transcript
from transforms.rows import failure_row, segment_row, to_ms, transcript_row

SAMPLES = st.integers(0, 10**12)
RATES = st.sampled_from([8000, 16000, 11025, 44100])


@given(SAMPLES, RATES)
def test_milliseconds_are_within_half_of_one(sample: int, sample_rate: int) -> None:
    exact = Fraction(sample * 1000, sample_rate)
    assert -Fraction(1, 2) < to_ms(sample, sample_rate) - exact <= Fraction(1, 2)


@given(SAMPLES, SAMPLES, RATES)
def test_milliseconds_never_go_back(first: int, second: int, sample_rate: int) -> None:
    low, high = sorted([first, second])
    assert to_ms(low, sample_rate) <= to_ms(high, sample_rate)


def test_halves_round_up() -> None:
    assert [to_ms(sample, 16000) for sample in (7, 8, 23, 24)] == [0, 1, 1, 2]


@given(st.integers(0, 10**9), st.integers(1, 10**6), st.integers(1, 10**6))
def test_neighbouring_segments_touch(start: int, first: int, second: int) -> None:
    before = segment_row(utterance_of("/a", 0, start=start, end=start + first), "run")
    after = segment_row(utterance_of("/a", 1, start=start + first, end=start + first + second), "run")
    assert before["end_ms"] == after["start_ms"]


def test_segment_row() -> None:
    utterance = utterance_of("/a.wav", 3, start=RATE, end=2 * RATE, at_us=77)
    assert segment_row(utterance, "run") == {
        "audio_uri": "/a.wav",
        "audio_crc32c": "000000ab",
        "channel": 0,
        "segment_index": 3,
        "start_ms": 1000,
        "end_ms": 2000,
        "text": "hello",
        "words": [{"word": "hello", "start_ms": 1000, "end_ms": 2000}],
        "engine": "16k_en",
        "request_id": "r",
        "attempts": 1,
        "run_id": "run",
        "recognized_at": 77,
        "speech_ms": None,
        "level_dbfs": None,
        "clipped_share": None,
        "audio": None,
    }


def test_segment_row_with_its_sound() -> None:
    quality = Quality(speech_samples=RATE // 2, level_dbfs=-20.5, clipped_share=0.25)
    row = segment_row(replace(utterance_of("/a.b.wav", 3), quality=quality, flac=b"fLaC"), "run")
    assert (row["speech_ms"], row["level_dbfs"], row["clipped_share"]) == (500, -20.5, 0.25)
    audio = row["audio"]
    assert audio is not None
    assert audio["bytes"] == b"fLaC"
    assert re.fullmatch(r"a_b-[a-z2-7]{16}-c0-s0003\.flac", audio["path"])


@given(st.text(st.characters(), max_size=8))
def test_any_text_of_the_service_can_be_stored(text: str) -> None:
    stored = segment_row(utterance_of("/a", text=text), "run")["text"]
    assert stored.encode().decode() == stored
    if not any("\ud800" <= character <= "\udfff" for character in text):
        assert stored == text


def test_halves_of_surrogate_pairs() -> None:
    assert segment_row(utterance_of("/a", text="\ud83d\ude00 \ud83d"), "run")["text"] == "\U0001f600 \ufffd"


def test_transcript_row() -> None:
    transcript = Transcript("/a", None, 1, "mine", "8k_zh", 8000, 16000, 8000, "text", 2, 1, Status.PARTIAL)
    row = transcript_row(transcript, "run")
    assert (row["audio_crc32c"], row["id"], row["duration_ms"], row["speech_ms"]) == (
        None,
        "mine",
        2000,
        1000,
    )
    assert (row["status"], row["segments"], row["failed_segments"]) == ("partial", 2, 1)
    assert transcript_row(replace(transcript, recording_id=None), "run")["id"] is None


def test_failure_rows_of_segment_and_recording() -> None:
    row = failure_row(failure_of("/a", 2, start=8, end=RATE), "run")
    assert (row["segment_index"], row["start_ms"], row["end_ms"], row["stage"]) == (2, 1, 1000, "recognize")
    row = failure_row(failure_of("/a"), "run")
    assert (row["channel"], row["segment_index"], row["start_ms"], row["end_ms"]) == (None, None, None, None)
    assert (row["audio_crc32c"], row["request_id"], row["retryable"]) == (None, None, False)
