"""Names and messages of strangers, made fit for a terminal. Pure."""

from __future__ import annotations


def plain(text: str) -> str:
    """Text that cannot move the cursor, on one line."""
    return "".join(character if character.isprintable() else "?" for character in text)
