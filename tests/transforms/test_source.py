from __future__ import annotations

import io
import os
import socket
from pathlib import Path

import google_crc32c
import numpy as np
import pytest
import soundfile as sf
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st
from memory_files import MemoryFiles

from transforms.addresses import audio_uri_of
from transforms.errors import RecordingError
from transforms.records import Recording, Stage
from transforms.source import Checked, ChecksumReader, ReadLimits, open_source, verify


def checked_of(content: bytes) -> Checked:
    return Checked(google_crc32c.value(content), len(content), blake3(content).digest())


def recording(location: str | bytes | Path, **fields) -> Recording:
    encoded = os.fsencode(location)
    return Recording(audio_uri_of(encoded), encoded, **fields)


def failure(location: str | bytes | Path, **options) -> RecordingError:
    with pytest.raises(RecordingError) as raised, open_source(recording(location), **options):
        pytest.fail("opened")
    return raised.value


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


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT", "ULAW"])
def test_soundfile_reads_the_same_samples_over_it(tmp_path, subtype):
    path = tmp_path / "a.wav"
    samples = np.random.default_rng(0).uniform(-1, 1, (50_000, 2))
    sf.write(path, samples, 44_100, subtype=subtype)
    with open_source(recording(path)) as source:
        with sf.SoundFile(source) as sound:
            read = sound.read()
        checked = source.finish()
    assert np.array_equal(read, sf.read(path)[0])
    assert checked == checked_of(path.read_bytes())


def test_local_files_of_any_name_are_opened_in_place(tmp_path):
    location = bytes(tmp_path) + b"/caf\xe9 '-:.wav"
    Path(os.fsdecode(location)).write_bytes(b"bytes")
    with open_source(recording(location), spool_dir="/nonexistent") as source:
        assert source.read() == b"bytes"
    assert source.closed


def test_what_cannot_be_read_says_why(tmp_path):
    (tmp_path / "lost").symlink_to("nowhere")
    (tmp_path / "round").symlink_to("round")
    (tmp_path / "file").write_bytes(b"x")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty").touch()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
    expected = {
        "none": ("NotFound", "no such file"),
        "file/below": ("NotFound", "no such file"),
        "lost": ("NotFound", "a link to nowhere"),
        "round": ("ReadFailed", "Too many levels"),
        "pipe": ("ReadFailed", "not a file"),
        "socket": ("ReadFailed", "not a file"),
        "": ("ReadFailed", "Is a directory"),
        "empty": ("EmptyFile", "0 bytes"),
        "x" * 300: ("ReadFailed", "too long"),
    }
    for name, (code, words) in expected.items():
        error = failure(tmp_path / name)
        assert (error.code, error.retryable) == (code, False)
        assert words in error.message
        assert str(tmp_path / name) in error.message
        assert error.stage is (Stage.DECODE if code == "EmptyFile" else Stage.READ)


def test_a_closed_file_says_so(tmp_path, monkeypatch):
    def refusing(path):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("transforms.source.os.stat", refusing)
    assert failure(b"/closed.wav").code == "PermissionDenied"


def test_remote_files_are_fetched_once_and_as_they_are(tmp_path):
    content = np.random.default_rng(1).bytes(3_000_000)
    MemoryFiles.fill(**{"b/a.wav.gz": content})
    with open_source(recording("mem://b/a.wav.gz"), spool_dir=str(tmp_path)) as source:
        source.seek(1000)
        assert source.read(5) == content[1000:1005]
        source.seek(0)
        assert source.read() == content
        assert source.finish() == checked_of(content)
        assert list(tmp_path.iterdir()) == []
    assert MemoryFiles.opened == ["mem://b/a.wav.gz"]


def test_remote_files_that_cannot_be_read_say_why():
    MemoryFiles.fill(**{"b/large": bytes(3 << 20), "b/empty": b"", "b/torn": bytes(3 << 20)})
    MemoryFiles.broken.add("mem://b/torn")
    small = ReadLimits(max_bytes=(3 << 20) - 1)
    assert failure("mem://b/none").code == "NotFound"
    assert failure("mem://b/empty").code == "EmptyFile"
    assert failure("mem://b/large", limits=small).code == "TooLarge"
    assert failure("nosuchscheme://b/x").code == "ReadFailed"
    torn = failure("mem://b/torn")
    assert (torn.code, torn.retryable) == ("DownloadFailed", True)
    assert failure("mem://b/large", spool_dir="/nonexistent").code == "ReadFailed"


def test_the_checksum_of_the_manifest_is_compared():
    checked = Checked(0xE3069283, 9, blake3(b"123456789").digest())
    verify(recording("/a"), checked)
    verify(recording("/a", expected_crc32c=0xE3069283), checked)
    with pytest.raises(RecordingError, match=r"00000001.*e3069283") as raised:
        verify(recording("/a", expected_crc32c=1), checked)
    assert (raised.value.code, raised.value.retryable) == ("ChecksumMismatch", False)
    with pytest.raises(RecordingError) as raised:
        verify(recording("http://host/a", expected_crc32c=1), checked)
    assert raised.value.retryable
