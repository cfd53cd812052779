from __future__ import annotations

import base64
import random

from hypothesis import given
from hypothesis import strategies as st

from transforms.base64_text import base64_of


@given(st.lists(st.binary(max_size=100)))
def test_it_is_that_of_the_slices_joined(slices):
    assert b"".join(base64_of(map(memoryview, slices))) == base64.b64encode(b"".join(slices))


@given(st.integers(49_150, 49_160), st.integers(0, 5))
def test_a_long_slice_comes_piece_by_piece(size_bytes, first):
    data = random.Random(1).randbytes(2 * size_bytes)
    pieces = list(base64_of([data[:first], data[first:]]))
    assert b"".join(pieces) == base64.b64encode(data)
    assert max(map(len, pieces)) == 64 * 1024
