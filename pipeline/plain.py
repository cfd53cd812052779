"""Names, addresses and messages of strangers, made fit to be shown. Pure."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from transforms.addresses import is_uri

_USER = re.compile(r"(?<=://)[^/?#]*@")
_QUERY = re.compile(r"\?.*", re.DOTALL)
# To the end of the word, without what ends a sentence or a bracket.
_IN_TEXT = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S*?(?=[:;,.)\]'\"]*(?:\s|$))")


def plain(text: str) -> str:
    """Text that cannot move the cursor, on one line."""
    return "".join(character if character.isprintable() else "?" for character in text)


def shown_address(audio_uri: str) -> str:
    """An address without what may be a secret in it: a URI's user and password, and its query."""
    return _QUERY.sub("?...", _USER.sub("***@", audio_uri)) if is_uri(audio_uri) else audio_uri


def shown_message(message: str, audio_uri: str = "") -> str:
    """A message with its addresses as they are shown.

    Args:
        message: what it says.
        audio_uri: the recording that it is about, whose address may have blanks in it.
    """
    parts = message.split(audio_uri) if audio_uri else [message]
    return shown_address(audio_uri).join(_IN_TEXT.sub(_shown, part) for part in parts)


def name_of(audio_uri: str) -> str:
    """What a recording is called in a table: the last part of its address."""
    path = urlsplit(shown_address(audio_uri)).path if is_uri(audio_uri) else audio_uri
    return PurePosixPath(path).name or shown_address(audio_uri)


def _shown(found: re.Match[str]) -> str:
    """The address; one that ends in its question mark was shown before, or has no query."""
    return found[0] if found[0].endswith("?") else shown_address(found[0])
