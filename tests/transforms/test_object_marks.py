from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tests.object_server import BUCKET
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


@pytest.mark.parametrize(("error", "asked"), [(PermissionError("no"), 500), (OSError("away"), 40)])
def test_a_store_that_is_away_is_not_asked_for_each_row(error, asked):
    calls = []

    def mark_of(uri: str) -> Mark:
        calls.append(uri)
        raise error

    found = list(marked((recording(f"s3://b/{number}.wav") for number in range(500)), mark_of))
    assert len(found) == 500
    assert all(each.mark is None for each in found)
    assert len(calls) <= asked


def test_the_mark_of_a_row_is_that_of_a_listing(s3):
    objects = Objects(f"s3://{BUCKET}")
    objects.put("a b/x.wav", b"RIFF")
    [listed] = objects.listed()
    rows = [recording(f"s3://{BUCKET}/a b/x.wav"), recording(f"s3://{BUCKET}/missing.wav")]
    assert [each.mark for each in marked(rows)] == [listed.mark, None]
