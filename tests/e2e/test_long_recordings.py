from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.e2e.command import beamscribe, records, rows, settings

TABLES = ("segments", "transcripts", "failures")
TWO = ("--", "--direct_num_workers=2", "--direct_running_mode=multi_threading")


def phrases(rate: int, minutes: float, seed: int = 0) -> np.ndarray:
    """Bursts of noise of a few seconds, each different, with silence that is never quite silent."""
    random = np.random.default_rng(seed)
    length = round(minutes * 60 * rate)
    samples = random.standard_normal(length) * 20
    place = 0
    while place < length:
        place += round(random.uniform(1, 9) * rate)
        burst = round(random.uniform(2, 12) * rate)
        samples[place : place + burst] *= 100
        place += burst
    return samples.astype(np.int16)


def told(output: Path) -> dict[str, list[dict[str, object]]]:
    """What a run wrote, but for what every run has another of."""
    own = {"run_id", "request_id", "recognized_at", "attempts", "recorded_at"}
    return {
        table: [
            {name: value for name, value in row.items() if name not in own} for row in rows(output, table)
        ]
        for table in ("segments", "transcripts", "failures")
    }


@pytest.mark.parametrize("channels", ["mix", "split"])
def test_rows_of_long_recordings_are_those_of_one_piece_and_no_call_is_made_twice(serve, tmp_path, channels):
    (tmp_path / "in").mkdir()
    stereo = np.stack((phrases(11025, 11.3, 1), phrases(11025, 11.3, 2)), axis=1)
    soundfile.write(tmp_path / "in" / "stereo.wav", stereo, 11025)
    soundfile.write(tmp_path / "in" / "mono.flac", phrases(8000, 16.0, 3), 8000)
    soundfile.write(tmp_path / "in" / "short.wav", phrases(16000, 0.5, 4), 16000)
    service = serve()
    changes = settings(
        service,
        segmentation__skip_silence="true",
        audio__chapters_above_hours=0.1,
        audio__channels=channels,
    )
    one = beamscribe("run", "--input", tmp_path / "in", "--output", tmp_path / "one", *changes)
    assert one.code == 0, one.stderr
    billed = service.stats().billed
    several = beamscribe("run", "--input", tmp_path / "in", "--output", tmp_path / "several", *changes, *TWO)
    assert several.code == 0, several.stderr
    assert told(tmp_path / "several") == told(tmp_path / "one")
    assert service.stats().billed == 2 * billed
    # The cuts and the sound are known by what they are, whoever made them.
    again = beamscribe(
        "run",
        "--input",
        tmp_path / "in",
        "--output",
        tmp_path / "one",
        *changes,
        "--set=input.verify=true",
        *TWO,
    )
    assert again.code == 0, again.stderr
    assert service.stats().billed == 2 * billed
    [first] = records(tmp_path / "several")
    assert first["timeline"]["totals"]["recordings_read"] == 3
