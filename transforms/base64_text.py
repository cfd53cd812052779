"""Base64 of what comes little by little. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import pybase64

_AT_ONCE_BYTES: Final = 48 * 1024


def base64_of(slices: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    """The base64 text of slices of any length, joined; in pieces of at most 64 KiB."""
    left = b""
    for piece in slices:
        view = memoryview(left + piece if left else piece)
        # Three bytes are four letters: the rest waits for what follows.
        whole = len(view) - len(view) % 3
        for start in range(0, whole, _AT_ONCE_BYTES):
            yield pybase64.b64encode(view[start : min(start + _AT_ONCE_BYTES, whole)])
        left = bytes(view[whole:])
    if left:
        yield pybase64.b64encode(left)
