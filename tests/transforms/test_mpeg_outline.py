from __future__ import annotations

import io

import pytest
from media_files import av_file
from mp3_files import in_one_piece, mp3, places, talk

from transforms.mpeg_outline import MpegOutline, outline_of_mpeg

RATE = 22_050
TAGGED, UNTAGGED_FILE, VARYING = (
    mp3(kind, RATE, 4.0, 2) for kind in ("with a tag", "without a tag", "varying")
)
TAG_AT = TAGGED.index(b"Info")
APE = b"APETAGEX" + (2000).to_bytes(4, "little") + (64).to_bytes(4, "little") + bytes(80)
VARYING_WITHOUT = VARYING[places(VARYING)[1] :]


def outline(data: bytes, above_seconds: float = 0.0) -> MpegOutline | None:
    return outline_of_mpeg(io.BytesIO(data), above_seconds)


def changed(data: bytes, at: int, to: bytes) -> bytes:
    return data[:at] + to + data[at + len(to) :]


def lame_says(delay: int, padding: int) -> bytes:
    """With other numbers of samples that the encoder put around those of the recording."""
    return changed(TAGGED, TAG_AT + 141, (delay << 12 | padding).to_bytes(3, "big"))


def voiced_by_fraunhofer(data: bytes) -> bytes:
    return changed(data, 36, b"VBRI" + bytes(10) + (100).to_bytes(4, "big"))


@pytest.mark.parametrize(
    "data",
    [
        TAGGED,
        UNTAGGED_FILE,
        VARYING,
        TAGGED + APE,
        UNTAGGED_FILE + APE,
        UNTAGGED_FILE + b"TAG" + bytes(125),
        changed(TAGGED, TAG_AT + 120, bytes(30)),
        lame_says(0, 0),
        lame_says(576, 100),
        lame_says(4095, 4095),
        UNTAGGED_FILE[: places(UNTAGGED_FILE)[40]],
    ],
    ids=[
        "with a tag",
        "without",
        "varying",
        "tag behind",
        "tag behind, none in front",
        "old tag behind",
        "no encoder named",
        "no delay",
        "little padding",
        "much of both",
        "ends with a frame",
    ],
)
def test_it_has_as_many_samples_as_come_out(data):
    found = outline(data)
    samples, damage = in_one_piece(data)
    assert damage is None
    assert found is not None
    assert (found.frames, found.channels, found.sample_rate) == (*samples.shape, RATE)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        TAGGED[:100],
        b"ID3 no sound at all, but as long as a header" * 9,
        UNTAGGED_FILE[:-30],
        UNTAGGED_FILE[30:],
        changed(UNTAGGED_FILE, len(UNTAGGED_FILE) // 2, bytes(600)),
        TAGGED + TAGGED,
        TAGGED[TAG_AT - 50 :],
        VARYING_WITHOUT,
        UNTAGGED_FILE + VARYING,
        UNTAGGED_FILE + mp3("without a tag", RATE, 2.0, 1),
        UNTAGGED_FILE + mp3("without a tag", 24_000, 2.0, 2),
        UNTAGGED_FILE + b"TAG" + bytes(125) + UNTAGGED_FILE,
        changed(TAGGED, TAG_AT + 8, (len(places(TAGGED)) - 2).to_bytes(4, "big")),
        changed(TAGGED, TAG_AT + 7, b"\x0e"),
        voiced_by_fraunhofer(UNTAGGED_FILE),
        changed(UNTAGGED_FILE, 1, bytes([UNTAGGED_FILE[1] & 0xFE])),
        next(UNTAGGED_FILE[at:] for at in places(UNTAGGED_FILE) if UNTAGGED_FILE[at + 2] & 2),
        av_file(talk(RATE, 4.0, 1), RATE, "adts", "aac"),
    ],
    ids=[
        "empty",
        "cut in its first frame",
        "no mp3",
        "cut off",
        "begun inside a frame",
        "damaged",
        "joined with tags",
        "begun inside a tag",
        "varying without a tag",
        "bit rate changes",
        "channels change",
        "rate changes",
        "joined with a tag between",
        "tag counts fewer",
        "tag does not count",
        "tag of another encoder",
        "with checksums",
        "first frame is longer",
        "adts",
    ],
)
def test_where_anything_is_in_doubt_it_has_none(data):
    assert outline(data) is None


def test_one_that_is_not_long_is_not_walked():
    for data in (TAGGED, UNTAGGED_FILE, VARYING):
        assert outline(data, 3.9) is not None
        broken = data[:-1000]
        assert outline_of_mpeg(io.BytesIO(broken), 4.2, whole=lambda: pytest.fail("it is walked")) is None


def test_it_can_be_walked_in_another_stream():
    opened = []

    def whole() -> io.BytesIO:
        opened.append(io.BytesIO(TAGGED))
        return opened[-1]

    assert outline_of_mpeg(io.BytesIO(TAGGED), 0.0, whole) == outline(TAGGED)
    assert [each.closed for each in opened] == [True]


def test_its_entries_are_places_of_frames(monkeypatch):
    monkeypatch.setattr("transforms.mpeg_outline._ENTRY_SECONDS", 1)
    for data, tags in ((TAGGED, 1), (VARYING, 1), (UNTAGGED_FILE, 0)):
        found = outline(data)
        assert found is not None
        frames = places(data)[tags:]
        assert found.places.count == len(frames)
        assert found.places.step % 8 == 0
        assert list(found.places.entries) == frames[:: found.places.step]
        assert len(found.places.entries) > 3


def test_a_walk_ends_where_doubt_begins(monkeypatch):
    monkeypatch.setattr("transforms.mpeg_frames._WINDOW_BYTES", 2**15)
    read = []

    class Counted(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            data = super().read(size)
            read.append(len(data))
            return data

    assert outline_of_mpeg(Counted(VARYING_WITHOUT * 10)) is None
    assert sum(read) < len(VARYING_WITHOUT) * 5
