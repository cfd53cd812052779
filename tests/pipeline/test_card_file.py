from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pipeline.card import CARD
from pipeline.card_file import write_card
from tests.transforms.dataset_samples import failure_of, utterance_of
from tests.transforms.test_settle import transcript_of, write


def dataset(output: Path) -> None:
    kept = replace(utterance_of("/a", 1), flac=b"fLaC")
    write(
        output, "run", [utterance_of("/a"), kept, transcript_of("/a"), transcript_of("/b"), failure_of("/c")]
    )


def test_counts_what_is_there_and_writes_only_what_changed(tmp_path: Path) -> None:
    dataset(tmp_path)
    assert write_card(str(tmp_path))
    text = (tmp_path / CARD).read_text("utf-8")
    assert "| recordings | 2 |" in text
    assert "| segments | 2, 1 of them with their sound |" in text
    assert "| rows of failures | 1 |" in text
    assert "| engines | `16k_en` |" in text
    before = (tmp_path / CARD).stat().st_mtime_ns
    assert write_card(str(tmp_path))
    assert (tmp_path / CARD).stat().st_mtime_ns == before


def test_a_readme_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    dataset(tmp_path)
    for mine in (b"# Mine\n", b"caf\xe9"):
        (tmp_path / CARD).write_bytes(mine)
        assert not write_card(str(tmp_path))
        assert (tmp_path / CARD).read_bytes() == mine
