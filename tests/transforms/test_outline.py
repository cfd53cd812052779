from __future__ import annotations

import io

import numpy as np
import pytest
from coded_files import aac, vorbis
from media_files import sound_file, tone, wav_file

from transforms.mpeg_outline import MpegPlaces
from transforms.ogg_outline import OggPlaces
from transforms.outline import Outline, outline_of
from transforms.samples import to_int16

STEREO = np.stack((tone(440, 22050), tone(880, 22050)), axis=1)
PCM = to_int16(tone(440, 16000)).tobytes()


def outline(data: bytes) -> Outline | None:
    return outline_of(io.BytesIO(data))


@pytest.mark.parametrize("container", ["WAV", "RF64", "W64", "FLAC"])
def test_a_header_tells_frames_rate_and_channels(container):
    data = sound_file(STEREO, 22050, container=container, subtype="PCM_16")
    assert outline(data) == Outline(22050, 22050, 2)


def test_of_mp3_the_frames_are_walked():
    data = sound_file(STEREO, 22050, container="MP3")
    found = outline(data)
    assert found is not None
    assert (found.frames, found.sample_rate, found.channels) == (22050, 22050, 2)
    assert isinstance(found.places, MpegPlaces)
    assert outline_of(io.BytesIO(data), 1.1) is None


def test_of_ogg_the_pages_are_walked():
    found = outline(vorbis(22_050, 2, 3.0))
    assert found is not None
    assert (found.frames, found.sample_rate, found.channels) == (3 * 22050, 22050, 2)
    assert isinstance(found.places, OggPlaces)
    assert outline_of(io.BytesIO(vorbis(22_050, 2, 3.0)), 3.1) is None


def test_of_m4a_the_tables_are_read():
    found = outline(aac(22_050, 2, 3.0))
    assert found is not None
    assert (found.sample_rate, found.channels, found.places) == (22050, 2, "times")
    assert abs(found.frames - 3 * 22050) < 1024


@pytest.mark.parametrize(
    "subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"]
)
def test_and_in_every_form_of_samples(subtype):
    assert outline(sound_file(STEREO, 22050, subtype=subtype)) == Outline(22050, 22050, 2)


def test_the_subwoofer_is_known():
    found = outline(wav_file(bytes(6 * 2 * 100), channels=6, mask=0x3F))
    assert found == Outline(100, 16000, 6, low_frequency_channel=3)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"fLaC",
        b"no sound at all, but as long as a header",
        wav_file(PCM, declared=2 * len(PCM)),
        wav_file(PCM, declared=0),
        wav_file(b""),
        sound_file(STEREO, 22050, subtype="IMA_ADPCM"),
        sound_file(STEREO, 22050, container="AIFF", subtype="PCM_16"),
        sound_file(STEREO, 22050, container="MP3")[:-10],
    ],
    ids=["empty", "cut", "other", "too short", "size 0", "no samples", "adpcm", "aiff", "cut mp3"],
)
def test_what_is_not_in_order_or_cannot_be_moved_in_has_none(data):
    assert outline(data) is None


def test_a_size_that_may_be_a_placeholder_is_the_rest_of_the_file_at_most():
    assert outline(wav_file(PCM, declared=0xFFFF_FFFF)) == Outline(16000, 16000, 1)


def test_a_size_above_2_gib_is_believed(tmp_path):
    long = 3_175_200_000
    with (tmp_path / "five_hours.wav").open("wb") as file:
        head = wav_file(b"", sample_rate=44100, channels=2, declared=long)
        file.write(head)
        file.truncate(len(head) + long + 500)
    with (tmp_path / "five_hours.wav").open("rb") as file:
        assert outline_of(file) == Outline(5 * 3600 * 44100, 44100, 2)
