from __future__ import annotations

from dataclasses import replace

import pytest
import yaml

from pipeline.card import DatasetFacts, card

FACTS = DatasetFacts(
    recordings=9, channels=10, segments=1234, sounding=1200, failures=1,
    audio_ms=7_200_000, speech_ms=3_600_000, engines={"16k_zh_dialect", "16k_en", "16k_yue"},
)  # fmt: skip


def written(facts: DatasetFacts, existing: str | None = None) -> str:
    text = card(facts, existing)
    assert text is not None
    return text


def header_of(text: str) -> dict:
    assert text.startswith("---\n")
    return yaml.safe_load(text.split("---\n")[1])


def test_tells_what_is_there_and_how_to_load_it():
    text = written(FACTS)
    assert "| segments | 1,234, 1,200 of them with their sound |" in text
    assert "2.00 h, of which 1.00 h speech" in text
    assert 'load_dataset("path/to/this/folder", "segments"' in text
    assert "| `level_dbfs` |" in text
    header = header_of(text)
    assert header["license"] == "unknown"
    assert header["language"] == ["en", "yue", "zh"]
    assert [each["config_name"] for each in header["configs"]] == ["segments", "transcripts", "failures"]
    assert [each["config_name"] for each in header["configs"] if each.get("default")] == ["segments"]
    assert header["configs"][0]["data_files"] == [{"split": "train", "path": "segments/*.parquet"}]


def test_an_empty_dataset_has_one_too():
    nothing = DatasetFacts(0, 0, 0, 0, 0, 0, 0, ())
    assert "| engines | none |" in written(nothing)
    assert "language" not in header_of(written(nothing))


def test_the_same_facts_change_nothing():
    assert card(FACTS, written(FACTS)) == written(FACTS)


def test_our_part_is_renewed_and_the_header_too_if_nobody_touched_it():
    text = written(replace(FACTS, segments=7, engines={"16k_ja"}), written(FACTS))
    assert text == written(replace(FACTS, segments=7, engines={"16k_ja"}))


def test_what_somebody_wrote_stays():
    mine = written(FACTS).replace("license: unknown", "license: cc-by-4.0")
    mine = mine.replace("# Transcribed recordings\n", "# My talks\n\nWith thanks to all who spoke.\n")
    mine += "## History\n\nMade in May.\n"
    for _ in range(2):
        mine = written(replace(FACTS, segments=7, engines={"16k_ja"}), mine)
        assert header_of(mine)["license"] == "cc-by-4.0"
        assert header_of(mine)["language"] == ["en", "yue", "zh"]
        assert "# My talks\n\nWith thanks to all who spoke.\n" in mine
        assert mine.endswith("## History\n\nMade in May.\n")
        assert "| segments | 7, " in mine
        assert "1,234" not in mine
        assert mine.count("beamscribe: begin") == mine.count("beamscribe: end") == 1


def test_a_header_that_somebody_took_away_does_not_come_back():
    text = written(FACTS)
    mine = text[text.index("# Transcribed") :]
    again = written(replace(FACTS, segments=7), written(FACTS, mine))
    assert again.startswith("# Transcribed")
    assert "| segments | 7, " in again


@pytest.mark.parametrize("text", ["", "# Mine\n", written(FACTS).replace("<!-- beamscribe: end -->", "")])
def test_a_readme_without_the_marks_is_left_alone(text):
    assert card(FACTS, text) is None
