from __future__ import annotations

import io

import numpy as np
import pytest
from media_files import av_file, sound_file, tone, wav_file

from transforms.sniff import HEAD_BYTES, is_for_libsndfile, read_wav_layout

SOUND = tone(440, 16000, 0.5)
PCM = (SOUND * 32767).astype("<i2").tobytes()


@pytest.mark.parametrize("container", ["WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "FLAC", "MP3"])
def test_what_libsndfile_reads_best_is_left_to_it(container):
    assert is_for_libsndfile(sound_file(SOUND, 16000, container)[:HEAD_BYTES])


@pytest.mark.parametrize(
    ("container", "encoder"), [("ogg", "libopus"), ("ogg", "flac"), ("adts", "aac"), ("mp4", "aac")]
)
def test_what_ffmpeg_reads_best_is_left_to_it(container, encoder):
    assert not is_for_libsndfile(av_file(SOUND, 16000, container, encoder)[:HEAD_BYTES])


def test_flac_of_unknown_length_is_left_to_ffmpeg():
    data = sound_file(SOUND, 16000, "FLAC")
    assert not is_for_libsndfile((data[:22] + bytes(4) + data[26:])[:HEAD_BYTES])


@pytest.mark.parametrize("head", [b"", b"\xff", b"RIFF\0\0\0\0AVI ", b"FORM\0\0\0\x008SVX", b"#EXTM3U\n"])
def test_other_heads_are_not_for_libsndfile(head):
    assert not is_for_libsndfile(head)


def layout_of(data):
    return read_wav_layout(io.BytesIO(data))


def test_a_right_header_is_believed():
    layout = layout_of(wav_file(PCM))
    assert (layout.declared_bytes, layout.present_bytes, layout.missing_bytes) == (len(PCM), len(PCM), 0)
    assert not layout.size_is_wrong


def test_a_header_that_promises_more_than_there_is_says_how_much():
    assert layout_of(wav_file(PCM, declared=len(PCM) + 1000)).missing_bytes == 1000


@pytest.mark.parametrize("declared", [0xFFFFFFFF, 0x7FFFF000])
def test_the_placeholders_of_streaming_writers_promise_nothing(declared):
    layout = layout_of(wav_file(PCM, declared=declared))
    assert layout.declared_bytes is None
    assert layout.missing_bytes == 0
    assert not layout.size_is_wrong


@pytest.mark.parametrize("declared", [0, 2, len(PCM) // 2])
def test_audio_behind_the_data_chunk_is_noticed(declared):
    assert layout_of(wav_file(PCM, declared=declared)).size_is_wrong


@pytest.mark.parametrize(
    "after", [b"LIST\x04\x00\x00\x00abcd" + bytes(2000), b"\0id3 \x10\x00\x00\x00" + bytes(2000)]
)
def test_chunks_behind_the_data_are_not_audio(after):
    assert not layout_of(wav_file(PCM, after=after)).size_is_wrong


@pytest.mark.parametrize(("container", "marker", "offset"), [("RF64", b"ds64", 16), ("W64", b"data", 16)])
def test_sizes_of_64_bits_are_read(container, marker, offset):
    data = sound_file(SOUND, 16000, container, "PCM_16")
    layout = layout_of(data)
    assert (layout.declared_bytes, layout.missing_bytes, layout.size_is_wrong) == (16000, 0, False)
    assert layout_of(data[:-100]).missing_bytes == 100
    place = data.index(marker) + offset
    for unknown in (bytes(8), b"\xff" * 8):
        assert layout_of(data[:place] + unknown + data[place + 8 :]).size_is_wrong


@pytest.mark.parametrize(
    ("mask", "channels", "expected"), [(0x3F, 6, 3), (0x60F, 6, 3), (0xB, 3, 2), (0x3, 2, None)]
)
def test_the_channel_mask_tells_the_subwoofer(mask, channels, expected):
    data = np.zeros((1000, channels), "<i2").tobytes()
    assert layout_of(wav_file(data, channels=channels, mask=mask)).low_frequency_channel == expected


@pytest.mark.parametrize(
    "data", [b"", b"RIFF", b"RIFF\0\0\0\0WAVE", b"fLaC" + bytes(100), wav_file(PCM)[:20]]
)
def test_other_files_have_no_layout(data):
    assert layout_of(data) is None


@pytest.mark.parametrize("size", [2**64 - 1, 2**63 - 1, 2**62])
def test_a_chunk_that_claims_more_than_a_file_can_have_is_no_end_of_the_run(size, tmp_path):
    magic = bytes.fromhex("726966662e91cf11a5d628db04c10000").ljust(40, b"\0")
    (tmp_path / "a.w64").write_bytes(
        magic + b"junk".ljust(16, b"\0") + size.to_bytes(8, "little") + b"\0" * 99
    )
    with (tmp_path / "a.w64").open("rb", buffering=0) as file:  # io.BytesIO takes any position
        assert read_wav_layout(file) is None
