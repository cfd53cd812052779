from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from media_files import av_file, sound_file

from transforms.ogg_pages import page_checksum, scan_pages

NOISE = (np.random.default_rng(1).standard_normal(5 * 48_000) * 0.1).astype(np.float32)
FILES = {
    "vorbis": sound_file(NOISE, 48_000, "OGG"),
    "opus": av_file(NOISE, 48_000, "ogg", "libopus"),
    "flac": av_file(NOISE, 48_000, "ogg", "flac"),
}
OPUS = FILES["opus"]


def scan(data):
    return scan_pages(io.BytesIO(data))


def pages(data):
    return [b"OggS" + page for page in data.split(b"OggS")[1:]]


def numbered(page, number):
    page = page[:18] + number.to_bytes(4, "little") + page[22:]
    return page[:22] + page_checksum(page).to_bytes(4, "little") + page[26:]


@pytest.mark.parametrize("data", FILES.values(), ids=FILES)
def test_what_an_encoder_writes_is_whole_also_one_behind_the_other(data):
    assert scan(data).describe() is None
    assert scan(data).pages == len(pages(data))
    assert scan(data + data).describe() is None
    assert scan(data + OPUS).describe() is None
    assert scan(data + bytes(100)).describe() is None


def test_the_checksum_is_that_of_the_standard():
    for page in pages(OPUS):
        assert page_checksum(page) == int.from_bytes(page[22:26], "little")


@pytest.mark.parametrize("name", FILES)
@given(chance=st.data())
@settings(max_examples=25, deadline=None)
def test_wherever_it_is_cut_behind_its_first_page_it_shows(name, chance):
    data = FILES[name]
    end = chance.draw(st.integers(len(pages(data)[0]), len(data) - 1))
    assert scan(data[:end]).describe()


# What stands before the first mark of a page is none.
@given(st.integers(8 * 4, 8 * len(OPUS) - 1))
@settings(max_examples=60, deadline=None)
def test_every_flipped_bit_shows(bit):
    spoiled = bytearray(OPUS)
    spoiled[bit // 8] ^= 1 << bit % 8
    assert scan(bytes(spoiled)).describe()


def test_one_flipped_bit_is_one_broken_page():
    spoiled = bytearray(OPUS)
    spoiled[len(OPUS) // 2] ^= 1
    assert scan(bytes(spoiled)).describe() == f"1 of {len(pages(OPUS))} Ogg pages have a wrong checksum"


def test_a_page_that_is_left_out_is_a_gap():
    parts = pages(OPUS)
    assert scan(b"".join(parts[:5] + parts[6:])).gaps == 1
    assert scan(b"".join(parts[:5]) + b"rubbish" + b"".join(parts[5:])).gaps == 1


def test_a_broadcast_that_begins_in_the_middle_is_whole():
    parts = pages(OPUS)
    later = [numbered(page, number + 700) for number, page in enumerate(parts[2:])]
    assert scan(b"".join(parts[:2] + later)).describe() is None


def test_a_file_of_beginnings_takes_no_memory_for_each():
    first = pages(OPUS)[0]
    serials = (first[:14] + number.to_bytes(4, "little") + first[18:] for number in range(5000))
    fakes = (page[:22] + page_checksum(page).to_bytes(4, "little") + page[26:] for page in serials)
    assert scan(b"".join(fakes)).pages == 5000


@given(st.binary(max_size=2000))
@settings(max_examples=60, deadline=None)
def test_any_bytes_are_walked_to_their_end(data):
    assert scan(b"OggS" + data).pages <= 1 + len(data) // 27
