from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms import spill
from transforms.asked import Manifest, asked_for, check_manifests
from transforms.errors import UsageError
from transforms.manifest import no_mark
from transforms.records import Mark


@pytest.fixture(autouse=True)
def several_chunks(monkeypatch):
    monkeypatch.setattr(spill, "_CHUNK_BYTES", 100)


def manifests(tmp_path, *contents: str) -> list[Manifest]:
    found = []
    for number, content in enumerate(contents):
        path = tmp_path / f"{number}.csv"
        path.write_text("audio,channel,language\n" + content)
        found.append(Manifest(path.name, str(path)))
    return found


def asked(given_manifests: list[Manifest]) -> list[tuple[str, int | None]]:
    with asked_for(given_manifests, tells_addresses=False) as found:
        return [(one.audio_uri[-5:], one.channel) for one in found.recordings(no_mark)]


def test_each_address_and_channel_comes_once_over_all_manifests(tmp_path):
    both = manifests(
        tmp_path, "a.wav,,\nb.wav,1,\n./a.wav,,\n", "b.wav,0,\nb.wav,1,\nb.wav,,\nc.wav,,\na.wav,2,\n"
    )
    assert asked(both) == [("a.wav", None), ("b.wav", 1), ("b.wav", 0), ("c.wav", None), ("a.wav", 2)]


def test_rows_that_came_since_are_taken_as_they_are(tmp_path):
    (only,) = manifests(tmp_path, "a.wav,,\na.wav,,\n")
    with asked_for([only], tells_addresses=False) as found:
        with Path(only.address).open("a") as file:
            file.write("".join(f"{number}.wav,,\n" for number in range(10, 20)))
        names = [one.audio_uri[-6:] for one in found.recordings(no_mark)]
    assert names == ["/a.wav", *(f"{number}.wav" for number in range(10, 20))]


def test_it_tells_addresses_whole_or_by_channel(tmp_path):
    with asked_for(manifests(tmp_path, "a.wav,,\nb.wav,1,\n"), tells_addresses=True) as found:
        there = [bytes(tmp_path / name) in found for name in ("a.wav", "b.wav", "c.wav")]
    assert there == [True, True, False]


def test_without_manifests_nothing_is_asked_for():
    with asked_for([], tells_addresses=True) as found:
        assert b"/a.wav" not in found
        assert list(found.recordings(no_mark)) == []


def test_marks_come_with_the_recordings(tmp_path):
    with asked_for(manifests(tmp_path, "a.wav,,\n"), tells_addresses=False) as found:
        (one,) = found.recordings(lambda location: Mark(len(location), "x"))
    assert one.mark == Mark(len(bytes(tmp_path / "a.wav")), "x")


def test_the_manifest_with_the_later_row_is_named(tmp_path):
    two = manifests(tmp_path, "a.wav,,\n", "b.wav,,\na.wav,,en\n")
    with pytest.raises(UsageError, match=r"^Manifest 1\.csv: .*/a\.wav is asked for twice"):
        check_manifests(two)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a.wav,,\na.wav,0,\nb.wav,left,\n", "asked for twice"),
        ("a.wav,,\nb.wav,left,\na.wav,0,\n", "line 3: 'channel' is 'left'"),
        ("a.wav,,\nb.wav,,\nb.wav,,en\na.wav,0,\n", r"/b\.wav is asked for twice"),
        ("b.wav,,\na.wav,,\na.wav,0,\nb.wav,,en\n", r"/a\.wav is asked for twice"),
    ],
)
def test_the_first_mistake_is_told(tmp_path, content, message):
    with pytest.raises(UsageError, match=message):
        check_manifests(manifests(tmp_path, content))


ROWS = st.lists(st.sampled_from([("a.wav", None), ("b.wav", None), ("c.wav", 0), ("c.wav", 1)]), min_size=1)


@given(rows=ROWS)
def test_repeated_rows_are_no_mistake_and_the_first_of_each_counts(rows, tmp_path_factory):
    content = "".join(f"{name},{'' if channel is None else channel},\n" for name, channel in rows)
    only = manifests(tmp_path_factory.mktemp("manifest"), content)
    check_manifests(only)
    assert asked(only) == list(dict.fromkeys(rows))
