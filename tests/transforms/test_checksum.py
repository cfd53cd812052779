from __future__ import annotations

import errno
import io
import os

import google_crc32c
import numpy as np
import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from transforms.checksum import Checked, ChecksumReader, read_error
from transforms.errors import RecordingError


def checked_of(content: bytes) -> Checked:
    return Checked(google_crc32c.value(content), len(content), blake3(content).digest())


class Counting(io.BytesIO):
    """Notes which stretches are read."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.stretches: list[tuple[int, int]] = []

    def read(self, size: int | None = -1) -> bytes:
        start = self.tell()
        block = super().read(size)
        self.stretches.append((start, start + len(block)))
        return block


steps = st.one_of(
    st.tuples(st.just("read"), st.integers(0, 3_000_000)),
    st.tuples(st.just("readinto"), st.integers(0, 5_000)),
    st.tuples(st.just("seek"), st.integers(0, 3_000_000)),
    st.tuples(st.just("back"), st.integers(0, 5_000)),
    st.tuples(st.just("end"), st.integers(0, 3_000_000)),
    st.tuples(st.just("finish"), st.just(0)),
)


@given(st.integers(0, 2_500_000), st.lists(steps, max_size=12))
def test_every_read_is_right_and_every_byte_is_counted_once(size, plan):
    content = np.random.default_rng(size).bytes(size)
    reader, model = ChecksumReader(io.BytesIO(content)), io.BytesIO(content)
    whole = checked_of(content)
    for step, number in plan:
        if step == "read":
            assert reader.read(number) == model.read(number)
        elif step == "readinto":
            mine, theirs = bytearray(number), bytearray(number)
            assert reader.readinto(mine) == model.readinto(theirs)
            assert mine == theirs
        elif step == "finish":
            assert reader.finish() == whole
        elif step == "end":
            model.seek(max(0, size - number))
            assert reader.seek(model.tell() - size, os.SEEK_END) == model.tell()
        else:
            goal = number if step == "seek" else max(0, model.tell() - number)
            assert reader.seek(goal) == model.seek(goal)
        assert reader.tell() == model.tell()
    assert reader.finish() == whole


def test_a_jump_reads_what_lies_between_and_nothing_twice():
    raw = Counting(bytes(5 << 20))
    reader = ChecksumReader(raw)
    reader.seek(-10, os.SEEK_END)
    assert raw.stretches == []
    reader.read(10)
    reader.finish()
    starts = [start for start, end in raw.stretches if end > start]
    assert starts == sorted(set(starts))
    assert sum(end - start for start, end in raw.stretches) == 5 << 20


def test_small_reads_are_served_from_the_buffer():
    raw = Counting(bytes(100_000))
    reader = ChecksumReader(raw)
    for _ in range(1000):
        reader.read(4)
        reader.seek(-2, os.SEEK_CUR)
        reader.tell()
    assert len(raw.stretches) == 1


def test_a_read_that_failed_is_told_at_the_end_too():
    class Failing(io.BytesIO):
        def read(self, size=-1):
            raise OSError(5, "Input/output error")

    reader = ChecksumReader(Failing(b"abc"), "/a.wav")
    for attempt in (reader.read, reader.finish):
        with pytest.raises(RecordingError, match=r"/a\.wav.*Input/output error") as raised:
            attempt()
        assert (raised.value.code, raised.value.retryable) == ("ReadFailed", True)


def test_a_position_before_the_first_byte_is_refused():
    reader = ChecksumReader(io.BytesIO(b"abc"))
    with pytest.raises(OSError, match="before the first byte"):
        reader.seek(-1)
    assert reader.read() == b"abc"


def test_closing_closes_the_bytes():
    raw = io.BytesIO(b"abc")
    ChecksumReader(raw).close()
    assert raw.closed


@pytest.mark.parametrize(
    ("code", "advice", "passing"),
    [(errno.EMFILE, "ulimit -n", True), (errno.EIO, "disk", True), (errno.ENAMETOOLONG, "name", False)],
)
def test_what_is_advised_fits_what_kept_a_recording_from_being_read(code, advice, passing):
    error = read_error("a.wav", OSError(code, os.strerror(code)))
    assert os.strerror(code) in error.message
    assert (advice in error.message, error.retryable) == (True, passing)
    assert ("disk" in error.message) is (code == errno.EIO)
