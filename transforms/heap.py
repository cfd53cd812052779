"""Large buffers go back to the system when they are let go (glibc).

Payloads are made and let go on many threads. glibc keeps up to eight heaps a core and,
once it has seen a large buffer freed, puts the next ones into these heaps, where a small
piece on top holds all below it. With 48 calls of 2.5 MB in flight a process grew to
553 MiB, of which it needed 350. Where the thresholds are fixed, each large buffer is mapped
by itself and unmapped when it is let go: 376 MiB, at 2 to 4 ms of CPU (page faults) for
59 s of audio sent as wav. And fewer heaps keep less of the small buffers that encoders
use: 367 instead of 457 MiB with ogg-opus.
"""

from __future__ import annotations

import ctypes
import os
from typing import Final

# malloc.h of glibc; mallopt(3).
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8

_LARGE_BYTES: Final = 2**20
# Blocks of a recording are let go and asked for again all the time: they stay.
_KEPT_BYTES: Final = 4 * 2**20


def return_large_buffers() -> bool:
    """Tell the allocator of this process; safe to repeat.

    Returns:
        Whether there was one to tell: musl's and macOS's have no such settings.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    settings = (
        (_M_MMAP_THRESHOLD, _LARGE_BYTES),
        (_M_TRIM_THRESHOLD, _KEPT_BYTES),
        (_M_ARENA_MAX, max(2, os.cpu_count() or 1)),
    )
    return all(mallopt(name, value) for name, value in settings)
