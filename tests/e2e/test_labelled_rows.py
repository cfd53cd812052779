"""The recipe of docs/labelling.md, on rows whose doubts are known."""

from __future__ import annotations

import csv
import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.e2e.sounds import chatter
from tests.transforms.dataset_samples import utterance_of
from tests.transforms.test_settle import write
from transforms.flac import to_flac
from transforms.records import Quality, Utterance
from transforms.sound import sound_of

RECIPE = runpy.run_path(str(Path(__file__).resolve().parents[2] / "docs" / "examples" / "labelled_rows.py"))
GOOD = Quality(12_000, -20.0, 0.0)


def utterance(name: str, text: str, **quality: float) -> Utterance:
    sound = sound_of(chatter(1.0, seed=len(name)).tobytes(), 16_000)
    return replace(
        utterance_of(f"/{name}.wav", text=text), quality=replace(GOOD, **quality), flac=to_flac(sound)
    )


@pytest.fixture
def output(tmp_path: Path) -> Path:
    jingle = [utterance(f"jingle{number}", "thank you for watching") for number in range(6)]
    rows = [
        utterance("good", "what was | said\nthere"),
        utterance("number", "一亿是 100000000"),
        utterance("short", "对"),
        utterance("silent", " "),
        utterance("stuck", "我说对对对对"),
        utterance("stuck in words", "and then and then and then and then"),
        utterance("music", "la la", speech_samples=1600),
        utterance("far away", "hello", level_dbfs=-50.0),
        utterance("clipped", "hello", clipped_share=0.01),
        *jingle,
        replace(utterance("without sound", "nothing"), flac=None),
    ]
    write(tmp_path / "out", "run", rows, max_rows=4)
    return tmp_path / "out"


def table(path: Path) -> dict[str, dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return {row["name"].partition("-")[0]: row for row in csv.DictReader(file)}


def labels(folder: Path) -> dict[str, str]:
    lines = (folder / "metadata.csv").read_text("utf-8").splitlines()
    return {name.partition("-")[0]: text for name, text in (line.split("|") for line in lines)}


def test_good_rows_are_files_and_doubtful_ones_say_why(output: Path, tmp_path: Path, capsys) -> None:
    RECIPE["main"](output, tmp_path / "made")
    assert labels(tmp_path / "made") == {
        "good": "what was said there",
        "number": "一亿是 100000000",
        "short": "对",
    }
    doubts = {name: row["doubts"] for name, row in table(tmp_path / "made" / "check.csv").items()}
    assert doubts == {
        "silent": "no text",
        "stuck": "repeated within",
        "stuck in words": "repeated within",
        "music": "little speech",
        "far away": "soft",
        "clipped": "clipped",
        **{f"jingle{number}": "repeated in other rows" for number in range(6)},
    }
    assert len(list((tmp_path / "made" / "check").iterdir())) == 12
    [wav] = (tmp_path / "made" / "wavs").glob("good-*.wav")
    samples, rate = soundfile.read(wav, dtype="int16")
    assert rate == 16_000
    assert np.array_equal(samples, chatter(1.0, seed=len("good")))
    assert capsys.readouterr().out.startswith("1 clipped, 3 good, 1 little speech, 1 no text, 6 repeated in")


def test_what_was_corrected_is_taken_and_the_rest_asked_for_again(output: Path, tmp_path: Path) -> None:
    RECIPE["main"](output, tmp_path / "made")
    with (tmp_path / "made" / "check.csv").open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    for row in found:
        row["corrected"] = {"我说对对对对": "我说对。", " ": "-"}.get(row["text"], "")
    with (tmp_path / "done.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, found[0].keys())
        writer.writeheader()
        writer.writerows(found)
    RECIPE["main"](output, tmp_path / "again", tmp_path / "done.csv")
    assert labels(tmp_path / "again")["stuck"] == "我说对。"
    left = table(tmp_path / "again" / "check.csv")
    assert {"music", "clipped"} <= left.keys()
    assert not {"stuck", "silent"} & left.keys()
