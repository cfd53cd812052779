"""Names for files that are made of a recording, from its address. Pure."""

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


def address_digest(audio_uri: str) -> str:
    """What tells recordings of one name apart: 16 lower-case letters and digits, of the whole address."""
    digest = blake2b(audio_uri.encode(), digest_size=_DIGEST_BYTES).digest()
    return base64.b32encode(digest).decode().lower()


def segment_stem(audio_uri: str, channel: int, segment_index: int) -> str:
    """The name of a segment as a file, without an ending; no other segment of a dataset has it.

    It has no dot, for WebDataset takes what stands before the first one for the name of a sample.
    """
    readable = readable_stem(audio_uri).replace(".", "_")
    return f"{readable}-{address_digest(audio_uri)}-c{channel}-s{segment_index:04}"


def readable_stem(audio_uri: str) -> str:
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
