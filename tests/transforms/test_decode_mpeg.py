from __future__ import annotations

import io
from functools import cache

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mp3_files import in_one_piece, mp3, places

from transforms import mpeg_outline
from transforms.decode_base import ShieldedStream, UndecodableError
from transforms.decode_mpeg import MpegDecoder
from transforms.mpeg_outline import MpegOutline, outline_of_mpeg

KINDS = ("with a tag", "without a tag", "varying")
SECONDS = 5.3


@pytest.fixture(autouse=True)
def _close_entries(monkeypatch):
    monkeypatch.setattr(mpeg_outline, "_ENTRY_SECONDS", 1)


def opened(data: bytes, outline: MpegOutline, start: int) -> MpegDecoder:
    stream = ShieldedStream(io.BytesIO(data))
    return MpegDecoder(stream, outline.places, outline.frames, outline.sample_rate, start)


def from_inside(data: bytes, outline: MpegOutline, start: int) -> tuple[np.ndarray, str | None]:
    decoder = opened(data, outline, start)
    blocks = [block.copy() for block in decoder.blocks()]
    decoder.close()
    return np.concatenate(blocks), decoder.damage


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [8000, 16_000, 22_050, 44_100, 48_000])
def test_from_any_place_on_it_has_the_samples_of_one_piece(rate, channels, kind, capfd):
    data = mp3(kind, rate, SECONDS, channels)
    outline = outline_of_mpeg(io.BytesIO(data))
    assert outline is not None
    whole, damage = in_one_piece(data)
    assert damage is None
    assert len(outline.places.entries) >= 4
    for start in [0, *range(1, outline.frames, rate * 4 // 3), outline.frames - 1]:
        samples, damage = from_inside(data, outline, start)
        assert damage is None
        assert np.array_equal(samples, whole[start:]), start
    assert capfd.readouterr().err == ""


@cache
def file_of(kind: str) -> bytes:
    return mp3(kind, 24_000, SECONDS)


@given(st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_done_to_a_file_it_is_in_doubt_or_has_the_samples_of_one_piece(capfd, chance):
    data = bytearray(file_of(chance.draw(st.sampled_from(KINDS))))
    frames = places(bytes(data))
    for _ in range(chance.draw(st.integers(0, 3))):
        first, last = sorted(chance.draw(st.tuples(*[st.integers(0, len(frames) - 1)] * 2)))
        here, there = frames[first] + chance.draw(st.sampled_from([0, 0, 0, 2, 50])), frames[last]
        match chance.draw(st.sampled_from(["write", "leave out", "repeat", "end"])):
            case "write":
                some = chance.draw(st.binary(max_size=40))
                data[here : here + len(some)] = some
            case "leave out":
                del data[here:there]
            case "repeat":
                data[here:here] = data[here:there]
            case "end":
                del data[here:]
    changed = bytes(data)
    outline = outline_of_mpeg(io.BytesIO(changed))
    if outline is None:
        return
    capfd.readouterr()
    starts = range(0, outline.frames, 20_000)
    try:
        found = [from_inside(changed, outline, start) for start in starts]
    except UndecodableError:
        return
    # What the decoder complains of is decoded in one piece, too.
    if "error:" not in capfd.readouterr().err and all(damage is None for _, damage in found):
        whole, _ = in_one_piece(changed)
        assert len(whole) == outline.frames
        for start, (samples, _) in zip(starts, found, strict=True):
            assert np.array_equal(samples, whole[start:]), start


@pytest.mark.parametrize("behind", [b"", b"TAG" + bytes(125)], ids=["nothing behind", "a tag behind"])
def test_to_begin_inside_the_end_is_not_read(behind):
    read: set[int] = set()

    class Watched(io.BytesIO):
        def readinto(self, buffer) -> int:
            begin = self.tell()
            size = super().readinto(buffer)
            read.update(range(begin, begin + size))
            return size

    data = mp3("with a tag", 48_000, 120.0) + behind
    outline = outline_of_mpeg(io.BytesIO(data))
    assert outline is not None
    stream = ShieldedStream(Watched(data))
    decoder = MpegDecoder(stream, outline.places, outline.frames, 48_000, 10 * 48_000)
    next(decoder.blocks())
    decoder.close()
    assert read
    assert max(read) < 0.8 * len(data)


def test_another_number_of_samples_than_expected_is_damage():
    data = file_of("without a tag")
    outline = outline_of_mpeg(io.BytesIO(data))
    assert outline is not None
    frames = places(data)
    cut = data[: frames[-20]]
    _, damage = from_inside(cut, outline, 90_000)
    assert damage is not None
    assert "samples come out of it instead of" in damage


def test_another_number_than_libsndfile_announces_is_refused():
    data = file_of("with a tag")
    outline = outline_of_mpeg(io.BytesIO(data))
    assert outline is not None
    at = data.index(b"Info") + 8
    other = data[:at] + (50).to_bytes(4, "big") + data[at + 4 :]
    with pytest.raises(UndecodableError, match="libsndfile says that it has"):
        opened(other, outline, 0)
