r"""Names of exported files, made from the recordings' addresses. Pure.

A name is readable first, then it is the recording's own: ``standup.3kq5m2hw7r4dxzta.srt``.
The second part is a digest of the whole address, so two recordings never share a name,
whatever their folders, the file system's case or the characters that it cannot hold; and a
name depends on its own recording alone, so that it stays as others come and go.
"""

from __future__ import annotations

import base64
import re
from hashlib import blake2b
from urllib.parse import unquote

from transforms.addresses import is_http

_DIGEST_BYTES = 10
# Of the 255 bytes that file systems take (143 on eCryptfs); digest, channel and ending need 30.
_READABLE_BYTES = 100
_NOT_IN_NAMES = frozenset('<>:"/\\|?*')  # on Windows; and nothing that is not printed, see below
_DEVICES = re.compile(r"(?i:con|prn|aux|nul|com\d|lpt\d)(?=\.|$)")
_EXPORTED = re.compile(r".+\.[a-z2-7]{16}(\.ch\d+)?")


def export_stem(audio_uri: str, channel: int) -> str:
    """The name of a recording's channel as a file, without the ending of its format.

    Channel 0, which is also the mix of all, is not named; others are as ``.ch1``.

    Args:
        audio_uri: the recording, as in the dataset.
        channel: counted from 0.
    """
    digest = blake2b(audio_uri.encode(), digest_size=_DIGEST_BYTES).digest()
    own = base64.b32encode(digest).decode().lower()
    return f"{_readable(audio_uri)}.{own}" + (f".ch{channel}" if channel else "")


def is_export(name: str, ending: str) -> bool:
    """Whether a file's name is one that `export_stem` makes, with this ending."""
    return name.endswith(f".{ending}") and _EXPORTED.fullmatch(name[: -len(ending) - 1]) is not None


def _readable(audio_uri: str) -> str:
    """The last part of an address without its ending, such that every file system takes it."""
    name = _without_query(audio_uri).rstrip("/").rpartition("/")[2]
    if is_http(audio_uri):
        name = unquote(name)
    head, dot, _ = name.rpartition(".")
    stem = head if dot and head.strip(".") else name
    safe = "".join(
        "_" if character in _NOT_IN_NAMES or not character.isprintable() else character for character in stem
    ).strip()
    # A dot would hide the file, a dash make an option of it, a device's name open the device.
    if not safe or safe[0] in ".-~" or _DEVICES.match(safe):
        safe = f"_{safe}"
    return safe.encode()[:_READABLE_BYTES].decode(errors="ignore")


def _without_query(audio_uri: str) -> str:
    """A web address without its query, which may be a signature; any other as it is."""
    return re.split(r"[?#]", audio_uri, maxsplit=1)[0] if is_http(audio_uri) else audio_uri
