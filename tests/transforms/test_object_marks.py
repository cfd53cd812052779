from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Iterator

import pytest

from tests.object_server import BUCKET, fault_proxy
from transforms.listing import Sources, list_recordings
from transforms.object_marks import marked
from transforms.objects import Objects
from transforms.records import Mark, Recording


def recording(location: str, mark: Mark | None = None) -> Recording:
    return Recording(location, location.encode(), mark=mark)


def test_objects_get_the_marks_of_their_store_and_all_keep_their_order():
    rows = [
        recording("/local.wav", Mark(1, "a")),
        *(recording(f"s3://b/{number}.wav") for number in range(1000)),
        recording("https://example.com/a.wav"),
        recording("s3://b/known.wav", Mark(9, "known")),
    ]
    found = list(marked(rows, lambda uri: Mark(len(uri), uri)))
    assert [each.audio_uri for each in found] == [each.audio_uri for each in rows]
    assert found[0] == rows[0]
    assert found[-2:] == rows[-2:]
    assert all(each.mark == Mark(len(each.audio_uri), each.audio_uri) for each in found[1:-2])


def test_many_are_asked_for_at_once_and_few_are_held():
    together = threading.Barrier(16)
    drawn = 0

    def rows() -> Iterator[Recording]:
        nonlocal drawn
        for drawn in range(1, 100_001):
            yield recording(f"s3://b/{drawn}.wav")

    def mark_of(uri: str) -> Mark:
        if int(uri.split("/")[-1].split(".")[0]) <= 16:
            together.wait(30)
        return Mark(1, "a")

    found = marked(rows(), mark_of)
    assert next(found).mark == Mark(1, "a")
    assert drawn < 1000
    found.close()


@pytest.mark.parametrize(
    ("error", "asked"),
    [(PermissionError("no"), 500), (OSError(errno.ENAMETOOLONG, "long"), 500), (OSError("away"), 40)],
)
def test_a_store_that_is_away_is_not_asked_for_each_row(error, asked):
    calls = []

    def mark_of(uri: str) -> Mark:
        calls.append(uri)
        raise error

    found = list(marked((recording(f"s3://b/{number}.wav") for number in range(500)), mark_of))
    assert len(found) == 500
    assert all(each.mark is None for each in found)
    assert len(calls) <= asked


@pytest.mark.parametrize(
    "odd", ["a//b.wav", "../b.wav", "a\n.wav", "a\0.wav", "k" * 1100, "\udcff.wav", "missing.wav"]
)
def test_an_odd_row_costs_no_other_row_its_mark(s3, odd):
    Objects(f"s3://{BUCKET}").put("x.wav", b"RIFF")
    rows = [Recording(odd, os.fsencode(f"s3://{BUCKET}/{odd}")) for _ in range(40)]
    rows += [recording(f"s3://{BUCKET}/x.wav")] * 40
    found = [each.mark for each in marked(rows)]
    assert found[:40] == [None] * 40
    assert None not in found[40:]


def test_a_store_that_is_away_takes_no_mark_from_another():
    def mark_of(uri: str) -> Mark:
        if uri.startswith("s3://away"):
            raise OSError("away")
        return Mark(1, uri)

    rows = [recording(f"s3://{'away' if number % 2 else 'here'}/{number}.wav") for number in range(1000)]
    found = list(marked(rows, mark_of))
    assert [each.mark is None for each in found] == [number % 2 == 1 for number in range(1000)]


def test_a_few_failures_now_and_then_do_not_end_the_asking():
    def mark_of(uri: str) -> Mark:
        if int(uri.split("/")[-1].split(".")[0]) % 10 == 0:
            raise OSError("fails")
        return Mark(1, uri)

    found = list(marked((recording(f"s3://b/{number}.wav") for number in range(1000)), mark_of))
    assert sum(each.mark is not None for each in found) == 900


def test_without_credentials_they_are_looked_for_once(monkeypatch):
    looked = []

    def refuse(uri: str) -> Objects:
        looked.append(uri)
        raise PermissionError("no credentials")

    monkeypatch.setattr(
        "transforms.object_marks.Objects", type("Refusing", (), {"__new__": lambda _, uri: refuse(uri)})
    )
    assert len(list(marked(recording(f"s3://b/{number}.wav") for number in range(100)))) == 100
    assert looked == ["s3://b"]


def test_who_wants_no_more_does_not_wait_for_what_was_to_come():
    asked = []

    def mark_of(uri: str) -> Mark:
        asked.append(uri)
        time.sleep(0.05)
        return Mark(1, uri)

    found = marked((recording(f"s3://b/{number}.wav") for number in range(10_000)), mark_of)
    next(found)
    found.close()
    assert len(asked) < 150


def test_no_store_is_asked_for_more_rows_than_the_limit(s3, tmp_path, monkeypatch):
    Objects(f"s3://{BUCKET}").put("x.wav", b"RIFF")
    manifest = tmp_path / "list.csv"
    manifest.write_text("audio\n" + "".join(f"s3://{BUCKET}/{number}.wav\n" for number in range(100)))
    with fault_proxy(s3.url, every=0) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        sources = Sources(manifests=(str(manifest),), limit=3)
        assert len(list(list_recordings(sources, on_other=lambda _: None))) == 3
        assert len(proxy.requests) == 3


def test_the_mark_of_a_row_is_that_of_a_listing(s3):
    objects = Objects(f"s3://{BUCKET}")
    objects.put("a b/x.wav", b"RIFF")
    [listed] = objects.listed()
    rows = [recording(f"s3://{BUCKET}/a b/x.wav"), recording(f"s3://{BUCKET}/missing.wav")]
    assert [each.mark for each in marked(rows)] == [listed.mark, None]
