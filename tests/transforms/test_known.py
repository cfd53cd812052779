from __future__ import annotations

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from transforms.known import Known, recording_digest, settings_digest, write_known

DIGESTS = st.sets(
    st.binary(min_size=16, max_size=16) | st.just(bytes(16)) | st.just(b"\xff" * 16), max_size=50
)


@given(inside=DIGESTS, asked=DIGESTS)
def test_holds_exactly_what_was_written(inside, asked, tmp_path_factory):
    path = tmp_path_factory.mktemp("known") / "known"
    write_known(path, inside)
    known = Known(path)
    assert len(known) == len(inside)
    assert all(digest in known for digest in inside)
    assert {digest for digest in asked if digest in known} == asked & inside


def test_digests_that_share_their_first_half_are_told_apart(tmp_path: Path):
    half = os.urandom(8)
    write_known(tmp_path / "known", [half + b"1" * 8, half + b"3" * 8])
    known = Known(tmp_path / "known")
    assert half + b"3" * 8 in known
    assert half + b"2" * 8 not in known


def test_every_part_of_a_recording_counts():
    base = ("/a.wav", None, 10, "5", "s", None)
    changes = [("/b.wav", 0), (0, 1), (11, 2), ("6", 3), ("t", 4), (7, 5)]
    others = {recording_digest(*base[:at], value, *base[at + 1 :]) for value, at in changes}
    assert len(others | {recording_digest(*base)}) == 7


def test_settings_differ_when_any_of_them_does():
    assert settings_digest("16k_en", 59.0, (("a", 1),)) == settings_digest("16k_en", 59.0, (("a", 1),))
    assert settings_digest("16k_en", 59.0, (("a", 1),)) != settings_digest("16k_en", 59.0, (("a", 2),))
