from __future__ import annotations

import io

import av
import numpy as np
import pytest
from coded_files import aac, changed_page, first_described_otherwise, ogg_pages_of, opus
from media_files import av_file
from mp3_files import in_one_piece, talk

from transforms import decode_packets
from transforms.av_complaints import Complaints
from transforms.decode import open_decoder
from transforms.decode_packets import PacketDecoder

FILES = {"aac": aac, "opus": opus, "opus narrow": lambda: opus(12_000, band=8000)}


def by_one_decoder(data: bytes) -> np.ndarray:
    with av.open(io.BytesIO(data)) as container:
        return np.concatenate([frame.to_ndarray().T for frame in container.decode(audio=0)])


def frames_from(data: bytes, minute: int) -> list[av.AudioFrame]:
    with av.open(io.BytesIO(data)) as container:
        return [frame for _, frame in PacketDecoder(container, Complaints(), minute).frames()]


@pytest.mark.parametrize("name", FILES)
def test_decoders_that_begin_anew_give_as_many_samples_as_one(name):
    data = FILES[name]()
    expected = by_one_decoder(data)
    samples, damage = in_one_piece(data)
    assert damage is None
    assert samples.shape == expected.shape
    # Up to the first full minute it is one, too.
    first = 59 * len(samples) // 150
    assert np.array_equal(samples[:first], expected[:first])


def test_of_opus_the_last_bits_alone_are_others():
    data = opus()
    assert np.abs(in_one_piece(data)[0] - by_one_decoder(data)).max() < 1e-4


def test_before_the_minute_nothing_comes_out():
    data = opus()
    first = frames_from(data, 2)[0]
    assert first.pts is not None
    assert 120 <= first.pts * first.time_base < 120.02


def test_a_minute_behind_the_end_gives_nothing():
    assert frames_from(aac(), 3) == []


def test_other_decoders_are_left_alone(monkeypatch):
    data = av_file(talk(16_000, 70.0, 1), 16_000, "matroska", "aac")
    monkeypatch.setattr(av, "CodecContext", None)
    assert np.array_equal(in_one_piece(data)[0], by_one_decoder(data))


def test_aac_that_only_its_container_describes_is_not_lost_behind_the_first_minute():
    data = bytearray(aac())
    data[data.index(b"\x05\x80\x80\x80", data.index(b"esds"))] = 14  # the decoder's own is unreadable
    samples, damage = in_one_piece(bytes(data))
    assert damage is None
    assert np.array_equal(samples, by_one_decoder(bytes(data)))


def test_aac_that_predicts_from_long_ago_keeps_its_decoder(monkeypatch):
    data = bytearray(aac(seconds=70.0))
    at = data.index(b"\x14\x08", data.index(b"esds"))
    data[at : at + 2] = b"\x0c\x08"  # Main, of which low complexity is a part
    monkeypatch.setattr(av, "CodecContext", None)
    assert np.array_equal(in_one_piece(bytes(data))[0], by_one_decoder(bytes(data)))


def without_seconds(data: bytes, begin: int, end: int) -> bytes:
    """An Opus file without the pages that end between; the others keep their times."""
    kept = []
    for page in ogg_pages_of(data):
        seconds = int.from_bytes(page[6:14], "little") / 48_000
        if not begin < seconds <= end:
            number = len(kept).to_bytes(4, "little")
            kept.append(changed_page(page, lambda changed, n=number: changed.__setitem__(slice(18, 22), n)))
    return b"".join(kept)


def test_where_packets_are_missing_before_a_minute_no_pre_skip_is_taken_from_those_behind_it():
    data = without_seconds(opus(), 57, 61)
    samples, damage = in_one_piece(data)
    assert damage is None
    assert len(samples) == len(by_one_decoder(data))


def test_a_later_description_of_the_sound_holds_behind_the_next_minute_too():
    data = first_described_otherwise(aac(), b"\x14\x88")  # 12 kHz
    with av.open(io.BytesIO(data)) as container:
        seconds = sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0))
    with open_decoder(io.BytesIO(data), "a") as decoder:
        assert decoder.sample_rate == 12_000
        frames = sum(len(block) for block in decoder.blocks())
    assert abs(frames / 12_000 - seconds) < 0.01


def test_packets_that_all_begin_in_one_moment_are_not_kept(monkeypatch):
    monkeypatch.setattr(decode_packets, "WARM_UP_SECONDS", 60)  # in place of a file that says so
    renewed = []
    monkeypatch.setattr(decode_packets._Renewed, "_begin_anew", lambda self, _: renewed.append(self))
    with av.open(io.BytesIO(aac())) as container:
        for _ in PacketDecoder(container, Complaints()).frames():
            assert not renewed or len(renewed[0]._before) <= 1000
    assert renewed
