from __future__ import annotations

import io
from functools import cache

import numpy as np
import pytest
from coded_files import LONG_SECONDS, aac, changed_page, ogg_pages_of, opus, tables_in_front, vorbis
from hypothesis import given, settings
from hypothesis import strategies as st
from media_files import av_file, video_file
from mp3_files import in_one_piece, talk

from transforms.decode_base import ShieldedStream, UndecodableError
from transforms.decode_entered import open_entered
from transforms.ogg_outline import OggPlaces
from transforms.outline import Outline, outline_of


@cache
def video(rate: int = 16_000) -> bytes:
    return video_file(talk(rate, LONG_SECONDS, 1), rate)


@cache
def of_packets(milliseconds: str) -> bytes:
    sound = talk(48_000, LONG_SECONDS, 1)
    return av_file(
        sound, 48_000, "ogg", "libopus", bit_rate=24_000, encoder_options={"frame_duration": milliseconds}
    )


FILES = {
    "aac": aac,
    "aac, tables in front": lambda: tables_in_front(aac()),
    "aac stereo": lambda: aac(44_100, 2),
    "aac 8 kHz": lambda: aac(8000),
    "video": video,
    "opus": opus,
    "opus stereo": lambda: opus(64_000, 2),
    "opus narrow": lambda: opus(12_000, band=8000),
    "opus wide": lambda: opus(16_000, band=16_000),
    "opus of 60 ms": lambda: of_packets("60"),
    "opus of 2.5 ms": lambda: of_packets("2.5"),
    "vorbis": vorbis,
    "vorbis narrow": lambda: vorbis(8000, 1),
}


def outline_in(data: bytes) -> Outline:
    found = outline_of(io.BytesIO(data))
    assert found is not None
    return found


def from_inside(data: bytes, outline: Outline, start: int) -> tuple[np.ndarray, str | None]:
    places = outline.places
    assert isinstance(places, OggPlaces) or places == "times"
    stream = ShieldedStream(io.BytesIO(data))
    with open_entered(stream, places, outline.sample_rate, start) as decoder:
        blocks = [np.empty((0, outline.channels)), *(block.copy() for block in decoder.blocks())]
        return np.concatenate(blocks), decoder.damage


# What the other ones share with these: they take minutes together.
QUICK = ("aac", "opus narrow", "vorbis")


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.thorough) for name in FILES]
)
def test_from_any_place_on_it_has_the_samples_of_one_piece(name):
    data = FILES[name]()
    outline = outline_in(data)
    whole, damage = in_one_piece(data)
    assert damage is None
    assert outline.frames == len(whole)
    rate = outline.sample_rate
    minutes = [round((60 + more) * rate) for more in (-0.01, 0, 0.01, 0.5, 1.1)]
    for start in (0, 20 * rate, *minutes, 137 * rate, outline.frames - 1):
        samples, damage = from_inside(data, outline, start)
        assert damage is None
        assert np.array_equal(samples, whole[start:]), start / rate


class Counted(io.BytesIO):
    """Counts what is read, and from where."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.places: set[int] = set()

    def readinto(self, buffer) -> int:
        self.places.add(self.tell())
        return super().readinto(buffer)


def test_of_ogg_the_headers_are_read_and_what_follows_the_entry():
    data = opus()
    outline = outline_in(data)
    stream = Counted(data)
    with open_entered(ShieldedStream(stream), outline.places, outline.sample_rate, 130 * 48_000) as decoder:
        next(decoder.blocks())
    assert all(place < 1000 or place > len(data) * 0.6 for place in stream.places)


def damaged(data: bytes, chance) -> bytes:
    result = bytearray(data)
    for _ in range(chance.draw(st.integers(1, 3))):
        here = chance.draw(st.integers(2000, len(data) - 10_000))
        some = chance.draw(st.binary(min_size=1, max_size=300))
        result[here : here + len(some)] = some
    return bytes(result)


def repaged(data: bytes, chance) -> bytes:
    """Other sound and other positions under right checksums."""
    pages = ogg_pages_of(data)

    def change(page: bytearray) -> None:
        if chance.draw(st.booleans()):
            at = chance.draw(st.integers(300, len(page) - 1))
            page[at] = chance.draw(st.integers(0, 255))
        else:
            moved = int.from_bytes(page[6:14], "little") + chance.draw(st.integers(-2000, 2000))
            page[6:14] = moved.to_bytes(8, "little")

    for _ in range(chance.draw(st.integers(1, 3))):
        number = chance.draw(st.integers(5, len(pages) - 2))
        pages[number] = changed_page(pages[number], change)
    return b"".join(pages)


@pytest.mark.thorough
@given(st.data())
@settings(max_examples=25, deadline=None)
@pytest.mark.parametrize(
    ("name", "change"), [("aac", damaged), ("opus", repaged), ("vorbis", repaged), ("opus", damaged)]
)
def test_what_is_damaged_shows_at_a_border_or_at_the_end_or_changes_nothing(name, change, chance):
    """As with chapters: the first begins at the start, the last ends at the end, and they meet in between."""
    data = change(FILES[name](), chance)
    outline = outline_of(io.BytesIO(data))
    if outline is None:
        return
    rate = outline.sample_rate
    try:
        parts = [from_inside(data, outline, seconds * rate) for seconds in (0, 50, 110)]
    except UndecodableError:
        return
    whole, _ = in_one_piece(data)
    if all(
        damage is None and len(part) == outline.frames - seconds * rate
        for seconds, (part, damage) in zip((0, 50, 110), parts, strict=True)
    ):
        meet = np.array_equal(parts[0][0][50 * rate : 60 * rate], parts[1][0][: 10 * rate])
        meet &= np.array_equal(parts[1][0][60 * rate : 70 * rate], parts[2][0][: 10 * rate])
        if meet:
            assert np.array_equal(
                whole,
                np.concatenate(
                    (parts[0][0][: 55 * rate], parts[1][0][5 * rate : 65 * rate], parts[2][0][5 * rate :])
                ),
            )


@pytest.mark.parametrize("begin", [2, 20], ids=["from the first page on", "inside"])
@pytest.mark.parametrize(("name", "more"), [("opus narrow", 960), ("vorbis", 22_050)])
def test_packets_that_are_missing_shift_nothing_unseen_though_silence_hides_it_at_a_border(name, more, begin):
    """A recorder leaves out what was lost on the way: positions jump there, and one piece counts samples."""

    def move(page: bytearray) -> None:
        page[6:14] = (int.from_bytes(page[6:14], "little") + more).to_bytes(8, "little")

    pages = ogg_pages_of(FILES[name]())
    begin += name == "vorbis"
    data = b"".join(pages[:begin] + [changed_page(page, move) for page in pages[begin:]])
    assert len(in_one_piece(data)[0]) == len(in_one_piece(FILES[name]())[0])
    outline = outline_in(data)
    assert outline.frames == len(in_one_piece(data)[0]) + more
    assert from_inside(data, outline, 0)[1] == "times jump"
