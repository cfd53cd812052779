from __future__ import annotations

import subprocess
import sys

import pytest

from transforms.sound import AudioSegment, LoadedSound, sound_of


def test_importing_it_warns_of_nothing_although_there_is_no_ffmpeg():
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", "import transforms.sound"],
        env={"PATH": "", "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "ffmpeg" not in done.stderr


def test_a_sound_is_16_bit_mono():
    audio = sound_of(b"\x01\x00\x02\x00", 8000)
    assert (audio.sample_width, audio.channels, audio.frame_rate) == (2, 1, 8000)
    assert audio.get_array_of_samples().tolist() == [1, 2]


def test_the_sound_of_a_segment_is_no_other():
    stereo = AudioSegment(data=bytes(8), sample_width=2, frame_rate=8000, channels=2)
    with pytest.raises(ValueError, match=r"not 16-bit with 2 channels: .*set_channels"):
        LoadedSound(stereo)
    with pytest.raises(ValueError, match="not 8-bit with 1 channels"):
        LoadedSound(stereo.set_sample_width(1).set_channels(1))
