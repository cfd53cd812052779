from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from transforms.names import segment_stem

ADDRESSES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).map(lambda name: f"/a/{name}")


@given(st.lists(st.tuples(ADDRESSES, st.integers(0, 12), st.integers(0, 12_000)), unique=True, max_size=20))
def test_no_two_segments_share_a_name(segments):
    assert len({segment_stem(*segment).casefold() for segment in segments}) == len(segments)


@given(ADDRESSES)
def test_a_name_is_the_key_of_a_webdataset_sample(address):
    name = f"{segment_stem(address, 1, 3)}.flac"
    assert re.fullmatch(r"[^./]+-[a-z2-7]{16}-c1-s0003\.flac", name)
    assert len(name.encode()) <= 143
    assert name.isprintable()
