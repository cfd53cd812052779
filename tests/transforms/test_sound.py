from __future__ import annotations

import subprocess
import sys

from transforms.sound import sound_of


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
