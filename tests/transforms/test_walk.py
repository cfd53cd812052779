from __future__ import annotations

import glob
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms import walk
from transforms.walk import Found, files_beneath, split_glob


def everything(_names: tuple[str, ...]) -> bool:
    return True


def matched(folder, pattern: str) -> list[str]:
    wanted = split_glob(pattern, str(folder))
    return [
        "/".join((wanted.top, *found.names))
        for found in files_beneath(wanted.top, wanted.may_hold)
        if wanted.fits(found.names)
    ]


def made(folder, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_files_come_sorted_by_their_whole_path(tmp_path):
    made(tmp_path, "b/z", "b.wav", "a", "b/a/x", "B", "b-c/y")
    found = ["/".join(one.names) for one in files_beneath(str(tmp_path), everything)]
    assert found == sorted(["b/z", "b.wav", "a", "b/a/x", "B", "b-c/y"])


def test_linked_folders_are_followed_but_never_in_a_circle(tmp_path):
    made(tmp_path, "a/x", "real/y")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "a" / "self").symlink_to(tmp_path / "a")
    (tmp_path / "linked").symlink_to(tmp_path / "real")
    (tmp_path / "endless").symlink_to("endless")
    found = ["/".join(one.names) for one in files_beneath(str(tmp_path), everything)]
    assert found == ["a/x", "endless", "linked/y", "real/y"]


def test_a_folder_that_cannot_be_listed_is_told(tmp_path, monkeypatch):
    made(tmp_path, "a/x", "closed/y", "z")
    scandir = os.scandir

    def refusing(folder):
        if folder.endswith("closed"):
            raise PermissionError(13, "Permission denied", folder)
        return scandir(folder)

    monkeypatch.setattr(walk.os, "scandir", refusing)
    assert list(files_beneath(str(tmp_path), everything)) == [
        Found(("a", "x")),
        Found(("closed",), unlistable=True),
        Found(("z",)),
    ]
    assert list(files_beneath(str(tmp_path / "closed"), everything)) == [Found((), unlistable=True)]


def test_folders_that_cannot_match_are_not_entered(tmp_path, monkeypatch):
    made(tmp_path, "a/b/x.wav", "c/b/x.wav", "a/x/deep/y", ".h/b/x.wav")
    listed = []
    scandir = os.scandir
    monkeypatch.setattr(walk.os, "scandir", lambda folder: listed.append(folder) or scandir(folder))
    assert matched(tmp_path, "a*/b/*.wav") == [f"{tmp_path}/a/b/x.wav"]
    assert listed == [str(tmp_path), f"{tmp_path}/a", f"{tmp_path}/a/b"]


def test_wildcards_stand_for_characters_not_for_bytes(tmp_path):
    made(tmp_path, "录.wav", "é.wav", "ab.wav")
    (tmp_path / os.fsdecode(b"\xff.wav")).touch()
    assert {Path(path).name for path in matched(tmp_path, "?.wav")} == {
        "录.wav",
        "é.wav",
        "\udcff.wav",
    }


def test_a_base_with_wildcards_in_its_name_is_no_pattern(tmp_path):
    made(tmp_path, "b[1]/x.wav", "b1/y.wav")
    assert matched(tmp_path / "b[1]", "*.wav") == [f"{tmp_path}/b[1]/x.wav"]
    assert matched(tmp_path / "b[1]", "../b1/*.wav") == [f"{tmp_path}/b1/y.wav"]


tree = st.lists(
    st.lists(st.sampled_from(["a", "b", "ab", ".h", "a.wav", "[a]"]), min_size=1, max_size=4).map("/".join),
    max_size=8,
)
pattern = st.lists(
    st.sampled_from(["a", "*", "?", "**", "a*", "[ab]", "*.wav", ".*", ".h"]), min_size=1, max_size=4
)


@settings(max_examples=150, deadline=None)
@given(tree, pattern)
def test_globs_mean_what_they_mean_to_python(tmp_path_factory, files, parts):
    folder = tmp_path_factory.mktemp("tree")
    for name in files:
        path = folder / name
        if not path.exists() and not any(above.is_file() for above in path.parents):
            made(folder, name)
    text = "/".join(parts)
    if not walk.has_magic(text):
        return
    # pathlib takes leading dots for any other character; the shell and the module glob do not.
    every = glob.glob(f"{folder}/{text}", recursive=True)  # noqa: PTH207
    expected = {path for path in every if not path.endswith("/") and Path(path).is_file()}
    found = matched(folder, text)
    assert set(found) == expected
    assert found == sorted(set(found))


@pytest.mark.parametrize("text", ["a*", "?", "[", "x/**/y"])
def test_wildcards_are_seen(text):
    assert walk.has_magic(text)
