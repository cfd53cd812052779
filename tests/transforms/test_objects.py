from __future__ import annotations

import errno
import io
import os
import pickle
import sys
import threading

import pytest

from tests.object_server import BUCKET, CREDENTIALS, FAULTS, as_cos, fault_proxy
from transforms import objects as objects_module
from transforms.errors import UsageError
from transforms.object_store import endpoint_of, open_store
from transforms.objects import Objects, is_object_uri
from transforms.records import Mark

NAMES = [
    "a b.wav", "a%20b", "100%", "ü/ö x", "a+b", "a#b", "a?b", "a*b", "a[1].wav", "a\\b", "a~b", "a:b", "日本",
    "a{b}|\"<c>'", "a&b;c=d@e,f$g`", "deep/er/than/that", ".hidden", "x" * 255, "x" * 900,
]  # fmt: skip


@pytest.fixture(params=["s3", "gs"])
def objects(s3, gcs, request):
    """The same folder of the same server, by both interfaces."""
    return Objects(f"{request.param}://{BUCKET}/some/folder")


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


def test_addresses_of_object_storage():
    assert is_object_uri("s3://bucket")
    assert is_object_uri("gs://bucket/a b#c")
    assert is_object_uri(b"S3://b/")
    for other in ("/s3://bucket", "https://bucket", "s3:/bucket", "s3://", "hdfs://a/b", "bucket"):
        assert not is_object_uri(other)
    with pytest.raises(UsageError, match="no address of object storage"):
        Objects("hdfs://somewhere/else")


def test_what_is_put_is_read_whole_and_in_part(objects):
    objects.put("a", b"0123456789")
    assert objects.read("a") == b"0123456789"
    assert objects.read("a", 4) == b"456789"
    assert objects.read("a", 4, 3) == b"456"
    assert objects.read("a", 8, 30) == b"89"
    assert objects.read("a", 10, 30) == b""
    assert objects.read("a", 11) == b""
    assert objects.read("a", 0, 0) == b""
    objects.put("a", b"")
    assert objects.read("a") == b""


@pytest.mark.parametrize("name", NAMES)
def test_any_name_comes_back_as_it_is(s3, objects, name):
    if not s3.any_name and len(name) > 255:
        pytest.skip("this server keeps objects as files, whose names are shorter")
    objects.put(name, name.encode())
    assert objects.read(name) == name.encode()
    assert [each.name for each in objects.listed()] == [name]
    mark = objects.mark(name)
    assert mark is not None
    assert mark.size_bytes == len(name.encode())
    objects.remove(name)
    assert objects.mark(name) is None


@pytest.mark.parametrize("name", ["a//b", "a/../b", "a/./b", "a\nb"])
def test_a_name_that_cannot_be_is_refused(objects, name):
    with pytest.raises(OSError, match="://recordings/some/folder"):
        objects.put(name, b"")


def test_an_object_is_created_once(objects):
    assert objects.create("a", b"first")
    assert not objects.create("a", b"second")
    assert objects.read("a") == b"first"
    assert objects.create("a", b"first"), "what is there is the same"


def test_of_many_that_create_at_once_one_does(objects):
    made = []

    def create(number):
        if objects.create("a", b"%d" % number):
            made.append(number)

    threads = [threading.Thread(target=create, args=(number,)) for number in range(12)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(made) == 1
    assert objects.read("a") == b"%d" % made[0]


def test_listing_is_in_order_and_goes_on_after_a_name(objects):
    names = [f"b/{number:05d}" for number in range(2500)]
    for name in [*names[::250], "a", "c/d", "b.wav", "b-", "b0"]:
        objects.put(name, b"x")
    there = [each.name for each in objects.listed()]
    assert there == sorted(there)
    assert [each.name for each in objects.listed("b")] == names[::250]
    assert [each.name for each in objects.listed("b", after=names[1000])] == names[1250::250]
    assert [each.name for each in objects.listed(after="b0")] == ["c/d"]
    assert list(objects.listed("nothing")) == []
    assert [each.mark for each in objects.listed("c")] == [objects.mark("c/d")]


def test_a_listing_of_several_pages_is_whole(s3, objects):
    s3.fill(f"some/folder/{number:04d}" for number in range(2100))
    assert [each.name for each in objects.listed()] == [f"{number:04d}" for number in range(2100)]


def test_what_only_marks_a_folder_is_no_object(s3, objects):
    client = s3.client()
    also = ["a"] if s3.any_name else []  # what keeps objects as files has none that is a folder too
    for name in ("", "a/", *also, "a-b", "a/c"):
        client.put_object(Bucket=BUCKET, Key=f"some/folder/{name}", Body=b"")
    assert [each.name for each in objects.listed()] == [*also, "a-b", "a/c"]


def test_a_name_that_cannot_be_read_is_told_and_not_passed_over(s3):
    if not s3.any_name:
        pytest.skip("this server keeps objects as files, which have no such names")
    client = s3.client()
    for key in ("b", "c//d", "e"):
        client.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    with pytest.raises(OSError, match="c//d"):
        list(Objects(f"s3://{BUCKET}").listed())
    client.delete_object(Bucket=BUCKET, Key="c//d")
    client.put_object(Bucket=BUCKET, Key="/lead", Body=b"x")
    with pytest.raises(OSError, match="out of order"):
        list(Objects(f"s3://{BUCKET}").listed())


def test_a_mark_changes_with_the_content(objects):
    objects.put("a", b"one")
    before = objects.mark("a")
    objects.put("a", b"two")
    assert objects.mark("a") != before
    objects.put("a", b"one")
    assert objects.mark("a") == before
    assert isinstance(before, Mark)
    assert before.size_bytes == 3


def test_a_file_reads_like_one_on_disk(objects):
    content = os.urandom(3 << 20)
    objects.put("a", content)
    with objects.open("a") as file, io.BytesIO(content) as same:
        for act in (
            lambda one: one.read(10),
            lambda one: one.seek(-20, os.SEEK_END),
            lambda one: one.read(),
            lambda one: one.seek(1 << 20),
            lambda one: one.read(1 << 20),
            lambda one: one.tell(),
            lambda one: one.seek(5 << 20),
            lambda one: one.read(1),
            lambda one: one.seek(0),
            lambda one: one.read(),
        ):
            assert act(file) == act(same)
    assert file.closed
    with pytest.raises(FileNotFoundError):
        objects.open("nothing")


def test_blocks_are_the_whole(objects):
    content = os.urandom(3 << 20)
    objects.put("a", content)
    blocks = list(objects.blocks("a"))
    assert b"".join(blocks) == content
    assert max(map(len, blocks)) <= 1 << 20


@pytest.mark.parametrize("size", [0, 5, 20 << 20])
def test_a_file_is_uploaded_from_its_start(objects, size):
    content = os.urandom(size)
    file = io.BytesIO(content)
    file.seek(size)
    objects.upload("a", file)
    assert objects.read("a") == content


def test_what_is_not_there(objects):
    with pytest.raises(FileNotFoundError) as raised:
        objects.read("nothing")
    assert f"{objects.uri}/nothing" in str(raised.value)
    assert objects.mark("nothing") is None
    objects.remove("nothing")
    for act in (
        lambda one: one.put("a", b""),
        lambda one: one.create("a", b""),
        lambda one: list(one.listed()),
    ):
        with pytest.raises(FileNotFoundError, match="NoSuchBucket"):
            act(Objects(f"{objects.uri[:5]}no-such-bucket"))


def test_it_is_never_pickled_and_tells_no_secret(objects):
    with pytest.raises(TypeError, match="never pickled"):
        pickle.dumps(objects)
    assert repr(objects) == f"Objects('{objects.uri}')"
    for value in CREDENTIALS.values():
        assert value not in repr(objects) + repr(vars(objects))


def test_a_refusal_is_one_of_rights_and_quotes_no_more_than_its_code(s3, monkeypatch):
    with fault_proxy(s3.url, every=1, faults=("403",)) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        objects = Objects(f"s3://{BUCKET}")
        for act in (
            lambda: objects.read("a"),
            lambda: objects.put("a", b""),
            lambda: objects.create("a", b""),
            lambda: objects.mark("a"),
            lambda: objects.remove("a"),
            lambda: list(objects.listed()),
            lambda: objects.upload("a", io.BytesIO(b"a")),
            lambda: list(objects.blocks("a")),
        ):
            with pytest.raises(PermissionError) as raised:
                act()
            assert "the store refuses it (403" in str(raised.value)
            assert CREDENTIALS["AWS_ACCESS_KEY_ID"] not in str(raised.value)
        assert len(proxy.requests) == 8, "nobody asks again"


def test_a_name_that_is_too_long_for_the_store_is_told_apart_from_a_store_that_fails(s3, monkeypatch):
    with fault_proxy(s3.url, every=1, faults=("400",)) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        objects = Objects(f"s3://{BUCKET}")
        for act in (objects.mark, objects.read, objects.remove):
            with pytest.raises(OSError, match="too long a name") as raised:
                act("ü" * 513)
            assert raised.value.errno == errno.ENAMETOOLONG
            with pytest.raises(OSError, match="the store fails") as raised:
                act("a")
            assert raised.value.errno == errno.EIO
        assert len(proxy.requests) == 6, "nobody asks again"


@pytest.mark.parametrize("fault", FAULTS)
def test_every_third_request_may_fail_and_nothing_is_lost(s3, monkeypatch, fault):
    content = os.urandom(12 << 20)
    with fault_proxy(s3.url, every=3, faults=(fault,)) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        objects = Objects(f"s3://{BUCKET}/faults")
        for number in range(3):
            objects.put(f"{number}", b"some")
            assert objects.create(f"made-{number}", b"%d" % number)
            assert not objects.create(f"made-{number}", b"other")
            assert objects.read(f"{number}") == b"some"
            assert objects.mark("nothing") is None
            assert len(list(objects.listed("", after="0"))) == 2 * number + 1
        objects.upload("large", io.BytesIO(content))
        assert b"".join(objects.blocks("large")) == content
        with objects.open("large") as file:
            assert file.read() == content
        objects.remove("large")
        objects.remove("large")
        assert proxy.met[fault] > 8


def test_an_outage_is_told_after_a_minute(s3, monkeypatch):
    clock = Clock()
    with fault_proxy(s3.url, every=1, faults=("reset",)) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        objects = Objects(f"s3://{BUCKET}", clock=clock, sleep=clock.sleep)
        with pytest.raises(OSError, match="cannot be reached") as raised:
            objects.create("a", b"")
        assert 60 < clock.now < 65
        assert raised.value.strerror.startswith("s3://recordings/a: ")


def test_tencent_cos_is_asked_by_its_own_header(s3, monkeypatch):
    """The real one was not asked: here a proxy heeds the header that it documents, and no other."""
    with fault_proxy(s3.url, every=0, dialect=as_cos, refused_as=409) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        plain = Objects(f"s3://{BUCKET}/cos")
        assert plain.create("a", b"first")
        assert plain.create("a", b"second"), "If-None-Match alone is not heeded"
        monkeypatch.setattr(objects_module, "is_cos", lambda _: True)
        cos = Objects(f"s3://{BUCKET}/cos")
        assert cos.create("b", b"first")
        assert not cos.create("b", b"second")
        cos.put("b", b"third")
        assert cos.read("b") == b"third"


@pytest.mark.parametrize(
    ("endpoint", "own_hosts", "expected"),
    [
        (None, "", None),
        ("http://minio:9000", "", "http://minio:9000"),
        ("http://minio:9000", "true", "http://calls.minio:9000"),
        ("https://calls.minio", "true", "https://calls.minio"),
        ("https://cos.ap-guangzhou.myqcloud.com", "", "https://calls.cos.ap-guangzhou.myqcloud.com"),
        ("https://calls.cos.ap-guangzhou.myqcloud.com", "", "https://calls.cos.ap-guangzhou.myqcloud.com"),
    ],
)
def test_where_a_bucket_answers(endpoint, own_hosts, expected, monkeypatch):
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint or "")
    monkeypatch.setenv("AWS_VIRTUAL_HOSTED_STYLE_REQUEST", own_hosts)
    assert endpoint_of("s3", "calls") == expected
    assert endpoint_of("gs", "calls") is None


def test_without_the_library_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    open_store.cache_clear()
    with pytest.raises(UsageError, match=r"beamscribe\[objects\]"):
        Objects("s3://bucket/a")
