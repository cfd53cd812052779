from __future__ import annotations

import io

import numpy as np
import pytest

from transforms.decode_base import ShieldedStream, block_frames, shortfall, without_nan
from transforms.errors import RecordingError
from transforms.records import Stage


class Breaking(io.BytesIO):
    """Fails once its first bytes were read."""

    def __init__(self, data, good, error):
        super().__init__(data)
        self._good = good
        self._error = error

    def read(self, size=-1):
        self._look()
        return super().read(size)

    def readinto(self, buffer):
        self._look()
        return super().readinto(buffer)

    def _look(self):
        if self.tell() >= self._good:
            raise self._error


@pytest.mark.parametrize("error", [OSError(5, "gone"), RecordingError(Stage.READ, "ReadFailed", "gone")])
def test_a_failure_is_the_end_for_the_library_and_is_raised_later(error):
    stream = ShieldedStream(Breaking(b"abcdef", 3, error))
    assert stream.read(3) == b"abc"
    stream.check()
    assert stream.read(3) == b""
    assert stream.readinto(bytearray(2)) == 0
    with pytest.raises(type(error)) as caught:
        stream.check()
    assert caught.value is error


def test_what_was_read_before_a_failure_is_there():
    class Trickling(Breaking):
        def readinto(self, buffer):
            return super().readinto(buffer[:3])

    stream, buffer = ShieldedStream(Trickling(b"abcdef", 3, OSError(5, "gone"))), bytearray(6)
    assert (stream.readinto(buffer), bytes(buffer[:3]), stream.tell()) == (3, b"abc", 3)
    with pytest.raises(OSError, match="gone"):
        stream.check()


def test_readinto_fills_what_it_can():
    buffer = bytearray(b"....")
    assert ShieldedStream(io.BytesIO(b"ab")).readinto(buffer) == 2
    assert buffer == b"ab.."


class Trickling(io.BytesIO):
    """Gives three bytes at a time."""

    def readinto(self, buffer):
        return super().readinto(buffer[:3])


def test_readinto_goes_on_where_little_comes_at_once():
    buffer = bytearray(8)
    assert ShieldedStream(Trickling(b"abcdefgh")).readinto(buffer) == 8
    assert buffer == b"abcdefgh"


def test_behind_a_buffer_it_reads_as_by_itself():
    data = bytes(range(256)) * 10
    buffered = io.BufferedReader(ShieldedStream(io.BytesIO(b"head" + data), 4), 100)
    assert (buffered.read(7), buffered.tell()) == (data[:7], 7)
    assert buffered.seek(0, 2) == len(data)
    assert buffered.seek(1000) == 1000
    assert buffered.read(500) == data[1000:1500]


def test_blocks_are_short_where_there_are_many_channels():
    assert block_frames(16000, 1) == 6 * 16000
    assert block_frames(192000, 32) * 32 <= 1 << 20
    assert block_frames(1, 1 << 21) == 1


def test_a_shortfall_is_told_beyond_the_tolerance_only():
    assert shortfall(15900, 16000, 16000, 0.1) is None
    assert shortfall(8000, 16000, 16000, 0.1) == (
        "the file announces 1.00 s of audio, 0.50 s could be decoded"
    )


def test_what_is_no_number_becomes_silence_or_full_scale():
    samples = np.array([[0.5], [np.nan], [np.inf], [-np.inf]], np.float32)
    assert without_nan(samples).ravel().tolist() == [0.5, 0.0, 1.0, -1.0]


class Counting(io.BytesIO):
    seeks = 0

    def seek(self, offset, whence=0):
        self.seeks += 1
        return super().seek(offset, whence)


def test_the_stream_is_moved_only_to_read_elsewhere():
    source = Counting(b"abcdef")
    stream = ShieldedStream(source)
    assert stream.read(2) == b"ab"
    before = source.seeks
    for _ in range(10):
        assert stream.seek(0, 2) == 6
        assert stream.seek(2) == 2
    assert stream.read(2) == b"cd"
    assert stream.tell() == 4
    assert source.seeks - before <= 2
    assert stream.seek(-3, 1) == 1
    assert stream.read() == b"bcdef"


def test_a_position_that_no_file_has_is_the_end():
    stream = ShieldedStream(io.BytesIO(b"abc"))
    stream.seek(1 << 64)
    assert stream.read(1) == b""
    stream.check()
