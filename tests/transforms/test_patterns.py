from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st

from transforms.patterns import pattern_of

NAMES = ["a.wav", "b.MP3", "c.txt", ".d.wav", "e"]


def given_out(typed: str, base) -> set[bytes]:
    pattern = pattern_of(typed, str(base))
    return {location for location, _ in pattern.locations(lambda _: None)}


def test_a_pattern_covers_what_it_gave_out_and_nothing_else(tmp_path):
    for folder in (".", "x", "x/y", ".hidden", "x/.z"):
        (tmp_path / folder).mkdir(exist_ok=True)
        for name in NAMES:
            (tmp_path / folder / name).touch()
    every = [os.fsencode(path) for path in tmp_path.rglob("*")]
    typed = [".", "x", "x/y/", "*", "**", "**/*.wav", "x/*.txt", "x/y/e", "*/.z/*", "[ab].*", "x/../a.wav"]
    for one in typed:
        found = given_out(one, tmp_path)
        assert found, one
        pattern = pattern_of(one, str(tmp_path))
        list(pattern.locations(lambda _: None))
        assert {path for path in every if pattern.covers(path)} == found, one
        assert not pattern.covers(b"s3://bucket/a.wav")
        assert not pattern.covers(b"/elsewhere/a.wav")


def test_what_lies_in_a_folder_that_could_not_be_listed_is_not_covered(tmp_path, monkeypatch):
    (tmp_path / "x" / "closed").mkdir(parents=True)
    (tmp_path / "x" / "closed" / "a.wav").touch()
    listing = os.scandir

    def closed(folder):
        if os.fspath(folder).endswith("closed"):
            raise PermissionError(13, "closed")
        return listing(folder)

    monkeypatch.setattr(os, "scandir", closed)
    pattern = pattern_of("x", str(tmp_path))
    folder = os.fsencode(tmp_path / "x" / "closed")
    assert [location for location, _ in pattern.locations(lambda _: None)] == [folder]
    assert pattern.covers(folder)
    assert not pattern.covers(folder + b"/a.wav")


def test_what_a_link_leads_to_twice_is_not_covered(tmp_path):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "a.wav").touch()
    (tmp_path / "x" / "loop").symlink_to(tmp_path / "x")
    pattern = pattern_of("x", str(tmp_path))
    assert len(list(pattern.locations(lambda _: None))) == 1
    assert pattern.covers(os.fsencode(tmp_path / "x" / "a.wav"))
    assert not pattern.covers(os.fsencode(tmp_path / "x" / "loop" / "a.wav"))


@given(st.text(st.characters(exclude_characters="\0/", exclude_categories=["Cs"]), min_size=1))
def test_any_name_is_covered_by_itself_alone(name):
    pattern = pattern_of(f"/nowhere/at all/{name}", "/")
    found = [location for location, _ in pattern.locations(lambda _: None)]
    assert all(pattern.covers(location) for location in found)
    assert not pattern.covers(b"/nowhere/at all/other/a.wav")
