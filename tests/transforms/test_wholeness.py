from __future__ import annotations

import io

import numpy as np
from media_files import av_file, sound_file

from transforms.wholeness import look_over

NOISE = (np.random.default_rng(1).standard_normal(48_000) * 0.1).astype(np.float32)
MP3, OPUS = sound_file(NOISE, 48_000, "MP3"), av_file(NOISE, 48_000, "ogg", "libopus")
M4A = av_file(NOISE, 48_000, "ipod", "aac")


def look(data, structure):
    return look_over(io.BytesIO(data), structure)


def test_frames_are_counted_where_there_are_frames():
    found = look(MP3, "mpeg frames")
    assert found.damage is None
    assert 48_000 <= found.samples < 54_000
    assert look(MP3[:-100], "mpeg frames").damage == "the last frame is cut off"
    assert look(b"none", "mpeg frames").samples is None


def test_pages_are_checked_where_there_are_pages():
    assert look(OPUS, "ogg pages").damage is None
    assert "no last page" in look(OPUS[: OPUS.rindex(b"OggS")], "ogg pages").damage


def test_sizes_are_compared_in_other_files():
    assert look(M4A, None).damage is None
    assert "the box" in look(M4A[:-10], None).damage
