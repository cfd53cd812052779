from __future__ import annotations

import os
import socket
from pathlib import Path

import google_crc32c
import numpy as np
import pytest
import soundfile as sf
from blake3 import blake3

from tests.transforms.memory_files import MemoryFiles
from transforms.addresses import audio_uri_of
from transforms.checksum import Checked, ChecksumReader
from transforms.errors import RecordingError
from transforms.records import Recording, Stage
from transforms.source import ReadLimits, open_source, verify


def checked_of(content: bytes) -> Checked:
    return Checked(google_crc32c.value(content), len(content), blake3(content).digest())


def recording(location: str | bytes | Path, **fields) -> Recording:
    encoded = os.fsencode(location)
    return Recording(audio_uri_of(encoded), encoded, **fields)


def failure(location: str | bytes | Path, **options) -> RecordingError:
    with pytest.raises(RecordingError) as raised, open_source(recording(location), **options):
        pytest.fail("opened")
    return raised.value


def test_what_comes_with_its_content_is_not_looked_for(tmp_path):
    content = b"RIFF and so on" * 1000
    for name in ("https://127.0.0.1:9/never called.wav", "no such file.wav"):
        given = Recording(name, name.encode(), content=content)
        with open_source(given, spool_dir=str(tmp_path)) as source:
            assert os.pread(source.fileno(), len(content) + 1, 0) == content
            assert source.read() == content
    with (
        pytest.raises(RecordingError, match="empty, 0 bytes"),
        open_source(Recording("a", b"a", content=b"")),
    ):
        pytest.fail("opened")


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT", "ULAW"])
def test_soundfile_reads_the_same_samples_over_it(tmp_path, subtype):
    path = tmp_path / "a.wav"
    samples = np.random.default_rng(0).uniform(-1, 1, (50_000, 2))
    sf.write(path, samples, 44_100, subtype=subtype)
    with open_source(recording(path)) as source, ChecksumReader(source) as reader:
        with sf.SoundFile(reader) as sound:
            read = sound.read()
        checked = reader.finish()
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
        # Whoever has the descriptor has all of it.
        assert os.pread(source.fileno(), len(content), 0) == content
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


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="of Linux")
def test_a_file_whose_bytes_cannot_be_had_says_so_at_once():
    error = failure("/proc/self/mem")  # nothing is mapped at its start
    assert (error.code, error.retryable) == ("ReadFailed", True)
    assert "Input/output error" in error.message
