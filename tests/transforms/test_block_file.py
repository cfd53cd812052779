from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from transforms.block_file import BlockFile

BLOCK = 16


def block_file(content: bytes, brought: list[int], file: io.FileIO) -> BlockFile:
    """A file with holes, into which blocks of the content are brought."""
    file.truncate(len(content))

    def bring(number: int) -> None:
        brought.append(number)
        os.pwrite(file.fileno(), content[number * BLOCK : (number + 1) * BLOCK], number * BLOCK)

    return BlockFile(os.dup(file.fileno()), bring, BLOCK)


def read_by(method: str) -> Callable[[BlockFile, int], bytes]:
    def read(file: BlockFile, size: int) -> bytes:
        if method == "read":
            return file.read(size)
        into = bytearray(size)
        return bytes(into[: file.readinto(into)])

    return read


@given(
    st.binary(max_size=100),
    st.lists(st.tuples(st.integers(0, 120), st.integers(0, 50), st.sampled_from(("read", "readinto")))),
)
def test_every_byte_is_there_when_it_is_read_and_each_block_is_brought_once(content, reads):
    brought: list[int] = []
    needed: set[int] = set()
    with (
        tempfile.TemporaryFile(buffering=0) as file,
        block_file(content, brought, file) as blocks,
    ):
        for position, size, method in reads:
            blocks.seek(position)
            assert read_by(method)(blocks, size) == content[position : position + size]
            needed.update(place // BLOCK for place in range(position, min(position + size, len(content))))
        assert sorted(brought) == sorted(needed)
        blocks.seek(0)
        assert blocks.read() == content


def test_a_file_that_is_whole_asks_nobody(tmp_path):
    (tmp_path / "whole").write_bytes(b"whole")
    with BlockFile(os.open(tmp_path / "whole", os.O_RDONLY), None, BLOCK) as file:
        assert file.read(-1) == b"whole"
