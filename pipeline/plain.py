"""Names, addresses and messages of strangers, made fit to be shown. Pure."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from transforms.addresses import is_uri

_USER = re.compile(r"(?<=://)[^/?#]*@")
_QUERY = re.compile(r"\?.*", re.DOTALL)


def plain(text: str) -> str:
    """Text that cannot move the cursor, on one line."""
    return "".join(character if character.isprintable() else "?" for character in text)


def shown_address(audio_uri: str) -> str:
    """An address without what may be a secret in it: a URI's user and password, and its query."""
    return _QUERY.sub("?...", _USER.sub("***@", audio_uri)) if is_uri(audio_uri) else audio_uri


def name_of(audio_uri: str) -> str:
    """What a recording is called in a table: the last part of its address."""
    path = urlsplit(shown_address(audio_uri)).path if is_uri(audio_uri) else audio_uri
    return PurePosixPath(path).name or shown_address(audio_uri)
