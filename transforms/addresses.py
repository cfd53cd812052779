"""Where a recording lies: local names as bytes, URIs, and how both are written down."""

from __future__ import annotations

import base64
import binascii
import os
import re
from ipaddress import ip_address
from urllib.parse import unquote_to_bytes, urlsplit

_ESCAPED = re.compile(rb"\\x([89a-f][0-9a-f])")  # a byte that is not UTF-8 is 0x80 or more
_SCHEME = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*://")
_HEX_CRC32C = re.compile(r"[0-9A-Fa-f]{8}")
# Four bytes in base64 always end in two signs of padding, so this is never eight hex digits.
_BASE64_CRC32C = re.compile(r"[A-Za-z0-9+/]{6}==")


def is_uri(address: str | bytes) -> bool:
    """Tell whether an address begins with ``scheme://``."""
    return _SCHEME.match(os.fsencode(address)) is not None


def is_http(address: str | bytes) -> bool:
    """Tell whether an address is an http or https URL."""
    return os.fsencode(address).lower().startswith((b"http://", b"https://"))


def is_loopback(host: str) -> bool:
    """Whether a host's name or address is this machine's own; a name may lead anywhere."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_local_endpoint(endpoint: str) -> bool:
    """Whether a service on this machine answers: what it says is not what the real one would."""
    return is_loopback(urlsplit(endpoint).hostname or "")


def audio_uri_of(location: bytes) -> str:
    r"""Write a location down as text.

    Args:
        location: an absolute local path, or a URI in UTF-8.

    Returns:
        The same, never percent-encoded; bytes that are not UTF-8 as ``\xNN``.
    """
    return location.decode("utf-8", "backslashreplace")


def locations_of(audio_uri: str) -> tuple[bytes, ...]:
    r"""The locations that `audio_uri_of` writes down so: the likeliest first.

    Args:
        audio_uri: an address of the dataset.

    Returns:
        The address as it stands; where it is a path with ``\xNN`` in it, also the path whose
        bytes these stand for.
    """
    as_it_stands = audio_uri.encode()
    if is_uri(audio_uri) or not _ESCAPED.search(as_it_stands):
        return (as_it_stands,)
    return as_it_stands, _ESCAPED.sub(lambda escape: bytes([int(escape[1], 16)]), as_it_stands)


def uri_text(location: bytes) -> str:
    """Return the text of a location that is a URI, for those who open it."""
    return location.decode("utf-8")


def display_name(address: str) -> str:
    r"""Write an address from the command line so that it can be printed anywhere.

    Args:
        address: a path or URI; bytes that are not text as Python's escaped surrogates.

    Returns:
        The address, bytes that are not UTF-8 as ``\xNN``.
    """
    return audio_uri_of(os.fsencode(address))


def locate(address: str | bytes, base: bytes | None = None) -> bytes:
    """Turn an address into what is opened: `Recording.location`.

    Args:
        address: a local path, a ``file://`` URI or another URI.
        base: the folder that a relative path starts from, a local path or a
            URI; None for the working directory.

    Returns:
        A URI in UTF-8 as it is, else an absolute local path.

    Raises:
        ValueError: a ``file://`` URI that names another machine.
    """
    encoded = os.fsencode(address)
    if b"://" in encoded:  # millions of local paths need no closer look
        if encoded.lower().startswith(b"file://"):
            return local_location(_path_of_file_uri(encoded))
        if is_uri(encoded):
            return encoded
    if base is not None and b"://" in base and is_uri(base) and not encoded.startswith(b"/"):
        return _join_uri(base, encoded)
    return local_location(encoded, base)


def local_location(path: str | bytes, base: bytes | None = None) -> bytes:
    """Make a local path absolute; links stay as they are named.

    Args:
        path: a local path, a name of any bytes.
        base: the folder that a relative path starts from; None for the
            working directory.
    """
    encoded = path if isinstance(path, bytes) else os.fsencode(path)
    plain = base + b"/" + encoded if base and not encoded.startswith(b"/") else encoded
    # Most paths in a manifest are as they should be: seeing that takes a tenth of the time.
    if plain.startswith(b"/") and b"//" not in plain and b"/." not in plain and not plain.endswith(b"/"):
        return plain
    return os.path.abspath(os.path.join(base or b"", encoded))  # noqa: PTH100, PTH118


def folder_of(location: bytes) -> bytes:
    """Return the folder of a local path or URI, the base of relative addresses in it."""
    if is_uri(location):
        return location.rpartition(b"/")[0]
    return os.path.dirname(location)  # noqa: PTH120


def parse_crc32c(text: str) -> int:
    """Read a CRC-32C in one of the two forms that tools write.

    Args:
        text: eight hex digits, or the base64 of four big-endian bytes as object
            stores give it, optionally after ``crc32c=``.

    Raises:
        ValueError: neither form.
    """
    value = text.strip().removeprefix("crc32c=")
    if _HEX_CRC32C.fullmatch(value):
        return int(value, 16)
    if _BASE64_CRC32C.fullmatch(value):
        try:
            return int.from_bytes(base64.b64decode(value, validate=True), "big")
        except binascii.Error as error:
            raise ValueError(f"{text!r} is not a CRC-32C: {error}") from error
    raise ValueError(f"{text!r} is not a CRC-32C: eight hex digits or base64 like 'yZRlqg==' are")


def format_crc32c(value: int) -> str:
    """Write a CRC-32C as eight lower-case hex digits."""
    return f"{value:08x}"


def _path_of_file_uri(uri: bytes) -> bytes:
    host, slash, path = uri[len(b"file://") :].partition(b"/")
    if host.lower() not in (b"", b"localhost") or not slash:
        raise ValueError(f"{audio_uri_of(uri)} names the machine {audio_uri_of(host)!r}: write file:///path")
    return unquote_to_bytes(slash + path)


def _join_uri(base: bytes, relative: bytes) -> bytes:
    """Join a relative path to a URI; ``..`` never climbs above the bucket or host."""
    scheme, _, rest = base.partition(b"://")
    root, *folders = rest.rstrip(b"/").split(b"/")
    for part in relative.split(b"/"):
        if part == b"..":
            del folders[-1:]
        elif part not in (b"", b"."):
            folders.append(part)
    return scheme + b"://" + b"/".join([root, *folders])
