from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.transforms.memory_files import MemoryFiles
from transforms import walk
from transforms.errors import UsageError
from transforms.listing import Sources, check_sources, list_recordings


def made(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def listed(folder, *patterns: str, manifests=(), limit=None) -> tuple[list[str], int]:
    sources = Sources(tuple(patterns), tuple(map(str, manifests)), limit, base=str(folder))
    others: list[int] = []
    uris = [one.audio_uri for one in list_recordings(sources, on_other=others.append)]
    return [uri.removeprefix(f"{folder}/") for uri in uris], sum(others)


def refusal(folder, *patterns: str, manifests=()) -> str:
    with pytest.raises(UsageError) as raised:
        check_sources(Sources(tuple(patterns), tuple(manifests), base=str(folder)))
    return str(raised.value)


def test_a_folder_means_its_media_files_at_any_depth(tmp_path):
    made(
        tmp_path,
        "b.WAV",
        "a/x.opus",
        "a/notes.txt",
        "README",
        ".hidden.wav",
        "a/._x.wav",
        ".trash/y.mp3",
        "wav",
    )
    assert listed(tmp_path, ".") == (["a/x.opus", "b.WAV"], 6)


def test_a_glob_takes_all_that_it_matches(tmp_path):
    made(tmp_path, "a.wav", "b.txt", "folder.x/c.wav")
    (tmp_path / "lost.wav").symlink_to(tmp_path / "nowhere")
    assert listed(tmp_path, "*") == (["a.wav", "b.txt", "lost.wav"], 0)
    assert listed(tmp_path, "**/*.wav")[0] == ["a.wav", "folder.x/c.wav", "lost.wav"]
    assert listed(tmp_path, "**")[0] == ["a.wav", "b.txt", "folder.x/c.wav", "lost.wav"]


@pytest.mark.parametrize(
    "name",
    ["b[1].wav", "*.wav", "what?.wav", 'a b\'s "c".wav', "-x.wav", "x:y.wav", "file:/a.wav", "100%20.wav"],
)
def test_an_existing_path_is_no_pattern(tmp_path, name):
    made(tmp_path, name, "b1.wav", "zz.wav")
    check_sources(Sources((name,), base=str(tmp_path)))
    assert listed(tmp_path, name)[0] == [name]


def test_an_existing_folder_is_no_pattern(tmp_path):
    made(tmp_path, "b[1]/x.wav", "b1/y.wav")
    assert listed(tmp_path, "b[1]")[0] == ["b[1]/x.wav"]


def test_a_named_file_needs_no_ending_and_may_be_a_dangling_link(tmp_path):
    made(tmp_path, "recording")
    (tmp_path / "lost").symlink_to("nowhere")
    check_sources(Sources(("recording", "lost"), base=str(tmp_path)))
    assert listed(tmp_path, "recording", "lost")[0] == ["recording", "lost"]


def test_a_named_file_that_has_gone_is_listed_so_that_it_fails_loudly(tmp_path):
    assert listed(tmp_path, "gone.wav")[0] == ["gone.wav"]


def test_names_of_any_bytes(tmp_path):
    name = b"caf\xe9 \n.wav"
    Path(os.fsdecode(bytes(tmp_path) + b"/" + name)).touch()
    for pattern in (".", "*.wav", os.fsdecode(name)):
        (found,) = list_recordings(Sources((pattern,), base=str(tmp_path)), on_other=pytest.fail)
        assert found.location == bytes(tmp_path) + b"/" + name
        assert found.audio_uri == f"{tmp_path}/caf\\xe9 \n.wav"


def test_file_uris_are_local(tmp_path):
    made(tmp_path, "a b.wav", "c.wav")
    check_sources(Sources((f"file://{tmp_path}/a%20b.wav",)))
    assert listed(tmp_path, f"file://{tmp_path}/a%20b.wav")[0] == ["a b.wav"]
    assert listed(tmp_path, f"file://{tmp_path}/*.wav")[0] == ["a b.wav", "c.wav"]


def test_manifests_come_first_and_each_channel_of_an_address_once(tmp_path):
    made(tmp_path, "a.wav", "b.wav", "c.wav")
    list_file = tmp_path / "list.csv"
    list_file.write_text("audio,channel,id\nc.wav,,1\nb.wav,0,2\nb.wav,1,3\n./c.wav,,4\n")
    sources = Sources(("a.wav", "*.wav", "."), ("list.csv",), base=str(tmp_path))
    found = [
        (Path(one.audio_uri).name, one.channel, one.recording_id)
        for one in list_recordings(sources, on_other=lambda _: None)
    ]
    assert found == [
        ("c.wav", None, "1"),
        ("b.wav", 0, "2"),
        ("b.wav", 1, "3"),
        ("a.wav", None, None),
    ]


@pytest.mark.parametrize(
    "rows",
    ["a.wav,,en,1\na.wav,,zh,1", "a.wav,,,1\na.wav,0,,1", "a.wav,1,,1\na.wav,,,1", "a.wav,0,,1\na.wav,0,,2"],
)
def test_a_recording_that_is_asked_for_in_two_ways_is_a_mistake_told_before_anything_is_paid(tmp_path, rows):
    made(tmp_path, "a.wav")
    (tmp_path / "list.csv").write_text(f"audio,channel,language,id\n{rows}\n")
    with pytest.raises(UsageError, match=r"a\.wav is asked for twice"):
        check_sources(Sources((), ("list.csv",), base=str(tmp_path)))


def test_the_same_row_twice_and_two_channels_are_no_mistake(tmp_path):
    made(tmp_path, "a.wav", "b.wav")
    (tmp_path / "list.csv").write_text("audio,channel\na.wav,\na.wav,\nb.wav,0\nb.wav,1\n")
    check_sources(Sources((), ("list.csv",), base=str(tmp_path)))


def test_the_limit_ends_the_listing(tmp_path, monkeypatch):
    made(tmp_path, "a/1.wav", "a/2.wav", "b/3.wav")
    scanned = []
    scandir = os.scandir
    monkeypatch.setattr(walk.os, "scandir", lambda folder: scanned.append(folder) or scandir(folder))
    assert listed(tmp_path, ".", limit=2)[0] == ["a/1.wav", "a/2.wav"]
    assert f"{tmp_path}/b" not in scanned


def test_a_closed_folder_is_listed_itself_so_that_it_fails_loudly(tmp_path, monkeypatch):
    made(tmp_path, "closed/a.wav", "lost+found/x", "z.wav")
    scandir = os.scandir

    def refusing(folder):
        if folder.endswith(("closed", "lost+found")):
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(walk.os, "scandir", refusing)
    assert listed(tmp_path, ".") == (["closed", "z.wav"], 1)
    assert listed(tmp_path, "**/*.wav")[0] == ["closed", "z.wav"]


def test_nothing_given_is_refused(tmp_path):
    assert "--input" in refusal(tmp_path)


def test_patterns_that_match_nothing_are_refused_one_by_one(tmp_path):
    made(tmp_path, "a/x.wav", "notes/readme.txt", "notes/b.txt")
    (tmp_path / "empty").mkdir()
    check_sources(Sources(("a/*.wav", "a", "**/x.wav"), base=str(tmp_path)))
    assert f"exists is {tmp_path}/a" in refusal(tmp_path, "a", "a/b/c.wav")
    assert f"exists is {tmp_path}." in refusal(tmp_path, "corpus/*/x.wav")
    assert "no file in it fits" in refusal(tmp_path, "a/*.mp3")
    assert "The folder is empty" in refusal(tmp_path, "empty")
    message = refusal(tmp_path, "notes")
    assert "none of the 2 files" in message
    assert "'notes/**'" in message


def test_a_name_that_is_not_text_can_be_refused(tmp_path):
    assert "caf\\xe9.wav matches nothing" in refusal(tmp_path, "caf\udce9.wav")


def test_web_addresses_belong_into_a_manifest(tmp_path):
    assert "--manifest" in refusal(tmp_path, "https://host/a.wav")


def test_other_places_that_cannot_be_listed_are_refused(tmp_path):
    assert "cannot be listed" in refusal(tmp_path, "nosuchscheme://bucket/*.wav")
    assert "'server'" in refusal(tmp_path, "file://server/a.wav")


def test_manifests_are_looked_for_from_the_base(tmp_path):
    (tmp_path / "list.csv").write_text("audio\na.wav\n")
    check_sources(Sources(manifests=("list.csv",), base=str(tmp_path)))
    assert "none.csv does not exist" in refusal(tmp_path, manifests=("list.csv", "none.csv"))


@pytest.fixture
def bucket():
    names = ("b/x/1.wav", "b/x/deep/2.mp3", "b/x/notes.txt", "b/x/", "b/b[1].wav", "b/b1.wav")
    MemoryFiles.fill(**dict.fromkeys(names, b"-"))
    yield MemoryFiles
    MemoryFiles.fill()


@pytest.mark.parametrize(
    ("pattern", "names", "others"),
    [
        ("mem://b/x", ["x/1.wav", "x/deep/2.mp3"], 1),
        ("mem://b/x/", ["x/1.wav", "x/deep/2.mp3"], 1),
        ("mem://b/x/*", ["x/1.wav", "x/notes.txt"], 0),
        ("mem://b/**.wav", ["b1.wav", "b[1].wav", "x/1.wav"], 0),
        ("mem://b/b1.wav", ["b1.wav"], 0),
        ("mem://b/b[1].wav", ["b[1].wav"], 0),
    ],
)
def test_uris_are_listed_by_beams_file_systems(bucket, tmp_path, pattern, names, others):
    check_sources(Sources((pattern,)))
    assert listed(tmp_path, pattern) == ([f"mem://b/{name}" for name in names], others)


@pytest.mark.parametrize("pattern", ["mem://b/y", "mem://b/*.mp3", "mem://c/"])
def test_uris_that_match_nothing_are_refused(bucket, tmp_path, pattern):
    assert "matches nothing" in refusal(tmp_path, pattern)
