"""What was probably meant by a word that is not known. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_ALIKE = 0.5


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that is most like one, whatever the case; None if none is near."""
    by_lower = {each.lower(): each for each in known}
    found = get_close_matches(word.lower(), by_lower, n=1, cutoff=_ALIKE)
    return by_lower[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`nearest` as a sentence with a space before it, or nothing."""
    found = nearest(word, known)
    return f" Did you mean {found}?" if found is not None else ""
