from __future__ import annotations

import io
import os
from collections import Counter

import pytest

from tests.object_server import BUCKET, fault_proxy
from transforms.block_file import BLOCK_BYTES
from transforms.checksum import ChecksumReader
from transforms.errors import RecordingError
from transforms.object_file import HEADER_BLOCK_BYTES, ObjectFile
from transforms.objects import Objects
from transforms.records import Recording
from transforms.source import can_be_parted, open_parted, unchanged

URI = f"s3://{BUCKET}/a folder/long.wav"
CONTENT = os.urandom(BLOCK_BYTES) * 3 + b"end"


@pytest.fixture
def stored(s3) -> Objects:
    objects = Objects(URI)
    objects.put("", CONTENT)
    return objects


def test_what_is_read_is_fetched_once_and_nothing_else(stored, s3, monkeypatch):
    with fault_proxy(s3.url, every=0) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        with ObjectFile(URI) as file:
            for position, size in ((0, 100), (BLOCK_BYTES * 2 - 5, 10), (BLOCK_BYTES * 3, 50), (7, 9)):
                file.seek(position)
                assert file.read(size) == CONTENT[position : position + size]
        verbs = Counter(each.split()[0] for each in proxy.requests)
    assert verbs == {"HEAD": 1, "GET": 4}


def test_other_processes_see_what_was_brought_by_the_descriptor(stored):
    with ObjectFile(URI, HEADER_BLOCK_BYTES) as file:
        assert os.fstat(file.fileno()).st_size == len(CONTENT)
        file.bring(1)
        there = os.pread(file.fileno(), HEADER_BLOCK_BYTES, HEADER_BLOCK_BYTES)
        assert there == CONTENT[HEADER_BLOCK_BYTES : 2 * HEADER_BLOCK_BYTES]
        for number in (9999, -1, 1):  # the last was brought before
            with pytest.raises(ConnectionError, match=f"no block {number} to be brought"):
                file.bring(number)


def test_what_is_read_at_once_to_the_end_is_fetched_too(stored):
    with ObjectFile(URI) as file:
        assert io.BufferedReader(file).read() == CONTENT


def test_the_checksum_is_that_of_the_whole_object_and_fills_no_file(stored, tmp_path):
    (tmp_path / "a").write_bytes(CONTENT)
    with ObjectFile(URI) as file, ChecksumReader(file.in_order(), URI) as reader:
        found = reader.finish()
        assert os.fstat(file.fileno()).st_blocks == 0
    with (tmp_path / "a").open("rb", buffering=0) as local:
        assert found == ChecksumReader(local).finish()


def test_an_object_that_is_changed_or_gone_while_it_is_read_is_a_failure(stored):
    recording = Recording(URI, URI.encode())
    assert can_be_parted(recording)
    with (
        pytest.raises(RecordingError, match="it changed while it was read"),
        open_parted(recording) as source,
        unchanged(source, recording),
    ):
        stored.put("", CONTENT[:-1] + b"!")
    stored.put("", CONTENT)
    with open_parted(recording) as source:
        stored.put("", CONTENT[:-2])
        with pytest.raises(RecordingError, match=r"ends before byte 12,582,915\. It was changed") as told:
            source.read(-1)
        assert told.value.retryable
        stored.remove("")
        with pytest.raises(RecordingError, match="no such"):
            source.read(-1)
    with pytest.raises(RecordingError, match="no such object"):
        ObjectFile(URI)


def test_only_what_lies_here_or_in_object_storage_is_read_in_parts():
    assert can_be_parted(Recording("/a.wav", b"/a.wav"))
    assert not can_be_parted(Recording("x", b"https://example.com/a.wav"))
    assert not can_be_parted(Recording("x", b"hdfs://name/a.wav"))
    assert not can_be_parted(Recording("/a.wav", b"/a.wav", content=b"RIFF"))
