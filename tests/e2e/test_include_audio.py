"""The sound of segments in the dataset: what was transcribed, sample by sample, and never for a call."""

from __future__ import annotations

import io
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.e2e.command import Row, beamscribe, records, rows, settings, start_apart
from tests.e2e.sounds import RATE, chatter, some_wavs, write_wav
from tests.e2e.test_walls import transcribe, wait_for
from transforms.schemas import Table, schema_of

SECONDS = 130.5
AUDIO = {"output__include_audio": "true", "max_payload_bytes": 2_250_000}
NO_AUDIO = {"max_payload_bytes": 2_250_000}


def played(row: Row) -> np.ndarray:
    samples, rate = soundfile.read(io.BytesIO(row["audio"]["bytes"]), dtype="int16")
    assert rate == RATE
    return samples


def texts(output: Path) -> list[tuple]:
    return [(row["audio_uri"], row["segment_index"], row["text"]) for row in rows(output, "segments")]


def add(folder: Path, number: int) -> None:
    """One more of `some_wavs`; the others keep their time of change."""
    folder.mkdir(exist_ok=True)
    write_wav(folder / f"{number:03}.wav", chatter(0.5, seed=number))


def with_sound(output: Path) -> int:
    return sum(row["audio"] is not None for row in rows(output, "segments"))


@pytest.fixture(scope="module")
def spoken() -> np.ndarray:
    """Bursts between pauses, with one pause that is long."""
    samples = chatter(SECONDS, seed=5)
    for start in range(0, len(samples), 3 * RATE):
        samples[start : start + RATE // 2] //= 2000
    samples[40 * RATE : 52 * RATE] = 0
    return samples


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"segmentation__overlap_seconds": 4.0, "word_info": 1},
        {"segmentation__skip_silence": "true", "segmentation__squeeze_to_seconds": 0.5},
    ],
    ids=["plain", "overlap", "squeezed"],
)
def test_the_sound_of_a_row_is_that_of_its_own_times(changes, spoken, serve, tmp_path):
    write_wav(tmp_path / "in.wav", spoken)
    run = beamscribe(
        "run", "--input", tmp_path / "in.wav", "--output", tmp_path / "out",
        *settings(serve(), **AUDIO, **changes),
    )  # fmt: skip
    assert run.code == 0, run.stderr
    found = rows(tmp_path / "out", "segments")
    assert len(found) >= 2
    for row in found:
        start, end = (row[edge] * RATE // 1000 for edge in ("start_ms", "end_ms"))
        assert np.array_equal(played(row), spoken[start:end])
        level = 20 * np.log10(np.sqrt(np.mean((spoken[start:end] / 32768.0) ** 2)))
        assert row["level_dbfs"] == pytest.approx(level, abs=0.01)
        assert 0 <= row["speech_ms"] <= row["end_ms"] - row["start_ms"]
        assert 0 <= row["clipped_share"] < 0.01
    assert len({row["audio"]["path"] for row in found}) == len(found)
    [transcript] = rows(tmp_path / "out", "transcripts")
    speech_ms = sum(row["speech_ms"] for row in found)
    assert transcript["speech_ms"] - 10 * len(found) <= speech_ms <= transcript["speech_ms"] + len(found)


def test_switched_on_later_it_costs_no_call_and_every_row_has_it(serve, tmp_path):
    some_wavs(tmp_path / "in", 5, seconds=0.5)
    service = serve()
    assert transcribe(service, tmp_path, **NO_AUDIO).code == 0
    before, calls = texts(tmp_path / "out"), service.stats().calls
    assert with_sound(tmp_path / "out") == 0
    add(tmp_path / "in", 5)
    assert transcribe(service, tmp_path, **AUDIO).code == 0
    assert service.stats().calls == calls + 1
    assert texts(tmp_path / "out")[:5] == before
    assert with_sound(tmp_path / "out") == 6
    assert records(tmp_path / "out")[-1]["reused_answers"] == 5
    for number, row in enumerate(rows(tmp_path / "out", "segments")):
        assert np.array_equal(played(row), chatter(0.5, seed=number))


def test_switched_off_again_rows_keep_it_until_they_are_asked_to_be_made_anew(serve, tmp_path):
    some_wavs(tmp_path / "in", 3, seconds=0.5)
    service = serve()
    assert transcribe(service, tmp_path, **AUDIO).code == 0
    add(tmp_path / "in", 3)
    assert transcribe(service, tmp_path, **NO_AUDIO).code == 0
    assert records(tmp_path / "out")[-1]["skipped_files"] == 3
    assert with_sound(tmp_path / "out") == 3
    assert transcribe(service, tmp_path, **AUDIO).code == 0
    assert records(tmp_path / "out")[-1]["skipped_files"] == 3
    assert with_sound(tmp_path / "out") == 4
    assert transcribe(service, tmp_path, **NO_AUDIO, input__verify="true").code == 0
    assert with_sound(tmp_path / "out") == 0
    assert len(rows(tmp_path / "out", "segments")) == service.stats().calls == 4


def test_killed_half_way_through_switching_it_on(serve, tmp_path):
    some_wavs(tmp_path / "in", 40, seconds=0.5)
    service = serve()
    assert transcribe(service, tmp_path, **NO_AUDIO).code == 0
    before = texts(tmp_path / "out")
    arguments = ["run", "--input", tmp_path / "in", "--output", tmp_path / "out"]
    process = start_apart([*arguments, *settings(service, **AUDIO, output__rows_per_part=1)], tmp_path)
    wait_for(lambda: with_sound(tmp_path / "out") >= 3, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert with_sound(tmp_path / "out") >= 3
    assert set(texts(tmp_path / "out")) == set(before)
    assert transcribe(service, tmp_path, **AUDIO).code == 0
    assert texts(tmp_path / "out") == before
    assert with_sound(tmp_path / "out") == 40
    assert service.stats().calls == 40


def test_every_part_has_the_same_columns_whatever_was_asked_for(serve, tmp_path):
    duckdb = pytest.importorskip("duckdb")
    pandas = pytest.importorskip("pandas")
    service = serve()
    for number, options in enumerate((NO_AUDIO, AUDIO, NO_AUDIO)):
        add(tmp_path / "in", number)
        assert transcribe(service, tmp_path, **options).code == 0
    folder = tmp_path / "out" / "segments"
    assert list(pandas.read_parquet(folder).columns) == schema_of(Table.SEGMENTS).names
    counted = duckdb.sql(f"SELECT count(*), count(audio.bytes) FROM '{folder}/*.parquet'").fetchall()
    assert counted == [(3, 2)]


def test_what_the_service_fetches_itself_cannot_be_included(serve, tmp_path):
    (tmp_path / "list.csv").write_text("audio\nhttps://media.example.com/a.wav\n")
    run = beamscribe(
        "run", "--manifest", tmp_path / "list.csv", "--output", tmp_path / "out",
        *settings(serve(), source="url", **AUDIO),
    )  # fmt: skip
    assert run.code == 2
    assert "output.include_audio" in run.stderr
    assert "recognition.source=data" in run.stderr
