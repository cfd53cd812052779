from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.conftest import SHIPPED
from tests.e2e.command import beamscribe, failures_by_name, records, rows, settings

REAL_SPEECH = {"segmentation__detector": "silero", "segmentation__skip_silence": "true"}
CONFIGURATIONS = {
    "as it comes": REAL_SPEECH,
    "at 8 kHz": {**REAL_SPEECH, "engine": "8k_en"},
    "channels split": {**REAL_SPEECH, "audio__channels": "split"},
    "under today's limit": {**REAL_SPEECH, "max_payload_bytes": 2_250_000},
    "everything, by loudness": {},
    "speech, by loudness": {"segmentation__skip_silence": "true"},
    "squeezed": {**REAL_SPEECH, "segmentation__squeeze_to_seconds": 0.5},
    "overlapping": {**REAL_SPEECH, "segmentation__overlap_seconds": 1, "segmentation__max_seconds": 5},
}


@pytest.mark.parametrize("changes", CONFIGURATIONS.values(), ids=CONFIGURATIONS.keys())
def test_every_real_recording_is_transcribed_and_every_payload_is_what_the_service_takes(
    changes, shared_audio, serve, tmp_path
):
    limit = changes.get("max_payload_bytes", 600_000)
    service = serve(max_payload_bytes=limit)
    run = beamscribe("run", "--input", shared_audio, "--output", tmp_path, *settings(service, **changes))

    assert run.code == 0, run.stderr
    assert rows(tmp_path, "failures") == []
    stats = service.stats()
    # The service refuses what is not 16-bit mono at the engine's rate, or has an untrue
    # DataLen or VoiceFormat.
    assert stats.refused == {}
    [record] = records(tmp_path)
    assert record["calls"] == stats.calls == stats.billed
    # Two channels that hold the same need one call.
    assert stats.calls + record["reused_answers"] == len(rows(tmp_path, "segments"))
    for call in service.received:
        assert call.engine == changes.get("engine", "16k_en")
        assert 0 < call.duration_ms < 60_000
        assert 0 < call.data_len <= limit
        rate = 8000 if call.engine.startswith("8k") else 16_000
        fits_as_wav = 44 + 2 * rate * call.duration_ms // 1000 <= limit
        assert call.voice_format == ("wav" if fits_as_wav else "ogg-opus")

    with (shared_audio / "manifest.csv").open(encoding="utf-8", newline="") as file:
        listed = {row["audio"]: row for row in csv.DictReader(file)}
    found: dict[str, list[int]] = {}
    for row in rows(tmp_path, "transcripts"):
        assert row["status"] == "complete"
        found.setdefault(Path(row["audio_uri"]).name, []).append(row["channel"])
        seconds = float(listed[Path(row["audio_uri"]).name]["seconds"])
        # The manifest counts the encoder's padding of mp3, some 100 ms, which is no sound.
        assert row["duration_ms"] == pytest.approx(seconds * 1000, abs=120)
    split = changes.get("audio__channels") == "split"
    assert found == {
        name: list(range(int(row["channels"]) if split else 1)) for name, row in sorted(listed.items())
    }


def test_of_the_shipped_recordings_exactly_the_broken_one_fails(serve, tmp_path):
    service = serve()
    run = beamscribe("run", "--input", SHIPPED, "--output", tmp_path, *settings(service))
    assert run.code == 3
    assert list(failures_by_name(tmp_path)) == ["broken.mp3"]
    assert service.stats().refused == {}
    assert len(rows(tmp_path, "transcripts")) == 9
    assert records(tmp_path)[0]["failed_files"] == 1
