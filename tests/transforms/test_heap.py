from __future__ import annotations

import ctypes
import gc
import subprocess
import sys
import weakref

import pytest

from transforms.heap import (
    keep_large_buffers,
    libraries_set_aside,
    return_large_buffers,
    share_with_arrow,
    tidy,
)

# Frees one buffer, which makes glibc keep the next ones in its heap. Then counts how
# many bytes of a new one lie in maps of their own.
PROBE = """
import ctypes
from transforms import heap

class Counts(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in
                "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()]

mallinfo2 = ctypes.CDLL(None).mallinfo2
mallinfo2.restype = Counts
if {told!r}:
    getattr(heap, {told!r})()
for _ in range(3):
    buffer = bytearray({size})
    del buffer
before = mallinfo2().hblkhd
buffer = bytearray({size})
print(mallinfo2().hblkhd - before)
"""


def mapped_bytes(size: int, *, told: str = "", probe: str = PROBE) -> int:
    probe = probe.replace("{told!r}", repr(told)).replace("{size}", str(size))
    return int(
        subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout
    )


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="not glibc 2.33 or later")
@pytest.mark.parametrize("size", [2_000_000, 5 * 16_000 * 4])  # a payload, a block of a recording
def test_a_large_buffer_lies_in_a_map_of_its_own(size: int) -> None:
    assert mapped_bytes(size) == 0
    assert mapped_bytes(size, told="return_large_buffers") >= size


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="not glibc 2.33 or later")
def test_where_recordings_are_decoded_the_first_large_buffer_is_kept_already() -> None:
    first = PROBE.replace("range(3)", "range(0)")
    for told, mapped in (("", True), ("keep_large_buffers", False)):
        assert (mapped_bytes(3_000_000, told=told, probe=first) > 0) == mapped


# Lets go of small buffers, each between two that stay, and counts the bytes that leave with it.
HOLES = """
import ctypes, os
from transforms import heap

heap.return_large_buffers()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

places = [libc.malloc({size}) for _ in range(1000)]
for place in places:
    libc.memset(place, 1, {size})
for place in places[::2]:
    libc.free(place)
before = resident()
if {told!r}:
    getattr(heap, {told!r})()
print(before - resident())
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="not glibc")
def test_what_is_free_between_other_pieces_is_given_back() -> None:
    size = 40_000
    assert mapped_bytes(size, probe=HOLES) < 100 * size
    assert mapped_bytes(size, told="tidy", probe=HOLES) > 400 * size


class Ring:
    def __init__(self) -> None:
        self.myself = self


def test_rings_are_collected_but_not_those_that_were_there_before() -> None:
    gc.disable()
    try:
        before = weakref.ref(Ring())
        with libraries_set_aside():
            inside = weakref.ref(Ring())
            tidy()
            assert inside() is None
            assert before() is not None
        gc.collect()
        assert before() is None
    finally:
        gc.enable()


def test_where_nothing_is_set_aside_nobody_looks_for_rings() -> None:
    gc.disable()
    try:
        ring = weakref.ref(Ring())
        tidy()
        assert ring() is not None
    finally:
        gc.enable()
    gc.collect()


def test_can_be_told_again_and_says_whether_there_was_anyone_to_tell() -> None:
    is_there = hasattr(ctypes.CDLL(None), "mallopt")
    assert return_large_buffers() == return_large_buffers() == is_there
    assert keep_large_buffers() == keep_large_buffers() == is_there


def test_another_allocator_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    assert not return_large_buffers()
    assert not keep_large_buffers()
    assert not tidy()
    environment: dict[str, str] = {}
    share_with_arrow(environment)
    assert environment == {}


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="not glibc")
def test_arrow_shares_the_heap_unless_the_environment_names_another() -> None:
    fresh: dict[str, str] = {}
    chosen = {"ARROW_DEFAULT_MEMORY_POOL": "jemalloc"}
    for environment in (fresh, chosen):
        share_with_arrow(environment)
    assert fresh == {"ARROW_DEFAULT_MEMORY_POOL": "system"}
    assert chosen == {"ARROW_DEFAULT_MEMORY_POOL": "jemalloc"}
