from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

import google_crc32c
import numpy as np
import pandas as pd
import pytest

from pipeline.service.ledger import ServiceStats
from pipeline.service.server import LocalService
from tests.e2e.command import Ended, beamscribe, ended, records, rows, settings, start_apart
from tests.e2e.sounds import RATE, chatter, heard, write_wav
from transforms.schemas import KEY_COLUMNS, Table

# Nothing in a name is an escape, a pattern, an option or a protocol.
ODD_NAMES = (
    "two words.wav",
    'it\'s "so".wav',
    "c:drive.wav",
    "-dash.wav",
    "100%20.wav",
    "b[1].wav",
    "中文.wav",
)
NOT_UTF8 = b"caf\xe9.wav"
LONG_SECONDS = 150.5


class Corpus:
    """A folder that was transcribed once."""

    def __init__(self, top: Path) -> None:
        self.folder = top / "in"
        self.output = top / "out"
        self.folder.mkdir()
        self.samples = {
            str(self.folder / name): chatter(1 + number / 10, seed=number)
            for number, name in enumerate((*ODD_NAMES, os.fsdecode(NOT_UTF8)))
        }
        self.long = str(self.folder / "long.wav")
        self.samples[self.long] = chatter(LONG_SECONDS, seed=99)
        for path, samples in self.samples.items():
            write_wav(Path(path), samples)
        (self.folder / "notes.txt").write_text("no recording")
        (self.folder / "empty.wav").touch()
        self.run: Ended
        self.stats: ServiceStats


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Corpus]:
    corpus = Corpus(tmp_path_factory.mktemp("corpus"))
    with LocalService() as service, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TENCENTCLOUD_SECRET_ID", service.settings.secret_id)
        patch.setenv("TENCENTCLOUD_SECRET_KEY", service.settings.secret_key)
        corpus.run = beamscribe(
            "run", "--input", corpus.folder, "--output", corpus.output,
            *settings(service, max_payload_bytes=2_250_000, word_info=1),
        )  # fmt: skip
        corpus.stats = service.stats()
    return corpus


def uri_of(path: str) -> str:
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def test_pandas_and_pyarrow_read_each_folder_whole_and_agree(corpus):
    for table in Table:
        whole = rows(corpus.output, table.value)
        frame = pd.read_parquet(corpus.output / table.value)
        assert len(frame) == len(whole) > 0
        assert sorted(frame["audio_uri"]) == sorted(row["audio_uri"] for row in whole)


def test_keys_are_unique(corpus):
    for table in Table:
        keys = Counter(
            tuple(row[key] for key in KEY_COLUMNS[table]) for row in rows(corpus.output, table.value)
        )
        assert set(keys.values()) == {1}


def test_addresses_are_the_absolute_paths_unescaped(corpus):
    found = {row["audio_uri"] for row in rows(corpus.output, "transcripts")}
    assert found == {uri_of(path) for path in corpus.samples}
    assert any(uri.endswith("/caf\\xe9.wav") for uri in found)
    assert any(uri.endswith("/100%20.wav") for uri in found)


def test_segments_tile_each_recording_and_stay_under_a_minute(corpus):
    by_recording: dict[str, list[dict]] = {}
    for row in rows(corpus.output, "segments"):
        by_recording.setdefault(row["audio_uri"], []).append(row)
    for path, samples in corpus.samples.items():
        pieces = by_recording[uri_of(path)]
        edges = [(piece["start_ms"], piece["end_ms"]) for piece in pieces]
        assert [piece["segment_index"] for piece in pieces] == list(range(len(pieces)))
        assert edges[0][0] == 0
        assert edges[-1][1] == len(samples) * 1000 // RATE
        assert all(before[1] == after[0] for before, after in pairwise(edges))
        assert all(end - start < 60_000 for start, end in edges)
    assert len(by_recording[corpus.long]) == 3


def test_each_text_is_what_was_said_in_exactly_those_samples(corpus):
    """The service's text is a digest of the audio: nothing was swapped, lost or changed."""
    samples = {uri_of(path): samples for path, samples in corpus.samples.items()}
    for row in rows(corpus.output, "segments"):
        start, end = (row[edge] * RATE // 1000 for edge in ("start_ms", "end_ms"))
        assert row["text"] == heard(samples[row["audio_uri"]][start:end])


def test_words_lie_in_order_inside_their_segment_in_the_recordings_time(corpus):
    for row in rows(corpus.output, "segments"):
        edges = [edge for word in row["words"] for edge in (word["start_ms"], word["end_ms"])]
        assert " ".join(word["word"] for word in row["words"]) == row["text"]
        assert edges == sorted(edges)
        assert (edges[0], edges[-1]) == (row["start_ms"], row["end_ms"])


def test_a_transcript_joins_its_segments_and_counts_them(corpus):
    pieces: dict[str, list[str]] = {}
    for row in rows(corpus.output, "segments"):
        pieces.setdefault(row["audio_uri"], []).append(row["text"])
    for row in rows(corpus.output, "transcripts"):
        texts = pieces[row["audio_uri"]]
        assert (row["text"], row["segments"]) == (" ".join(texts), len(texts))
        assert (row["failed_segments"], row["status"], row["channel"]) == (0, "complete", 0)
        assert 0 < row["speech_ms"] <= row["duration_ms"]


def test_the_checksum_is_that_of_the_file(corpus):
    expected = {
        uri_of(path): f"{google_crc32c.value(Path(path).read_bytes()):08x}" for path in corpus.samples
    }
    for table in ("segments", "transcripts"):
        assert {row["audio_uri"]: row["audio_crc32c"] for row in rows(corpus.output, table)} == expected


def test_the_run_record_has_every_key_and_agrees_with_the_service(corpus):
    assert corpus.run.code == 3
    [record] = records(corpus.output)
    assert {
        "run_id", "started_at", "ended_at", "exit_code", "configuration", "files", "audio_seconds",
        "speech_seconds", "calls", "billed_calls", "retries", "reused_answers", "throttled_seconds", "cost",
    } <= record.keys()  # fmt: skip
    assert record["exit_code"] == 3
    assert (record["files"], record["failed_files"], record["other_files"]) == (len(corpus.samples) + 1, 1, 1)
    assert (record["calls"], record["billed_calls"]) == (corpus.stats.calls, corpus.stats.billed)
    assert record["segments"] == corpus.stats.billed == len(rows(corpus.output, "segments"))
    seconds = sum(len(samples) for samples in corpus.samples.values()) / RATE
    assert record["audio_seconds"] == pytest.approx(seconds, abs=0.05)
    speech_ms = sum(row["speech_ms"] for row in rows(corpus.output, "transcripts"))
    assert record["speech_seconds"] == pytest.approx(speech_ms / 1000, abs=0.05)
    assert record["retries"] == {}
    assert record["configuration"]["recognition"]["max_payload_bytes"] == 2_250_000
    assert record["configuration"]["segmentation"]["max_seconds"] == 59.0
    assert {row["run_id"] for table in Table for row in rows(corpus.output, table.value)} == {
        record["run_id"]
    }
    assert asdict(corpus.stats)["distinct_billed_payloads"] == record["billed_calls"]


def test_the_summary_shows_names_and_failures_as_plain_text(corpus):
    assert "empty.wav" in corpus.run.stdout
    assert str(corpus.output) in corpus.run.stdout
    assert f"{len(corpus.samples) + 1} recordings, 1 failed; 1 other file left out" in corpus.run.stdout


@pytest.mark.parametrize("name", ["-dash.wav", b"caf\xe9.wav", "b[1].wav"], ids=["dash", "bytes", "brackets"])
def test_a_relative_name_of_any_kind_can_be_typed(name, serve, tmp_path):
    write_wav(tmp_path / os.fsdecode(name), chatter(0.5))
    output = b"out-\xe9" if isinstance(name, bytes) else "out"
    run = ended(start_apart(["run", "--input", name, "--output", output, *settings(serve())], tmp_path))
    assert run.code == 0, run.stderr
    assert uri_of(os.fsdecode(output)) in run.stdout
    # pyarrow opens no path that is not UTF-8.
    readable = (tmp_path / os.fsdecode(output)).rename(tmp_path / "readable")
    [row] = rows(readable, "transcripts")
    assert row["audio_uri"] == uri_of(str(tmp_path / os.fsdecode(name)))


def test_a_silent_stretch_of_digital_zeros_is_an_empty_row_and_no_failure(serve, tmp_path):
    write_wav(tmp_path / "silence.wav", np.zeros(3 * RATE, np.int16))
    write_wav(tmp_path / "half.wav", np.concatenate([chatter(50), np.zeros(60 * RATE, np.int16)]))
    service = serve()
    run = beamscribe(
        "run", "--input", tmp_path, "--output", tmp_path / "out",
        *settings(service, max_payload_bytes=2_250_000),
    )  # fmt: skip
    assert run.code == 0
    assert rows(tmp_path / "out", "failures") == []
    assert set(service.stats().refused) == {"InvalidParameterValue.NoHumanVoice"}
    half, silence = rows(tmp_path / "out", "transcripts")
    assert (silence["status"], silence["text"], silence["segments"]) == ("empty", "", 1)
    first, *others = (row for row in rows(tmp_path / "out", "segments") if "half" in row["audio_uri"])
    assert (half["status"], half["text"], half["failed_segments"]) == ("complete", first["text"], 0)
    assert [row["text"] for row in others] == [""] * len(others)
    assert others
    [record] = records(tmp_path / "out")
    assert record["billed_calls"] == service.stats().billed == 1


def test_the_dataset_can_be_read_while_the_run_goes_on(serve, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(12):
        write_wav(folder / f"{number:02}.wav", chatter(0.3, seed=number))
    service = serve(latency_ms=(100, 100))
    arguments = ["run", "--input", folder, "--output", tmp_path / "out"]
    changes = settings(service, concurrency=1, output__rows_per_part=1)
    process = start_apart([*arguments, *changes], tmp_path)
    counts = []
    while process.poll() is None:
        if (tmp_path / "out" / "segments").is_dir():
            counts.append(_segments_now(tmp_path / "out"))
    run = ended(process)
    assert run.code == 0, run.stderr
    assert counts == sorted(counts)
    assert any(0 < count < 12 for count in counts)
    assert len(rows(tmp_path / "out", "segments")) == 12


def _segments_now(output: Path) -> int:
    parts = [path for path in (output / "segments").iterdir() if not path.name.startswith(".")]
    return len(rows(output, "segments")) if parts else 0


def test_the_folders_of_the_dataset_hold_nothing_but_parquet(corpus):
    for table in Table:
        names = [path.name for path in (corpus.output / table.value).rglob("*")]
        assert all(name.endswith(".parquet") for name in names)
