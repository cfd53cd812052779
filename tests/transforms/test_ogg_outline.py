from __future__ import annotations

import io
import tracemalloc
from contextlib import contextmanager

import pytest
from coded_files import changed_page, ogg_pages_of, opus, vorbis
from media_files import av_file, tone
from mp3_files import in_one_piece

from transforms.ogg_outline import OggOutline, outline_of_ogg
from transforms.ogg_pages import page_of

OPUS, VORBIS = opus(seconds=40.0), vorbis(seconds=40.0)
PAGES = ogg_pages_of(OPUS)


def outline(data: bytes, above_seconds: float = 0.0) -> OggOutline | None:
    return outline_of_ogg(io.BytesIO(data), above_seconds)


def with_page(number: int, change) -> bytes:
    pages = list(PAGES)
    pages[number] = changed_page(pages[number], change)
    return b"".join(pages)


def at_position(granule: int):
    def change(page: bytearray) -> None:
        page[6:14] = granule.to_bytes(8, "little", signed=True)

    return change


def of_stream(number: int):
    def change(page: bytearray) -> None:
        page[14:18] = number.to_bytes(4, "little")

    return change


@pytest.mark.parametrize(
    "data",
    [
        OPUS,
        VORBIS,
        opus(8000, seconds=20.0, band=8000),
        opus(64_000, 2, seconds=20.0),
        vorbis(44_100, 1, 20.0),
        vorbis(8000, 1, 20.0),
    ],
    ids=["opus", "vorbis", "narrow", "stereo", "vorbis mono", "vorbis narrow"],
)
def test_it_tells_how_many_samples_come_out(data):
    samples, damage = in_one_piece(data)
    assert damage is None
    found = outline(data)
    assert found is not None
    assert (found.frames, found.channels) == (len(samples), samples.shape[1])


@pytest.mark.parametrize("data", [OPUS, VORBIS], ids=["opus", "vorbis"])
def test_decoding_may_begin_where_pages_begin_with_a_packet(data):
    found = outline(data)
    assert found is not None
    places = found.places
    assert data[places.head_bytes :].startswith(b"OggS")
    assert len(places.entries) == 3
    frame = 0
    for entry in places.entries:
        page = page_of(data[entry.place :][: 1 << 16], 0)
        assert (page.goes_on, page.packets) == (False, entry.packets)
        assert entry.frame - frame < 17 * found.sample_rate
        assert entry.end_frame - entry.frame > 0
        frame = entry.frame


def test_one_that_is_no_longer_is_not_walked():
    def refused():
        raise AssertionError("it is walked")

    assert outline_of_ogg(io.BytesIO(OPUS), 41.0, refused) is None
    assert outline(OPUS, 39.0) is not None


def test_what_is_walked_is_opened_by_the_caller_and_closed():
    walked = io.BytesIO(OPUS)

    @contextmanager
    def whole():
        with walked:
            yield walked

    assert outline_of_ogg(io.BytesIO(OPUS), 0.0, whole) == outline(OPUS)
    assert walked.closed


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"OggS",
        OPUS[:200],
        OPUS[:-100],
        b"".join(PAGES[:-1]),
        b"".join((*PAGES[:5], *PAGES[6:])),
        OPUS[:50_000] + b"??" + OPUS[50_002:],
        OPUS + OPUS,
        OPUS + VORBIS,
        with_page(6, of_stream(9)),
        with_page(6, at_position(5)),
        with_page(6, at_position(-1)),
        b"".join((*PAGES[:2], *(changed_page(page, at_position(3_000_000)) for page in PAGES[2:]))),
        b"".join((*PAGES[:2], *(changed_page(page, at_position(100)) for page in PAGES[2:]))),
        with_page(0, lambda page: page.__setitem__(28 + 8, 0x11)),
        with_page(0, lambda page: page.__setitem__(28 + 18, 2)),
        av_file(tone(440, 48_000), 48_000, "ogg", "flac"),
    ],
    ids=[
        "empty",
        "a mark",
        "headers",
        "cut off",
        "no last page",
        "a page is missing",
        "damaged",
        "two of a kind",
        "two",
        "two at a time",
        "back in time",
        "no time",
        "from the middle",
        "nothing comes out",
        "another version",
        "other channels",
        "flac",
    ],
)
def test_what_is_in_doubt_has_none(data):
    assert outline(data) is None


def test_pages_that_tell_of_years_take_no_memory_in_a_worker():
    long = 15 * 48_000
    page = bytearray(PAGES[2][:27] + b"\1x")
    page[26] = 1

    def at(number: int):
        def change(page: bytearray) -> None:
            page[6:14] = (number * long).to_bytes(8, "little")
            page[18:22] = number.to_bytes(4, "little")

        return change

    pages = (changed_page(bytes(page), at(number)) for number in range(2, 120_000))
    stream = io.BytesIO(b"".join((*PAGES[:2], *pages)))
    tracemalloc.start()
    try:
        assert outline_of_ogg(stream) is None
        assert tracemalloc.get_traced_memory()[1] < 14_000_000
    finally:
        tracemalloc.stop()
