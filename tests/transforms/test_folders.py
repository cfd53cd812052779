from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from pathlib import Path

import pytest

from transforms.errors import UsageError
from transforms.folders import LocalFolder, ObjectFolder, OutputError, RemoteFolder, dataset_folder

# Beam's file systems take local paths too: a RemoteFolder that needs no network.
KINDS = [LocalFolder, lambda path: RemoteFolder(str(path))]


@pytest.mark.parametrize("kind", KINDS)
def test_put_list_open_remove(kind, tmp_path: Path) -> None:
    folder = kind(tmp_path / "new")
    folder.prepare()
    assert folder.names() == []
    folder.put("b", b"one")
    folder.put("a", b"two")
    (tmp_path / "new" / ".hidden").write_bytes(b"")
    assert folder.names() == ["a", "b"]
    with folder.open("b") as file:
        file.seek(1)
        assert file.read() == b"ne"
    folder.remove("b")
    folder.remove("b")
    assert folder.names() == ["a"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_file_is_named(kind, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"nothing\.parquet: cannot read it"):
        kind(tmp_path).open("nothing.parquet")


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_that_is_not_there_is_empty(kind, tmp_path: Path) -> None:
    assert kind(tmp_path / "none").names() == []


def test_which_folder_an_output_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert dataset_folder("out", "segments") == LocalFolder(tmp_path / "out" / "segments")
    assert dataset_folder("file:///out", "segments") == LocalFolder(Path("/out/segments"))
    assert dataset_folder("s3://bucket/out/", "segments") == ObjectFolder("s3://bucket/out/segments")
    assert dataset_folder("hdfs://host/out", "segments") == RemoteFolder("hdfs://host/out/segments")


@pytest.mark.parametrize(
    ("code", "advice"),
    [(errno.ENOSPC, "full"), (errno.EROFS, "rights or its mount"), (errno.EIO, "seems to fail")],
)
def test_a_failing_disk_leaves_nothing(
    code: int, advice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OutputError, match=advice) as caught:
        LocalFolder(tmp_path).put("part", b"data")
    assert str(tmp_path / "part") in str(caught.value)
    assert os.strerror(code) in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_stays_when_its_successor_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = LocalFolder(tmp_path)
    folder.put("part", b"old")

    def fail(self: Path, target: Path) -> Path:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OutputError):
        folder.put("part", b"new")
    assert (tmp_path / "part").read_bytes() == b"old"


def test_prepare_removes_what_a_killed_writer_left_and_nothing_else(tmp_path: Path) -> None:
    stale, alive, foreign = (
        tmp_path / name for name in (".beamscribe-1.tmp", ".beamscribe-2.tmp", ".other.tmp")
    )
    for file in (stale, alive, foreign):
        file.write_bytes(b"torn")
    with alive.open("rb") as owner:
        fcntl.flock(owner, fcntl.LOCK_EX)
        LocalFolder(tmp_path).prepare()
    assert sorted(tmp_path.iterdir()) == sorted([alive, foreign])


def test_works_where_there_are_no_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(fcntl, "flock", fail)
    (tmp_path / ".beamscribe-1.tmp").write_bytes(b"torn")
    folder = LocalFolder(tmp_path)
    folder.prepare()
    folder.put("part", b"data")
    assert sorted(file.name for file in tmp_path.iterdir()) == [".beamscribe-1.tmp", "part"]


def test_an_output_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"")
    for path in (tmp_path / "out", tmp_path / "out" / "segments"):
        with pytest.raises(UsageError, match="--output"):
            LocalFolder(path).prepare()


def test_a_full_disk_is_found_before_the_first_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OutputError, match="full"):
        LocalFolder(tmp_path).prepare()
    assert list(tmp_path.iterdir()) == []


def test_a_uri_that_beam_cannot_open() -> None:
    with pytest.raises(UsageError, match="nowhere://bucket"):
        RemoteFolder("nowhere://bucket").prepare()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("broken", [False, True])
def test_a_file_that_is_written_bit_by_bit_appears_whole_or_not_at_all(
    broken: bool, kind, tmp_path: Path
) -> None:
    folder = kind(tmp_path)
    with contextlib.suppress(KeyError), folder.writing("part") as file:
        for _ in range(3):
            file.write(b"12")
            assert folder.names() == []
        if broken:
            raise KeyError
    if broken:
        assert list(tmp_path.iterdir()) == []
    else:
        assert (tmp_path / "part").read_bytes() == b"121212"


def test_what_breaks_inside_is_told_as_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="full"), LocalFolder(tmp_path).writing("part"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert list(tmp_path.iterdir()) == []
