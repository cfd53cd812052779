from __future__ import annotations

import contextlib

import pytest

from tests.object_server import BUCKET, fault_proxy
from transforms.errors import UsageError
from transforms.folders import ObjectFolder, OutputError
from transforms.objects import Objects


@pytest.fixture(params=["s3", "gs"])
def folder(s3, gcs, request):
    return ObjectFolder(f"{request.param}://{BUCKET}/data set/out")


def test_put_list_open_remove(folder, s3):
    s3.client().put_object(Bucket=BUCKET, Key="data set/out/", Body=b"")
    folder.prepare()
    assert folder.names() == []
    folder.put("b", b"one")
    folder.put("a", b"two")
    folder.put(".hidden", b"")
    Objects(f"{folder.uri}/deeper").put("c", b"")
    assert folder.names() == ["a", "b"]
    with folder.open("b") as file:
        file.seek(1)
        assert file.read() == b"ne"
    folder.remove("b")
    folder.remove("b")
    assert folder.names() == ["a"]
    with pytest.raises(OutputError, match=r"nothing\.parquet: cannot read it"):
        folder.open("nothing.parquet")


@pytest.mark.parametrize("broken", [False, True])
def test_a_file_that_is_written_bit_by_bit_appears_whole_or_not_at_all(folder, broken):
    with contextlib.suppress(KeyError), folder.writing("part") as file:
        for _ in range(3):
            file.write(b"12" * 2_000_000)
            assert folder.names() == []
        if broken:
            raise KeyError
    assert folder.names() == ([] if broken else ["part"])
    if not broken:
        assert Objects(folder.uri).read("part") == b"12" * 6_000_000


def test_a_bucket_that_is_not_there_is_empty_and_cannot_be_written_to(s3):
    folder = ObjectFolder("s3://no-such-bucket/out")
    assert folder.names() == []
    with pytest.raises(UsageError, match=r"cannot be written to \(there is no such .*NoSuchBucket"):
        folder.prepare()
    with pytest.raises(OutputError, match="s3://no-such-bucket/out/part: cannot write it"):
        folder.put("part", b"")


def test_who_may_not_write_is_told_so(s3, monkeypatch):
    with fault_proxy(s3.url, every=1, faults=("403",)) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        folder = ObjectFolder(f"s3://{BUCKET}/out")
        with pytest.raises(UsageError, match=r"the store refuses it \(403"):
            folder.prepare()
        with pytest.raises(OutputError, match="mend its rights"):
            folder.put("part", b"")
