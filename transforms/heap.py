"""What is let go goes back to the system, or stays where it is needed again (glibc, Arrow).

Payloads are made and let go on many threads. glibc keeps up to eight heaps a core and,
once it has seen a large buffer freed, puts the next ones into these heaps, where a small
piece on top holds all below it. When calls still had bodies of 2.5 MB, 48 of them in flight, a
process grew to 553 MiB, of which it needed 350. Where the thresholds are fixed, each large buffer
is mapped by itself and unmapped when it is let go, page by page, which is slow: so what is made for
every call stays below `_LARGE_BYTES` (`sound.SLICE_SAMPLES`). And fewer heaps keep less of the small
buffers that encoders use: 367 instead of 457 MiB with ogg-opus. What is free between pieces that are
not stays with the process all the same, 2 to 5 MiB with short segments; `tidy` gives it back.

Python too keeps what it has let go, until it has looked through all objects for cycles, and
it does that the less often the more objects there are: of 350,000, nearly all of libraries, it
takes minutes and a run may end before. Where `libraries_set_aside`, `tidy` does it, in some 4 ms.

A decode process has one thread, and the same buffers again and again, of some MB in all.
There they stay: mapped and unmapped each time, they took 6 to 20 % of the time that decoding
takes.
"""

from __future__ import annotations

import ctypes
import gc
import os
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Final

# malloc.h of glibc; mallopt(3).
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8

_ARROW_POOL: Final = "ARROW_DEFAULT_MEMORY_POOL"

# The blocks of a recording are larger too: in the heaps they left pieces behind, and these grew
# by 8 to 14 MiB over 3,000 segments.
_LARGE_BYTES: Final = 2**18
_KEPT_BYTES: Final = 2**19
# Of a decode process: nothing is mapped by itself (glibc takes no higher limit), and this much
# stays at the heap's end. With half of it m4a loses pages and gets them back all the time.
_MAPPED_BYTES: Final = 2**25
_SPARE_BYTES: Final = 2**24

_set_aside = False


def return_large_buffers() -> bool:
    """Tell the allocator of this process; safe to repeat.

    Returns:
        Whether there was one to tell: musl's and macOS's have no such settings.
    """
    return _told(
        (_M_MMAP_THRESHOLD, _LARGE_BYTES),
        (_M_TRIM_THRESHOLD, _KEPT_BYTES),
        (_M_ARENA_MAX, max(2, os.cpu_count() or 1)),
    )


@contextmanager
def libraries_set_aside() -> Iterator[None]:
    """All objects that are there now are no garbage, and need no look, while inside."""
    global _set_aside
    gc.freeze()
    _set_aside = True
    try:
        yield
    finally:
        _set_aside = False
        gc.unfreeze()


def tidy() -> bool:
    """Give back what this process has let go: objects, if few have to be looked at, and free pages.

    Returns:
        Whether there was an allocator to tell.
    """
    if _set_aside:
        gc.collect()
    malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if malloc_trim is None:
        return False
    malloc_trim(_KEPT_BYTES)
    return True


def keep_large_buffers() -> bool:
    """Tell the allocator of this process, which decodes; safe to repeat.

    Returns:
        As `return_large_buffers`.
    """
    return _told((_M_MMAP_THRESHOLD, _MAPPED_BYTES), (_M_TRIM_THRESHOLD, _SPARE_BYTES))


def share_with_arrow(environment: MutableMapping[str, str]) -> None:
    """Have Arrow take its memory where Python does, not from an allocator of its own.

    That one takes and keeps 9 MiB to write 900 rows without words, where glibc takes 3.

    Args:
        environment: of this process and those that it starts; Arrow looks into it once, when
            it is imported. What it says already stays.
    """
    if _mallopt() is not None:
        environment.setdefault(_ARROW_POOL, "system")


def _told(*settings: tuple[int, int]) -> bool:
    mallopt = _mallopt()
    return mallopt is not None and all(mallopt(name, value) for name, value in settings)


def _mallopt() -> Callable[[int, int], int] | None:
    return getattr(ctypes.CDLL(None), "mallopt", None)
