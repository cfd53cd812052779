from __future__ import annotations

import numpy as np
import pytest

from tests.e2e.ticks import phrases_of_ticks, seconds_of_ticks, sparse_wav
from transforms.chosen import ChannelChoice
from transforms.normalize import normalize
from transforms.resampling import resampled_length

HOUR = 3600


@pytest.mark.parametrize(
    ("from_rate", "to_rate", "hours"),
    [
        (44_100, 16_000, 0.5),
        (11_025, 16_000, 0.5),
        (48_000, 8_000, 0.5),
        pytest.param(44_100, 16_000, 10.0, marks=pytest.mark.slow),
    ],
)
def test_a_sound_stays_where_it_is_after_hours(tmp_path, from_rate, to_rate, hours):
    seconds = hours * HOUR + 0.1234
    frames = round(seconds * from_rate)
    spoken = phrases_of_ticks(from_rate, 4.0, seed=1)
    starts = [0, frames // 3, frames - len(spoken.samples)]
    path = sparse_wav(tmp_path / "a.wav", from_rate, seconds, [(start, spoken.samples) for start in starts])
    # Of the hours only what is not silent is kept.
    kept = []
    length = 0
    with path.open("rb") as stream:
        for block in normalize(stream, name="a.wav", sample_rate=to_rate, channels=ChannelChoice.mix()):
            samples = np.frombuffer(block.audio.raw_data, np.int16)
            if samples.any():
                kept.append((length, samples))
            length += len(samples)
    assert length == resampled_length(frames, from_rate, to_rate)
    expected = [start / from_rate + second for start in starts for second in spoken.ticks]
    found = np.array(_ticks(kept, to_rate))
    assert len(found) == len(expected)
    # Far less than the half sample within which a position has to be rounded.
    assert np.abs(found - expected).max() * to_rate < 0.1


def _ticks(kept, sample_rate):
    """The seconds of the ticks in the blocks that were kept; those that follow each other are one sound."""
    found = []
    while kept:
        start, sound = kept.pop(0)
        while kept and kept[0][0] == start + len(sound):
            sound = np.concatenate((sound, kept.pop(0)[1]))
        found += [start / sample_rate + second for second in seconds_of_ticks(sound, sample_rate)]
    return found
