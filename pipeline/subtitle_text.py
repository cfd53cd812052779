"""Where lines of subtitles may break, how wide text is, and how long it takes to read. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from transforms.text import join_texts

MAX_COLUMNS = 42
"""Columns of a line, the Netflix Timed Text Style Guide's for Latin scripts. A wide character
(UAX #11: W and F) takes two, so a line holds 21 Chinese ones."""

NARROW_PER_SECOND = 17
"""Characters of alphabetic scripts that are read in a second, spaces included."""

WIDE_PER_SECOND = 9
"""Wide characters, as Chinese ones, that are read in a second."""

KEPT_WORDS = 8192
"""Of how many words it is remembered what was found out: they come again and again."""

# Of kana and Thai or Lao vowels: what may not begin a line, and what may not end one.
_NEVER_FIRST = frozenset("ぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶะาำๅະາຳ")
_NEVER_LAST = frozenset("เแโใไເແໂໃໄ")
_CONTROLS = dict.fromkeys([*range(32), *range(127, 160)], " ")  # of category Cc


def split_text(text: str) -> Iterator[tuple[str, bool]]:
    """The pieces of a text, and whether white space stands before each.

    A line may break at white space, and beside a character of a script that is written
    without it, but not before a closing mark or behind an opening one.
    """
    for chunk in text.translate(_CONTROLS).split():
        if chunk.isascii() and len(chunk) <= MAX_COLUMNS:
            yield chunk, True
            continue
        first = columns = 0
        for place, character in enumerate(chunk):
            columns += columns_of(character)
            if place and (columns > MAX_COLUMNS or _may_break(chunk[place - 1], character)):
                yield chunk[first:place], first == 0
                first, columns = place, columns_of(character)
        yield chunk[first:], first == 0


@lru_cache(maxsize=KEPT_WORDS)
def columns_of(text: str) -> int:
    """How wide a text is: 2 for wide characters, 0 for marks on another one, 1 for all others."""
    return sum(map(_columns, text))


@lru_cache(maxsize=KEPT_WORDS)
def reading_ms(text: str) -> int:
    """How long a text is to be seen, so that it can be read."""
    widths = [_columns(character) for character in text]
    exact = widths.count(1) * 1000 / NARROW_PER_SECOND + widths.count(2) * 1000 / WIDE_PER_SECOND
    return -int(-exact // 1)


@lru_cache(maxsize=4096)
def _columns(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


@lru_cache(maxsize=4096)
def _is_unspaced(character: str) -> bool:
    return " " not in join_texts((character, character))


def _may_break(left: str, right: str) -> bool:
    if not (_is_unspaced(left) or _is_unspaced(right)):
        return False
    opening = ("Ps", "Pi")
    before, behind = unicodedata.category(left), unicodedata.category(right)
    if before in (*opening, "Cf") or left in _NEVER_LAST or right in _NEVER_FIRST:
        return False
    return behind in opening or not (behind[0] in "PM" or behind in ("Lm", "Cf"))


@lru_cache(maxsize=KEPT_WORDS)
def letters_of(text: str) -> str:
    """Letters, marks and digits, without case and whatever their width."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return "".join(each for each in plain if unicodedata.category(each)[0] in "LMN")
