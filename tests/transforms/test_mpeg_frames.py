from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from media_files import av_file, sound_file

from transforms.mpeg_frames import scan_frames

NOISE = (np.random.default_rng(1).standard_normal(2 * 44_100) * 0.1).astype(np.float32)
MP3 = sound_file(NOISE, 44_100, "MP3")
ADTS = av_file(NOISE, 44_100, "adts", "aac")


def scan(data):
    return scan_frames(io.BytesIO(data))


@pytest.mark.parametrize("sample_rate", [8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000])
@pytest.mark.parametrize("layout", ["mono", "stereo"])
@pytest.mark.parametrize("bit_rate", [32_000, 128_000])
def test_what_an_encoder_writes_is_whole(sample_rate, layout, bit_rate):
    sound = NOISE if layout == "mono" else np.stack((NOISE, -NOISE), axis=1)
    found = scan(av_file(sound, sample_rate, "mp3", "libmp3lame", layout=layout, bit_rate=bit_rate))
    assert found.describe() is None
    assert len(NOISE) <= found.samples <= len(NOISE) + 5 * 1152


@pytest.mark.parametrize("sample_rate", [8000, 16000, 44100])
def test_adts_is_walked_too(sample_rate):
    found = scan(av_file(NOISE, sample_rate, "adts", "aac"))
    assert found.describe() is None
    assert len(NOISE) <= found.samples <= len(NOISE) + 3 * 1024


@pytest.mark.parametrize("data", [MP3, ADTS], ids=["mp3", "adts"])
@given(st.data())
@settings(max_examples=40, deadline=None)
def test_wherever_it_is_cut_inside_a_frame_it_shows(data, chance):
    end = chance.draw(st.integers(len(data) // 4, len(data) - 1))
    found = scan(data[:end])
    whole = scan(data)
    assert found.frames < whole.frames
    # Cut between two frames, or within the few bytes of a header, nothing is missing in the structure.
    assert found.is_cut or len(data[:end]) - last_end(data, end) < 7


def last_end(data, end):
    """Where the last whole frame of the first ``end`` bytes ends: found by cutting byte after byte."""
    frames = scan(data[:end]).frames
    place = end
    while scan(data[: place - 1]).frames == frames:
        place -= 1
    return place


@pytest.mark.parametrize("data", [MP3, ADTS], ids=["mp3", "adts"])
def test_a_header_that_is_none_is_a_gap(data):
    sync = data.index(data[:2], len(data) // 2)
    found = scan(data[:sync] + b"\0" + data[sync + 1 :])
    assert found.gaps == 1
    assert "no frame follows" in found.describe()


def test_impossible_side_information_is_counted():
    sync = MP3.index(MP3[:2], len(MP3) // 2)
    spoiled = MP3[: sync + 4] + b"\xff" * 17 + MP3[sync + 21 :]
    found = scan(spoiled)
    assert (found.broken, found.gaps) == (1, 0)
    assert found.describe() == f"1 of {found.frames} frames are broken"


def test_tags_zeros_and_what_comes_before_are_no_damage():
    tag = b"ID3\x04\0\0\0\0\x02\0" + bytes(256)
    for data in (
        tag + MP3,
        tag + tag + MP3,
        b"abc" * 500 + MP3,
        MP3 + b"TAG" + bytes(125),
        MP3 + b"APETAGEX" + b"x" * 9000,
        MP3 + bytes(9000),
        MP3 + tag + MP3,
        MP3 + b"few unknown bytes",
        MP3 + MP3,
        MP3 + sound_file(NOISE, 22_050, "MP3"),
    ):
        assert scan(data).describe() is None


def test_much_of_something_else_behind_is_damage():
    assert scan(MP3 + b"x" * 9000).gaps == 1


@pytest.mark.parametrize("data", [b"", b"\xff", b"\xff\xfb", bytes(5000), b"\xff" * 5000, b"RIFF" * 100])
def test_what_has_no_frames_has_no_scan(data):
    assert scan(data) is None


@given(st.binary(max_size=300), st.integers(0, len(MP3)))
@settings(max_examples=60, deadline=None)
def test_any_bytes_are_walked_to_their_end(data, place):
    found = scan(MP3[:place] + data + MP3[place:])
    assert found is None or found.samples <= 1152 * found.frames


@pytest.mark.parametrize(
    "tag", [b"TAG" + bytes(125), b"APETAGEX" + b"\xd0\x07\0\0" + b"\x28\0\0\0" + bytes(56)]
)
def test_what_is_joined_behind_a_tag_counts(tag):
    alone, joined = scan(MP3), scan(MP3 + tag + MP3 + tag)
    assert (joined.frames, joined.samples) == (2 * alone.frames, 2 * alone.samples)
    assert joined.describe() is None


def test_frames_that_the_tag_announces_and_are_not_there_are_damage():
    tagged = av_file(NOISE, 44_100, "mp3", "libmp3lame")
    assert b"Info" in tagged[:600]
    half = last_end(tagged, len(tagged) // 2)
    assert "its tag announces" in scan(tagged[:half]).describe()
    untagged = av_file(NOISE, 44_100, "mp3", "libmp3lame", options={"write_xing": "0"})
    assert scan(untagged[: last_end(untagged, len(untagged) // 2)]).describe() is None


class Shrunk(io.BytesIO):
    """As long as it was when it was opened, though it has been cut off since."""

    def seek(self, offset: int, whence: int = 0) -> int:
        return super().seek(offset, whence) + (100_000 if whence == 2 else 0)


@pytest.mark.parametrize("end", [len(MP3), len(MP3) // 2, len(MP3) // 2 + 3])
def test_a_file_that_is_cut_off_while_it_is_read_comes_to_an_end(end):
    assert scan_frames(Shrunk(MP3[:end])).describe() is not None
