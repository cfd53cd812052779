"""What is sent of a recording, and what is not: the default detector on speech and on none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.conftest import SHIPPED
from tests.e2e.command import Row, beamscribe, records, rows, settings
from tests.e2e.sounds import RATE, chatter, write_wav
from tests.transforms.media_files import sound_file
from transforms.chosen import ChannelChoice
from transforms.normalize import normalize

DEFAULT = {"segmentation__detector": "silero", "segmentation__skip_silence": "true"}
LETTER = SHIPPED / "letter_16k.wav"


def letter() -> np.ndarray:
    """8 s of speech at 16 kHz."""
    with LETTER.open("rb") as stream:
        blocks = normalize(stream, name="letter", sample_rate=RATE, channels=ChannelChoice.mix())
        return np.concatenate([np.frombuffer(block.audio.raw_data, np.int16) for block in blocks])


def quiet(seconds: float) -> np.ndarray:
    return np.rint(np.random.default_rng(5).normal(0, 3, round(seconds * RATE))).astype(np.int16)


def transcribe(service, tmp_path: Path, **changes: object) -> list[Row]:
    run = beamscribe(
        "run", "--input", tmp_path / "in", "--output", tmp_path / "out",
        *settings(service, max_payload_bytes=2_250_000, **{**DEFAULT, **changes}),
    )  # fmt: skip
    assert run.code == 0, run.stderr
    return rows(tmp_path / "out", "transcripts")


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


@pytest.mark.parametrize("detector", ["silero", "energy"])
def test_recordings_without_speech_make_no_call_and_are_empty(detector, serve, corpus, tmp_path):
    write_wav(corpus / "zeros.wav", np.zeros(70 * RATE, np.int16))
    write_wav(corpus / "hiss.wav", quiet(5))
    service = serve()
    transcripts = transcribe(service, tmp_path, segmentation__detector=detector)
    assert [(row["status"], row["segments"], row["speech_ms"]) for row in transcripts] == [
        ("empty", 0, 0)
    ] * 2
    assert [row["duration_ms"] for row in transcripts] == [5000, 70_000]
    assert service.stats().calls == 0
    # Nothing to do is done: the next run reads none of them.
    transcribe(service, tmp_path, segmentation__detector=detector)
    assert records(tmp_path / "out")[-1]["skipped_files"] == 2


def test_silence_round_speech_is_not_sent(serve, corpus, tmp_path):
    speech = letter()
    write_wav(corpus / "a.wav", np.concatenate([quiet(20), speech, quiet(60), speech, quiet(30)]))
    service = serve()
    [transcript] = transcribe(service, tmp_path)
    segments = rows(tmp_path / "out", "segments")
    assert sorted(call.duration_ms for call in service.received) == sorted(
        row["end_ms"] - row["start_ms"] for row in segments
    )
    length_ms = len(speech) * 1000 // RATE
    for row, begin_ms in zip(segments, [20_000, 80_000 + length_ms], strict=True):
        assert begin_ms - 500 <= row["start_ms"] <= begin_ms + 500
        assert begin_ms + length_ms - 1000 <= row["end_ms"] <= begin_ms + length_ms + 500
    assert 0.6 * 2 * length_ms < transcript["speech_ms"] <= 2 * length_ms


def test_everything_is_sent_where_silence_is_not_to_be_skipped(serve, corpus, tmp_path):
    write_wav(corpus / "a.wav", np.concatenate([quiet(20), letter(), quiet(60)]))
    [transcript] = transcribe(serve(), tmp_path, segmentation__skip_silence="false")
    segments = rows(tmp_path / "out", "segments")
    edges = [0, *(row["end_ms"] for row in segments)]
    assert [row["start_ms"] for row in segments] == edges[:-1]
    assert edges[-1] == transcript["duration_ms"]


def test_squeezing_makes_one_call_of_two_and_keeps_the_times(serve, corpus, tmp_path):
    write_wav(corpus / "a.wav", np.concatenate([letter(), quiet(50), letter()]))
    service = serve()
    transcribe(service, tmp_path)
    assert service.stats().calls == 2
    squeezed = serve()
    transcribe(squeezed, tmp_path, segmentation__squeeze_to_seconds=1)
    [row] = rows(tmp_path / "out", "segments")
    assert squeezed.stats().calls == 1
    [call] = squeezed.received
    assert call.duration_ms < 20_000
    assert row["end_ms"] - row["start_ms"] > 55_000
    last = row["words"][-1]
    assert row["end_ms"] - 2000 < last["end_ms"] <= row["end_ms"]


def test_equal_channels_are_paid_for_once(serve, corpus, tmp_path):
    mono = letter()
    both = np.stack([mono, mono], axis=1)
    (corpus / "stereo.wav").write_bytes(sound_file(both, RATE, subtype="PCM_16"))
    service = serve()
    left, right = transcribe(service, tmp_path, audio__channels="split")
    assert (left["text"], left["channel"], right["channel"]) == (right["text"], 0, 1)
    assert service.stats().calls == 1


def test_a_changed_detector_calls_only_for_what_is_cut_otherwise(serve, corpus, tmp_path):
    write_wav(corpus / "a.wav", chatter(5))
    service = serve()
    everything = {"segmentation__skip_silence": "false", "segmentation__detector": "energy"}
    transcribe(service, tmp_path, **everything)
    transcribe(service, tmp_path, **{**everything, "segmentation__detector": "silero"})
    assert service.stats().calls == 1
    assert records(tmp_path / "out")[-1]["reused_answers"] == 1
