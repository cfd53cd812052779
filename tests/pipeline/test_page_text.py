from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import page_text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"), (0.391, "391 ms"), (8.73, "8.7 s"), (9.96, "10 s"), (59.4, "59 s"), (59.6, "1 min"),
        (125, "2 min 5 s"), (3599.6, "1 h"), (12_240, "3 h 24 min"), (400_000, "4 days 15 h"),
    ],
)  # fmt: skip
def test_lengths_of_time_read_as_people_say_them(seconds, text):
    assert page_text.duration(seconds) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0 %"), (1, "100 %"), (0.0004, "under 0.1 %"), (0.9996, "over 99.9 %"), (0.123, "12 %"),
     (0.0123, "1.2 %"), (0.994, "99.4 %")],
)  # fmt: skip
def test_shares_are_none_or_all_only_if_they_are(share, text):
    assert page_text.percent(share) == text


def test_numbers_sizes_places_and_instants():
    assert [page_text.count(each) for each in (0, 1234567, 0.125, 12.5)] == ["0", "1,234,567", "0.12", "12.5"]
    assert [page_text.size(each) for each in (999, 1000, 12_345_678)] == ["999 bytes", "1.0 KB", "12 MB"]
    assert [page_text.clock(each) for each in (0, 62_345, 3_662_300)] == ["0:00.0", "1:02.3", "1:01:02.3"]
    assert page_text.instant("2026-11-22T19:29:06.5+01:00") == "22 Nov 2026, 18:29 UTC"
    assert page_text.instant("then") == "then"
    assert page_text.many(1, "call") == "1 call"
    assert page_text.many(2000, "call") == "2,000 calls"


@pytest.mark.parametrize(
    ("engine", "tag"),
    [("16k_zh", "zh-Hans"), ("16k_zh-PY", "zh-Hans"), ("16k_yue", "zh-HK"), ("8k_en", "en"), ("x", "")],
)
def test_the_language_of_an_engine(engine, tag):
    assert page_text.language_of(engine) == tag


def test_what_cannot_be_seen_is_made_visible_and_what_can_be_stays():
    assert page_text.shown("a\u202egnp.exe\x00\x1b[31m") == "a\\u202egnp.exe\\u0000\\u001b[31m"
    assert page_text.shown("两行\n一行\t\u3000نیم\u200cفاصله") == "两行 一行 \u3000نیم\u200cفاصله"


@given(st.text())
def test_shown_text_holds_nothing_that_acts(text):
    shown = page_text.shown(text)
    assert not set(shown) & {*map(chr, range(32)), "\x7f", "\u202e", "\u2066", "\u2028"}
    shown.encode()
