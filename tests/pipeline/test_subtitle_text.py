from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.subtitle_text import MAX_COLUMNS, columns_of, reading_ms, split_text


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("a b", ["a", "b"]),
        ("用Python写。", ["用", "Python", "写。"]),
        ("他说：“好！”", ["他", "说：", "“好！”"]),
        ("カッコー", ["カッ", "コー"]),
        ("人々（は）", ["人々", "（は）"]),
        ("한국어 문장", ["한국어", "문장"]),
        ("e\u0301t", ["e\u0301t"]),
        ("a\x00b\u2028c", ["a", "b", "c"]),
        ("", []),
        ("x" * 50, ["x" * 42, "x" * 8]),
    ],
)
def test_lines_may_break_where_the_script_allows_it(text, pieces):
    assert [piece for piece, _ in split_text(text)] == pieces


def test_columns_and_reading_time():
    assert columns_of("ab") == 2
    assert columns_of("你好，") == 6
    assert columns_of("e\u0301") == 1
    assert reading_ms("a" * 17) == 1000
    assert reading_ms("你" * 9) == 1000


@given(st.text())
def test_splitting_loses_nothing_but_white_space(text):
    pieces = [piece for piece, _ in split_text(text)]
    kept = "".join(" " if unicodedata.category(each) == "Cc" else each for each in text)
    assert "".join(pieces) == "".join(kept.split())
    assert all(piece and columns_of(piece) <= MAX_COLUMNS for piece in pieces)
