from __future__ import annotations

import io
import struct
import tracemalloc

import numpy as np
import pytest
from coded_files import aac, tables_in_front
from hypothesis import example, given, settings
from hypothesis import strategies as st
from media_files import av_file, tone, two_tracks, video_file
from mp3_files import in_one_piece

from transforms.mp4_outline import Mp4Outline, outline_of_mp4

SHORT = aac(seconds=3.0)
RATES = (8000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000)


def outline(data: bytes) -> Mp4Outline | None:
    return outline_of_mp4(io.BytesIO(data))


def replaced(data: bytes, name: bytes, at: int, to: bytes) -> bytes:
    """With other bytes so far behind the name of a box."""
    place = data.index(name) + 4 + at
    return data[:place] + to + data[place + len(to) :]


def edited(start: int, duration: int) -> bytes:
    return replaced(SHORT, b"elst", 8, struct.pack(">II", duration, start))


def without(data: bytes, name: bytes) -> bytes:
    """With a box that nobody knows in place of one."""
    return replaced(data, name, -4, b"free")


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("ordered", [bytes, tables_in_front])
def test_it_tells_how_many_samples_come_out(rate, channels, ordered):
    data = ordered(aac(rate, channels, 2.2))
    samples, damage = in_one_piece(data)
    assert damage is None
    assert outline(data) == Mp4Outline(len(samples), rate, channels)


def test_of_a_video_it_is_the_first_track_of_sound():
    data = video_file(tone(440, 16_000, 2.0), 16_000)
    assert outline(data) == Mp4Outline(len(in_one_piece(data)[0]), 16_000, 1)
    data = two_tracks(tone(440, 16_000, 2.0), 16_000, "mp4")
    assert outline(data) == Mp4Outline(len(in_one_piece(data)[0]), 16_000, 1)


@given(start=st.integers(0, 5000), duration=st.integers(1, 3200))
@example(start=0, duration=3000)
@example(start=1024, duration=2937)
@example(start=1024, duration=2936)
@example(start=2112, duration=2900)
@example(start=2112, duration=2868)
@settings(max_examples=80, deadline=None)
def test_wherever_an_edit_begins_and_ends_it_is_in_doubt_or_tells_what_comes_out(start, duration):
    data = edited(start, duration)
    found = outline(data)
    if found is not None:
        samples, damage = in_one_piece(data)
        assert damage is None
        assert found.frames == len(samples)


def test_some_edits_are_taken():
    assert outline(edited(0, 3100)) is not None
    assert outline(edited(2112, 3000)) is not None
    assert outline(edited(0, 1000)) is None


def test_without_an_edit_all_comes_out():
    data = without(SHORT, b"edts")
    found = outline(data)
    assert found is not None
    assert found.frames == len(in_one_piece(data)[0])


CONFIGURATION = SHORT.index(b"\x14\x08", SHORT.index(b"esds"))  # AAC-LC, 16 kHz, mono


@pytest.mark.parametrize(
    "data",
    [
        b"",
        SHORT[:-30],
        without(SHORT, b"moov"),
        without(SHORT, b"mvhd"),
        without(SHORT, b"stts"),
        without(SHORT, b"esds"),
        without(SHORT, b"mdhd"),
        replaced(SHORT, b"hdlr", 8, b"vide"),
        replaced(SHORT, b"mdhd", 12, (600).to_bytes(4, "big")),
        replaced(SHORT, b"stts", 4, (5).to_bytes(4, "big")),
        replaced(SHORT, b"stts", 12, (1000).to_bytes(4, "big")),
        replaced(SHORT, b"stsz", 8, (7).to_bytes(4, "big")),
        replaced(SHORT, b"elst", 4, (2).to_bytes(4, "big")),
        replaced(SHORT, b"elst", 12, (-1).to_bytes(4, "big", signed=True)),
        replaced(SHORT, b"elst", 16, (2 << 16).to_bytes(4, "big")),
        replaced(SHORT, b"elst", 12, (2_000_000).to_bytes(4, "big")),
        replaced(SHORT, b"mp4a", 8, (1).to_bytes(2, "big")),
        replaced(SHORT, b"mp4a", -4, b"alac"),
        SHORT[:CONFIGURATION] + b"\x2c\x08" + SHORT[CONFIGURATION + 2 :],
        SHORT[:CONFIGURATION] + b"\x14\x0c" + SHORT[CONFIGURATION + 2 :],
        SHORT[:CONFIGURATION] + b"\x14\x00" + SHORT[CONFIGURATION + 2 :],
        SHORT[: CONFIGURATION + 4] + b"\xe5\x80" + SHORT[CONFIGURATION + 6 :],
        aac(seconds=3.0, movflags="frag_keyframe+empty_moov"),
        av_file(tone(440, 16_000), 16_000, "ipod", "alac"),
    ],
    ids=[
        "empty",
        "cut off",
        "no tables",
        "no header",
        "no times",
        "no description",
        "no timescale",
        "no sound",
        "another timescale",
        "times of many lengths",
        "packets of another length",
        "another number of times",
        "two edits",
        "an empty edit",
        "another speed",
        "an edit behind the end",
        "QuickTime's",
        "ALAC",
        "HE-AAC",
        "short frames",
        "channels that are not told",
        "HE-AAC for old decoders",
        "fragments",
        "another coding",
    ],
)
def test_what_is_in_doubt_has_none(data):
    assert outline(data) is None


def test_priming_that_only_a_tag_tells_is_in_doubt():
    tag = b"iTunSMPB 00000000 00000840"
    data = without(SHORT, b"edts")
    assert outline(replaced(data, b"udta", 8, tag)) is None
    assert outline(data) is not None


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_whatever_the_tables_say_nothing_but_an_outline_comes_of_it(chance):
    data = bytearray(SHORT)
    tables = data.index(b"moov")
    for _ in range(chance.draw(st.integers(1, 4))):
        data[chance.draw(st.integers(tables, len(data) - 1))] = chance.draw(st.integers(0, 255))
    found = outline(bytes(data))
    assert found is None or found.frames > 0


def test_a_small_track_of_zeros_is_whole():
    data = av_file(np.zeros(3000, np.float32), 16_000, "ipod", "aac")
    found = outline(data)
    assert found is not None
    assert found.frames == len(in_one_piece(data)[0])


def test_boxes_of_a_million_names_take_no_memory_in_a_worker():
    names = (f"{number:04x}".encode() for number in range(1 << 16))
    data = io.BytesIO(SHORT[:32] + b"".join(b"\0\0\0\x08" + name for name in names))
    tracemalloc.start()
    try:
        assert outline_of_mp4(data) is None
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
