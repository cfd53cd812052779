from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from media_files import av_file, sound_file, video_file

from transforms.announced import missing_part

NOISE = (np.random.default_rng(1).standard_normal(48_000) * 0.1).astype(np.float32)
FILES = {
    "aiff": sound_file(NOISE, 48_000, "AIFF"),
    "au": sound_file(NOISE, 48_000, "AU"),
    "caf": sound_file(NOISE, 48_000, "CAF"),
    "sph": sound_file(NOISE, 48_000, "NIST"),
    "8svx": sound_file(NOISE, 48_000, "SVX"),
    "avi": av_file(NOISE, 48_000, "avi", "libmp3lame"),
    "m4a": av_file(NOISE, 48_000, "ipod", "aac"),
    "mov": av_file(NOISE, 48_000, "mov", "pcm_s16le"),
    "mkv": av_file(NOISE, 48_000, "matroska", "libopus"),
    "webm": av_file(NOISE, 48_000, "webm", "libopus"),
    "film.mkv": video_file(NOISE, 48_000, container="matroska"),
    "live.webm": av_file(NOISE, 48_000, "webm", "libopus", options={"live": "1"}),
}


def missing(data):
    return missing_part(io.BytesIO(data))


@pytest.mark.parametrize("data", FILES.values(), ids=FILES)
def test_what_an_encoder_writes_is_all_there(data):
    assert missing(data) is None


@pytest.mark.parametrize("name", sorted(set(FILES) - {"live.webm", "m4a", "mov"}))
@given(st.data())
@settings(max_examples=20, deadline=None)
def test_wherever_it_is_cut_the_missing_part_is_named(name, chance):
    data = FILES[name]
    end = chance.draw(st.integers(len(data) // 4, len(data) - 3))
    assert "the header announces" in missing(data[:end])


def test_a_movie_that_is_cut_in_a_box_names_it():
    data = FILES["m4a"]
    assert "of the box mdat" in missing(data[: data.index(b"mdat") + 500])
    assert "of the box moov" in missing(data[:-5])


def test_a_live_stream_that_is_cut_in_a_block_shows_it():
    assert "of a part of it" in missing(FILES["live.webm"][:-5])


@pytest.mark.parametrize(
    ("name", "marker", "offset", "size"),
    [
        ("aiff", b"SSND", 4, b"\0\0\0\0"),
        ("aiff", b"SSND", 4, b"\x7f\0\0\x08"),
        ("au", b".snd", 8, b"\xff\xff\xff\xff"),
        ("caf", b"data", 4, b"\xff" * 8),
        ("m4a", b"mdat", -4, b"\0\0\0\0"),
    ],
)
def test_placeholders_announce_nothing(name, marker, offset, size):
    data = FILES[name]
    place = data.index(marker) + offset
    assert missing(data[:place] + size + data[place + len(size) :]) is None


def test_the_64_bits_of_a_large_box_count():
    box = struct.pack(">I4sQ", 1, b"mdat", 1 << 40)
    assert missing(struct.pack(">I4s", 8, b"ftyp") + box + bytes(100)) == (
        f"the header announces {(1 << 40) - 16} bytes of the box mdat, 100 are there"
    )


@pytest.mark.parametrize(
    "head",
    [b"caff\0\1\0\0", b"\x1a\x45\xdf\xa3", b"FORM\0\0\0\0AIFF", b"\0\0\0\x08ftyp", b"RIFF\0\0\0\0AVI "],
)
@given(data=st.binary(max_size=300))
@settings(max_examples=60, deadline=None)
def test_any_bytes_are_walked_to_their_end(head, data):
    missing(head + data)


@pytest.mark.parametrize("data", [b"", b".snd", b"RIFF", b"OggS" + bytes(50), b"plain text"])
def test_other_files_announce_nothing(data):
    assert missing(data) is None
