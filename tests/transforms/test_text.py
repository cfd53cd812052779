from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.text import join_texts

SCRIPTS = "aZ9é .,!?\t\u3000。，、ー々〇中文𠀋かナﾅＡ！한글สวัสดีລາວខ្មែរမြန်မာбあ゙"
TEXTS = st.lists(st.text(st.sampled_from(SCRIPTS) | st.characters(), max_size=6), max_size=6)


@pytest.mark.parametrize(
    ("texts", "joined"),
    [
        ([], ""),
        (["", "  ", "\n"], ""),
        (["hello", "world"], "hello world"),
        ([" hello ", "", " world"], "hello world"),
        (["你好。", "世界"], "你好。世界"),
        (["你好", "，世界！", "好"], "你好，世界！好"),
        (["こんに", "ちは", "カナ", "ー"], "こんにちはカナー"),
        (["ｶﾅ", "Ａ", "１"], "ｶﾅＡ１"),
        (["สวัสดี", "ครับ"], "สวัสดีครับ"),
        (["ສະບາຍ", "ດີ"], "ສະບາຍດີ"),
        (["សួស្តី", "បង"], "សួស្តីបង"),
        (["မင်္ဂ", "လာပါ"], "မင်္ဂလာပါ"),
        (["안녕", "하세요"], "안녕 하세요"),
        (["用", "Python", "写"], "用 Python 写"),
        (["一共", "100", "元"], "一共 100 元"),
        (["𠀋", "字"], "𠀋字"),
        (["привет", "мир"], "привет мир"),
        (["xin chào", "bạn"], "xin chào bạn"),
    ],
)
def test_joining(texts, joined):
    assert join_texts(texts) == joined


@given(TEXTS)
def test_nothing_but_spaces_is_added_or_lost(texts):
    assert "".join(join_texts(texts).split()) == "".join("".join(texts).split())


@given(TEXTS, TEXTS)
def test_joining_in_parts_is_the_same(first, second):
    assert join_texts([join_texts(first), join_texts(second)]) == join_texts(first + second)


@given(TEXTS)
def test_the_edges_are_clean(texts):
    joined = join_texts(iter(texts))
    assert joined == joined.strip()
    assert join_texts([joined]) == joined


def test_every_letter_of_an_unspaced_script_joins_without_a_space():
    names = (
        "CJK UNIFIED",
        "CJK COMPATIBILITY IDEOGRAPH",
        "HIRAGANA",
        "KATAKANA",
        "HALFWIDTH KATAKANA",
        "THAI ",
    )
    for character in map(chr, range(0x30000)):
        name = unicodedata.name(character, "")
        if name.startswith(names) and unicodedata.category(character).startswith("L"):
            assert join_texts([character, character]) == character * 2, name


def test_no_letter_of_hangul_latin_or_cyrillic_does():
    for character in map(chr, range(0x10000)):
        name = unicodedata.name(character, "")
        if name.startswith(("HANGUL SYLLABLE", "LATIN ", "CYRILLIC ", "HALFWIDTH HANGUL", "ARABIC LETTER")):
            assert join_texts([character, character]) == f"{character} {character}", name
