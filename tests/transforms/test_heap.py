from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

from transforms.heap import keep_large_buffers, return_large_buffers, share_with_arrow

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


def test_can_be_told_again_and_says_whether_there_was_anyone_to_tell() -> None:
    is_there = hasattr(ctypes.CDLL(None), "mallopt")
    assert return_large_buffers() == return_large_buffers() == is_there
    assert keep_large_buffers() == keep_large_buffers() == is_there


def test_another_allocator_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    assert not return_large_buffers()
    assert not keep_large_buffers()
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
