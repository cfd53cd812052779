"""Recordings that need no reading: known by address, size, modification mark and settings.

Each is one digest of all that would have to differ for its rows to differ, so
whoever lists recordings asks one question: is it here? Where size or mark is not
known (a download, a store that does not tell) a recording is never here.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_DIGEST_BYTES = 16


def recording_digest(
    audio_uri: str,
    channel: int | None,
    size_bytes: int,
    modified: str,
    settings: str,
    crc32c: int | None = None,
) -> bytes:
    """What a recording is known by, 16 bytes.

    Args:
        audio_uri: its address.
        channel: the one channel that was asked for; None for what the settings say.
        size_bytes: its size.
        modified: its modification mark: a time or an entity tag, as its store tells it.
        settings: of all that shapes its rows, see `settings_digest`.
        crc32c: its checksum, to find it by where one is expected.
    """
    parts = (audio_uri, channel, size_bytes, modified, settings, crc32c)
    return blake2b(repr(parts).encode(), digest_size=_DIGEST_BYTES).digest()


def settings_digest(*shaping: object) -> str:
    """Options that shape the rows of a recording, as 16 hexadecimal digits.

    Args:
        shaping: plain values (text, numbers, tuples of them) in a fixed order.
    """
    return blake2b(repr(shaping).encode(), digest_size=8).hexdigest()


class Known:
    """A set of digests in a file, which takes 16 bytes for each and no time to open.

    Args:
        path: a file that `write_known` wrote.
    """

    def __init__(self, path: Path) -> None:
        self._pairs: NDArray[np.uint64] = np.fromfile(path, dtype=">u8").reshape(-1, 2)

    def __contains__(self, digest: bytes) -> bool:
        high, low = np.frombuffer(digest, dtype=">u8")
        first, last = (int(np.searchsorted(self._pairs[:, 0], high, side)) for side in ("left", "right"))
        return bool((self._pairs[first:last, 1] == low).any())

    def __len__(self) -> int:
        return len(self._pairs)


def write_known(path: Path, digests: Iterable[bytes]) -> None:
    """Write a set of digests for `Known`."""
    pairs = np.frombuffer(b"".join(digests), dtype=">u8").reshape(-1, 2)
    pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))].tofile(path)
