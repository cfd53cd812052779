from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

from transforms.heap import return_large_buffers

# Frees one buffer of 2 MB, which makes glibc keep the next ones in its heap. Then counts how
# many bytes of a new one lie in maps of their own.
PROBE = """
import ctypes
from transforms.heap import return_large_buffers

class Counts(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in
                "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()]

mallinfo2 = ctypes.CDLL(None).mallinfo2
mallinfo2.restype = Counts
if {told}:
    return_large_buffers()
for _ in range(3):
    buffer = bytearray(2_000_000)
    del buffer
before = mallinfo2().hblkhd
buffer = bytearray(2_000_000)
print(mallinfo2().hblkhd - before)
"""


def mapped_bytes(*, told: bool) -> int:
    probe = PROBE.replace("{told}", str(told))
    return int(
        subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout
    )


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="not glibc 2.33 or later")
def test_a_large_buffer_lies_in_a_map_of_its_own() -> None:
    assert mapped_bytes(told=False) == 0
    assert mapped_bytes(told=True) >= 2_000_000


def test_can_be_told_again_and_says_whether_there_was_anyone_to_tell() -> None:
    assert return_large_buffers() == return_large_buffers() == hasattr(ctypes.CDLL(None), "mallopt")


def test_another_allocator_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    assert not return_large_buffers()
