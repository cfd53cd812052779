"""Putting the texts of segments together, in whatever script they are."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

# Blocks of the Unicode standard, first and last code point, whose scripts are
# written without spaces between words. Hangul is absent: Korean uses spaces.
_UNSPACED_BLOCKS = (
    (0x0E00, 0x0E7F),  # Thai
    (0x0E80, 0x0EFF),  # Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x19E0, 0x19FF),  # Khmer symbols
    (0x2E80, 0x2FDF),  # CJK and Kangxi radicals
    (0x2FF0, 0x303F),  # ideographic description, CJK symbols and punctuation
    (0x3040, 0x312F),  # Hiragana, Katakana, Bopomofo
    (0x3190, 0x4DBF),  # Kanbun, strokes, enclosed and compatibility forms, Han extension A
    (0x4E00, 0x9FFF),  # Han
    (0xA9E0, 0xA9FF),  # Myanmar extended B
    (0xAA60, 0xAA7F),  # Myanmar extended A
    (0xF900, 0xFAFF),  # Han, compatibility
    (0xFE30, 0xFE4F),  # CJK compatibility forms: vertical punctuation
    (0xFF01, 0xFF9F),  # full-width forms, half-width Katakana
    (0xFFE0, 0xFFE6),  # full-width signs
    (0x1AFF0, 0x1B16F),  # Kana supplements
    (0x1F200, 0x1F2FF),  # enclosed Han
    (0x20000, 0x3FFFF),  # Han, the supplementary planes
    (0xE0100, 0xE01EF),  # variation selectors of Han
)
_FIRSTS = [first for first, _ in _UNSPACED_BLOCKS]


def join_texts(texts: Iterable[str]) -> str:
    """Join texts that were spoken one after the other.

    No space goes between two texts where both sides of the boundary are Han,
    Kana, Thai, Lao, Khmer or Myanmar, their punctuation and full-width forms
    included; one space goes everywhere else, so also between Han and Latin.
    White space around a text is dropped, and so are empty texts.
    """
    joined: list[str] = []
    for text in filter(None, (raw.strip() for raw in texts)):
        if joined and not (_is_unspaced(joined[-1][-1]) and _is_unspaced(text[0])):
            joined.append(" ")
        joined.append(text)
    return "".join(joined)


def _is_unspaced(character: str) -> bool:
    block = bisect_right(_FIRSTS, ord(character)) - 1
    return block >= 0 and ord(character) <= _UNSPACED_BLOCKS[block][1]
