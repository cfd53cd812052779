from __future__ import annotations

import tracemalloc
from functools import partial

import pytest

from benchmarks.listing import ADDRESS, ManyObjects
from tests.object_server import BUCKET, fault_proxy
from transforms import patterns
from transforms.errors import UsageError
from transforms.listing import Sources, check_sources, list_recordings
from transforms.object_listing import object_pattern
from transforms.objects import Objects

STORE = f"s3://{BUCKET}"


def listed(*typed: str, store: str = STORE) -> tuple[list[str], int]:
    others: list[int] = []
    sources = Sources(tuple(f"{store}/{each}" for each in typed))
    found = [one.audio_uri for one in list_recordings(sources, on_other=others.append)]
    return [uri.removeprefix(f"{store}/") for uri in found], sum(others)


def refusal(typed: str) -> str:
    with pytest.raises(UsageError) as raised:
        check_sources(Sources((typed,)))
    return str(raised.value)


@pytest.fixture
def filled(s3):
    s3.fill(
        ["a/b.wav", "a/b/c.MP3", "a/b/notes.txt", "a/b/.hidden.wav", "a/.trash/d.wav", "a/b[1].wav",
         "a/b1.wav", "a/é#1 +%.wav", "top.wav", "a-b.wav"]
    )  # fmt: skip
    s3.client().put_object(Bucket=BUCKET, Key="a/b/", Body=b"")
    return s3


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("a", (["a/b.wav", "a/b/c.MP3", "a/b1.wav", "a/b[1].wav", "a/é#1 +%.wav"], 3)),
        ("a/", (["a/b.wav", "a/b/c.MP3", "a/b1.wav", "a/b[1].wav", "a/é#1 +%.wav"], 3)),
        ("", (["a-b.wav", "a/b.wav", "a/b/c.MP3", "a/b1.wav", "a/b[1].wav", "a/é#1 +%.wav", "top.wav"], 3)),
        ("*.wav", (["a-b.wav", "top.wav"], 0)),
        ("*/b*.wav", (["a/b.wav", "a/b1.wav", "a/b[1].wav"], 0)),
        ("a/**", (["a/b.wav", "a/b/c.MP3", "a/b/notes.txt", "a/b1.wav", "a/b[1].wav", "a/é#1 +%.wav"], 0)),
        ("**/*.txt", (["a/b/notes.txt"], 0)),
        ("a/b/notes.txt", (["a/b/notes.txt"], 0)),
        ("a/b[1].wav", (["a/b[1].wav"], 0)),
        ("a/[b]?.wav", (["a/b1.wav"], 0)),
        ("a/.trash/*", (["a/.trash/d.wav"], 0)),
        ("a/é#*", (["a/é#1 +%.wav"], 0)),
        ("a/none.wav", (["a/none.wav"], 0)),
    ],
)
def test_what_an_address_means(filled, typed, expected):
    assert listed(typed) == expected


def test_google_lists_alike(filled, gcs):
    assert listed("a/**", store=gcs) == listed("a/**")


def test_each_recording_comes_once_whatever_patterns_overlap(filled):
    everything = listed("**")[0]
    assert sorted(listed("a", "**", "*.wav", "top.wav", "a/b[1].wav")[0]) == everything
    assert listed("**", "a", "top.wav") == (everything, 3)
    # `a` leaves out what has no ending of a recording, and what is hidden.
    assert listed("a", "a/**/*.txt", "a/.trash/*")[0][-2:] == ["a/b/notes.txt", "a/.trash/d.wav"]
    # The name is there as it stands, so it is no pattern that would cover the other.
    assert listed("a/b[1].wav", "a/b1.wav")[0] == ["a/b[1].wav", "a/b1.wav"]


def test_marks_are_those_of_the_store(filled):
    for one in list_recordings(Sources((f"{STORE}/a",)), on_other=lambda _: None):
        assert one.mark == Objects(one.audio_uri).mark("")
    assert one.mark is not None


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        (f"{STORE}/none", "matches nothing"),
        (f"{STORE}/a/*.flac", "matches nothing"),
        (f"{STORE}/text", "none of the 1 files beneath it has the ending of a recording"),
        ("s3://no-such-bucket/a", "NoSuchBucket"),
        ("s3://recor*/a", "the name of a bucket has no wildcards"),
    ],
)
def test_what_matches_nothing_is_refused(filled, typed, why):
    filled.fill(["text/a.txt"])
    assert why in refusal(typed)


@pytest.mark.parametrize("uri", ["s3://recor*/a", "gs://recor*/a/", "s3://*"])
def test_no_store_is_asked_for_a_bucket_with_wildcards(uri):
    """What it says of one differs: the name is no name, or there is no such bucket."""
    with pytest.raises(OSError, match="no wildcards"):
        object_pattern(uri, find=pytest.fail)


def test_a_pattern_asks_for_no_page_before_or_behind_what_it_may_match(s3, monkeypatch):
    s3.fill(f"2026-{month:02}-01/{number:03}.wav" for month in range(1, 13) for number in range(200))
    with fault_proxy(s3.url, every=0) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        assert len(listed("2026-03-*/**")[0]) == 200
        pages = [each for each in proxy.requests if "list-type" in each]
        assert len(pages) == 1
        assert "start-after=2026-03%2C" in pages[0]


def test_thousands_of_objects_come_in_order_though_pages_fail(s3, monkeypatch):
    s3.fill(f"many/{number:05}.wav" for number in range(2300))
    with fault_proxy(s3.url, every=2, faults=("cut", "reset", "500")) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        assert listed("many")[0] == [f"many/{number:05}.wav" for number in range(2300)]
        assert proxy.met.total() >= 2


def test_memory_does_not_grow_with_the_listing(monkeypatch):
    def peak(count: int) -> int:
        monkeypatch.setattr(
            patterns, "object_pattern", partial(object_pattern, find=partial(ManyObjects, count))
        )
        tracemalloc.start()
        found = list_recordings(Sources((ADDRESS, f"{ADDRESS}/**/*.wav")), on_other=lambda _: None)
        assert sum(1 for _ in found) == count
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    peak(10)
    assert peak(20_000) < peak(1000) + 20_000
