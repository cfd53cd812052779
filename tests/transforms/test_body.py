from __future__ import annotations

import gc
import hashlib
import os
import tempfile
from typing import IO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.body import Body

SIZES = st.lists(st.integers(0, 400_000), max_size=6)


def slices_of(sizes: list[int]) -> list[bytes]:
    return [bytes([number]) * size for number, size in enumerate(sizes)]


@given(SIZES)
def test_what_goes_in_comes_out_again_and_again(sizes: list[int]) -> None:
    slices = slices_of(sizes)
    body = Body(iter(slices))
    whole = b"".join(slices)
    assert b"".join(body) == whole
    assert b"".join(body) == whole
    assert (body.size_bytes, body.sha256) == (len(whole), hashlib.sha256(whole).hexdigest())
    assert all(0 < len(piece) <= 64 * 1024 for piece in body)


def test_a_large_body_takes_a_file_and_lets_it_go() -> None:
    files: list[IO[bytes]] = []

    def open_file() -> IO[bytes]:
        files.append(tempfile.TemporaryFile(buffering=0))  # noqa: SIM115
        return files[-1]

    body = Body(slices_of([300_000] * 5), open_file=open_file)
    assert os.fstat(files[0].fileno()).st_size == 1_500_000
    assert len(files) == 1
    del body
    gc.collect()
    assert files[0].closed


def test_a_small_body_takes_none() -> None:
    def open_file() -> IO[bytes]:
        raise AssertionError("no file is needed")

    assert b"".join(Body([b"a", b"b"], open_file=open_file)) == b"ab"


@pytest.mark.parametrize("bytes_that_fit", [None, 0, 300_000])
def test_memory_has_to_do_where_the_temporary_folder_is_full(
    bytes_that_fit: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def open_file() -> IO[bytes]:
        if bytes_that_fit is None:
            raise OSError(28, "No space left on device")
        return tempfile.TemporaryFile(buffering=0)

    pwrite = os.pwrite

    def full(file: int, data: memoryview, start: int) -> int:
        if start >= (bytes_that_fit or 0):
            raise OSError(28, "No space left on device")
        return pwrite(file, data[: (bytes_that_fit or 0) - start], start)

    monkeypatch.setattr("transforms.body.os.pwrite", full)
    slices = slices_of([150_000] * 7)
    assert b"".join(Body(slices, open_file=open_file)) == b"".join(slices)
