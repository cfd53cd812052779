"""The dataset opens in Hugging Face `datasets`, as a folder of Parquet files and by its card."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipeline.service.server import LocalService
from tests.e2e.command import beamscribe, rows, settings
from tests.e2e.sounds import RATE, chatter, write_wav

datasets = pytest.importorskip("datasets")


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Two recordings with their sound, one without."""
    top = tmp_path_factory.mktemp("labelled")
    with LocalService() as service, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TENCENTCLOUD_SECRET_ID", service.settings.secret_id)
        patch.setenv("TENCENTCLOUD_SECRET_KEY", service.settings.secret_key)
        patch.setattr(datasets.config, "HF_DATASETS_CACHE", top / "cache")
        for number, included in enumerate(("false", "true", "true")):
            write_wav(top / f"{number}.wav", chatter(1 + number, seed=number))
            run = beamscribe(
                "run", "--input", top / f"{number}.wav", "--output", top / "out",
                *settings(service, output__include_audio=included),
            )  # fmt: skip
            assert run.code == 0, run.stderr
        yield top / "out"


def check(found) -> None:
    """The Audio feature plays back what was transcribed, sample by sample."""
    assert found.features["audio"] == datasets.Audio()
    # Decoding by `datasets` itself takes torchcodec, and FFmpeg; its bytes take neither.
    plain = found.cast_column("audio", datasets.Audio(decode=False)).sort("audio_uri")
    assert [row["audio"] is None for row in plain] == [True, False, False]
    for number, row in list(enumerate(plain))[1:]:
        samples, rate = soundfile.read(io.BytesIO(row["audio"]["bytes"]), dtype="int16")
        assert rate == RATE
        assert np.array_equal(samples, chatter(1 + number, seed=number))
        assert row["audio"]["path"].startswith(f"{number}-")
        assert row["text"]


def test_the_folder_of_segments(output: Path) -> None:
    check(datasets.load_dataset("parquet", data_dir=str(output / "segments"), split="train"))


def test_by_the_card(output: Path) -> None:
    check(datasets.load_dataset(str(output), "segments", split="train"))
    check(datasets.load_dataset(str(output), split="train"))
    transcripts = datasets.load_dataset(str(output), "transcripts", split="train")
    assert sorted(transcripts["text"]) == sorted(row["text"] for row in rows(output, "transcripts"))


def test_texts_need_no_decoder(output: Path) -> None:
    found = datasets.load_dataset("parquet", data_dir=str(output / "segments"), split="train")
    assert all(found["text"])
    assert found.select_columns(["text", "speech_ms"])[0]["speech_ms"] is not None
