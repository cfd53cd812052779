from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.service.payload import Audio
from pipeline.service.recognizers import (
    DigestRecognizer,
    HeardWord,
    ScriptRecognizer,
    digest_text,
    read_script,
    spread,
)
from pipeline.service.refusal import ServiceFault
from transforms.errors import UsageError

AUDIO = Audio(np.ones(1600, np.int16), 16_000, "ab" * 32)


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=16, max_size=16))
def test_different_digests_read_differently(one: bytes, other: bytes) -> None:
    texts = [digest_text((half + bytes(16)).hex()) for half in (one, other)]
    assert (texts[0] == texts[1]) == (one == other)
    assert all(len(text.split()) == 8 and text.replace(" ", "").isalpha() for text in texts)


def test_the_digest_is_a_function_of_the_audio() -> None:
    heard = DigestRecognizer().recognize(AUDIO, "payload one")
    assert heard == DigestRecognizer().recognize(AUDIO, "payload two")
    assert heard.text == " ".join(word.word for word in heard.words)


@given(st.integers(0, 30), st.integers(0, 60_000))
def test_spread_words_tile_the_audio(count: int, duration_ms: int) -> None:
    words = spread("word " * count, duration_ms).words
    edges_ms = [edge for word in words for edge in (word.start_ms, word.end_ms)]
    assert len(words) == count
    assert edges_ms == sorted(edges_ms)
    if words:
        assert (edges_ms[0], edges_ms[-1]) == (0, duration_ms)


def test_a_script_answers_by_digest_then_in_order_then_by_default(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    answers = [
        {"text": "one two"},
        {"sha256": "AA", "text": "known", "words": [{"word": "known", "start_ms": 3, "end_ms": 9}]},
        {"code": "InternalError", "message": "no luck"},
        {"text": "others", "default": True},
    ]
    path.write_text("\n".join(map(json.dumps, answers)), encoding="utf-8")
    scripted = ScriptRecognizer(read_script(path))
    assert scripted.recognize(AUDIO, "aa").words == (HeardWord("known", 3, 9),)
    assert scripted.recognize(AUDIO, "x").words == (HeardWord("one", 0, 50), HeardWord("two", 50, 100))
    with pytest.raises(ServiceFault, match="InternalError: no luck"):
        scripted.recognize(AUDIO, "x")
    assert [scripted.recognize(AUDIO, "x").text for _ in range(2)] == ["others", "others"]


def test_a_script_without_a_default_runs_out(tmp_path: Path) -> None:
    path = tmp_path / "answers.json"
    path.write_text('[{"text": "only"}]', encoding="utf-8")
    scripted = ScriptRecognizer(read_script(path))
    assert scripted.recognize(AUDIO, "x").text == "only"
    with pytest.raises(ServiceFault, match="ErrorRecognize"):
        scripted.recognize(AUDIO, "x")


@pytest.mark.parametrize(
    "text",
    [
        "{",
        '[{"text": "a", "code": "b"}]',
        '[{"txt": "a"}]',
        '["a"]',
        '[{"text": "a", "words": [{"w": 1}]}]',
        '[{"text": "a", "words": "b"}]',
        '[{"text": "a", "sha256": 1}]',
    ],
)
def test_a_script_of_another_form_is_a_usage_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "answers.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=r"answers\.json"):
        read_script(path)


def test_a_missing_script_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_script(tmp_path / "none.json")
