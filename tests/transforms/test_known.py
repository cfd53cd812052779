from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from transforms.engines import EngineChoice
from transforms.known import (
    Known,
    Shaping,
    Skipping,
    Standing,
    recording_digest,
    settings_digest,
    write_known,
)
from transforms.records import Mark, Recording

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


def test_what_begins_alike_is_found_in_every_block(tmp_path: Path):
    alike = [bytes(8) + number.to_bytes(8, "big") for number in range(1000)]
    after = [b"\x01" + bytes(7) + number.to_bytes(8, "big") for number in range(1000)]
    write_known(tmp_path / "known", [*after, *alike])
    known = Known(tmp_path / "known")
    assert len(known) == 2000
    assert all(digest in known for digest in [*alike, *after])
    assert bytes(8) + (1000).to_bytes(8, "big") not in known
    assert b"\xff" * 16 not in known
    # The end of one and the beginning of the next is no digest.
    assert alike[5][4:] + alike[6][:4] not in known


def test_every_part_of_a_recording_counts():
    mark = Mark(10, "5")
    digests = {
        recording_digest("/a.wav", mark, "s"),
        recording_digest("/b.wav", mark, "s"),
        recording_digest("/a.wav", Mark(11, "5"), "s"),
        recording_digest("/a.wav", Mark(10, "6"), "s"),
        recording_digest("/a.wav", mark, "t"),
        recording_digest("/a.wav", mark, "s", 7),
    }
    assert len(digests) == 6


def test_a_recording_is_skipped_only_when_all_of_it_is_known(tmp_path: Path):
    shaping = Shaping("base", EngineChoice("16k_zh", (("en", "16k_en"),)))
    found = Recording("/a.wav", b"/a.wav", mark=Mark(10, "5"))
    settings = shaping.of(found)
    digests = [recording_digest("/a.wav", Mark(10, "5"), settings, crc32c) for crc32c in (None, 77)]
    write_known(tmp_path / "done", digests)
    write_known(tmp_path / "failing", [recording_digest("/bad.wav", Mark(10, "5"), settings)])
    skipping = Skipping(tmp_path / "done", tmp_path / "failing", shaping)
    standing = skipping.open()
    assert standing(found) is Standing.DONE
    assert standing(replace(found, expected_crc32c=77)) is Standing.DONE
    assert standing(replace(found, audio_uri="/bad.wav")) is Standing.FAILING
    for changed in (
        replace(found, mark=None),
        replace(found, mark=Mark(10, "6")),
        replace(found, mark=Mark(11, "5")),
        replace(found, channel=0),
        replace(found, language="en"),
        replace(found, expected_crc32c=78),
        replace(found, audio_uri="/b.wav"),
    ):
        assert standing(changed) is Standing.NEW, changed
    assert replace(skipping, shaping=replace(shaping, base="other")).open()(found) is Standing.NEW


def test_rows_of_richer_options_are_as_good(tmp_path: Path):
    engines = EngineChoice("16k_zh")
    found = Recording("/a.wav", b"/a.wav", mark=Mark(10, "5"))
    richer = Shaping("richer", engines)
    write_known(tmp_path / "done", [recording_digest("/a.wav", Mark(10, "5"), richer.of(found))])
    write_known(tmp_path / "failing", [])

    def standing(shaping: Shaping) -> Standing:
        return Skipping(tmp_path / "done", tmp_path / "failing", shaping).open()(found)

    plain = Shaping("base", engines, richer=("richer",))
    assert plain.of(found) == Shaping("base", engines).of(found)
    assert standing(plain) is standing(richer) is Standing.DONE
    assert standing(Shaping("base", engines)) is Standing.NEW


def test_settings_differ_when_any_of_them_does():
    assert settings_digest("16k_en", 59.0, (("a", 1),)) == settings_digest("16k_en", 59.0, (("a", 1),))
    assert settings_digest("16k_en", 59.0, (("a", 1),)) != settings_digest("16k_en", 59.0, (("a", 2),))
