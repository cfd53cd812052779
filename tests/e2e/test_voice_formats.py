from __future__ import annotations

import pytest

from tests.e2e.command import beamscribe, rows, settings
from tests.e2e.sounds import chatter, heard, write_wav


def transcribe(service, folder, **changes):
    write_wav(folder / "long.wav", chatter(130))
    write_wav(folder / "short.wav", chatter(3, 1))
    run = beamscribe("run", "--input", folder, "--output", folder / "out", *settings(service, **changes))
    assert run.code == 0, run.stdout + run.stderr
    assert service.stats().refused == {}
    return rows(folder / "out", "segments")


def test_a_named_wav_is_cut_to_what_the_limit_holds(serve, tmp_path):
    service = serve(max_payload_bytes=600_000)
    segments = transcribe(service, tmp_path, voice_format="wav", max_payload_bytes=600_000)
    assert {call.voice_format for call in service.received} == {"wav"}
    lengths = [row["end_ms"] - row["start_ms"] for row in segments if "long" in row["audio_uri"]]
    # (600,000 - 44) / 32,000 samples a second
    assert max(lengths) <= 18_749
    assert 7 <= len(lengths) <= 14
    samples = chatter(130)
    for row in (row for row in segments if "long" in row["audio_uri"]):
        assert row["text"] == heard(samples[row["start_ms"] * 16 : row["end_ms"] * 16])


def test_auto_never_shortens_a_segment_and_sends_wav_only_where_it_fits(serve, tmp_path):
    service = serve(max_payload_bytes=600_000)
    segments = transcribe(service, tmp_path, max_payload_bytes=600_000)
    assert len([row for row in segments if "long" in row["audio_uri"]]) == 3
    for call in service.received:
        assert call.voice_format == ("wav" if call.duration_ms <= 18_748 else "ogg-opus")
    assert {call.voice_format for call in service.received} == {"wav", "ogg-opus"}


@pytest.mark.parametrize("voice_format", ["pcm", "mp3", "m4a", "aac"])
def test_every_format_that_can_be_made_is_taken(voice_format, serve, tmp_path):
    service = serve(max_payload_bytes=600_000)
    segments = transcribe(service, tmp_path, voice_format=voice_format, max_payload_bytes=600_000)
    assert {call.voice_format for call in service.received} == {voice_format}
    assert all(word["end_ms"] <= row["end_ms"] for row in segments for word in row["words"])
    longest = max(row["end_ms"] - row["start_ms"] for row in segments)
    assert (longest > 40_000) is (voice_format != "pcm")
    for row in segments:
        sent = [call.duration_ms for call in service.received]
        length = row["end_ms"] - row["start_ms"]
        # A codec may add up to a few frames of its own before and behind.
        assert any(0 <= duration - length <= 200 for duration in sent)
