from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import google_crc32c
import numpy as np
import pytest
import soundfile
from blake3 import blake3
from media_files import sound_file

from transforms.checksum import Checked
from transforms.chosen import ChannelChoice
from transforms.cut_source import CutTask, cut_source
from transforms.cuts import CutPolicy
from transforms.errors import RecordingError
from transforms.records import SampleRange

RATE = 16_000
POLICY = CutPolicy.for_rate(RATE, max_samples=2 * RATE, skip_silence=False)
TASK = CutTask("/a.wav", RATE, ChannelChoice.split(), POLICY, "energy", 24.0)


def noise(seconds: float, channels: int = 1) -> np.ndarray:
    shape = (round(seconds * RATE), channels)
    return np.random.default_rng(0).integers(-9000, 9000, shape).astype(np.int16)


def checked_of(content: bytes) -> Checked:
    return Checked(google_crc32c.value(content), len(content), blake3(content).digest())


def test_channels_are_cut_and_digested_each_by_itself():
    samples = noise(5, 2)
    content = sound_file(samples, RATE)
    source = io.BytesIO(content)
    found = cut_source(source, TASK)
    assert source.closed
    assert (found.checked, found.damage, found.failure) == (checked_of(content), None, None)
    assert [channel.number for channel in found.channels] == [0, 1]
    for channel in found.channels:
        pcm = samples[:, channel.number].tobytes()
        assert channel.total_samples == 5 * RATE
        assert channel.hold.read(SampleRange(0, 6 * RATE)) == pcm
        heard = [
            b"".join(pcm[2 * piece.start_sample : 2 * piece.end_sample] for piece in segment.sent)
            for segment in channel.segments
        ]
        assert channel.digests == tuple(blake3(each).digest() for each in heard)
        assert sum(segment.own.samples for segment in channel.segments) == 5 * RATE


def test_progress_is_told_in_seconds_of_the_recording():
    told: list[float] = []
    cut_source(io.BytesIO(sound_file(noise(12), RATE)), TASK, told.append)
    assert told == sorted(told)
    assert told[-1] == 12.0
    assert len(told) >= 3


@pytest.mark.parametrize(("seconds", "channels"), [(5, 1), (3, 2)])
def test_what_decodes_to_more_than_allowed_is_a_failure(seconds, channels):
    content = sound_file(noise(seconds, channels), RATE)
    task = replace(TASK, max_hours=seconds * channels / 3600)
    assert cut_source(io.BytesIO(content), task).failure is None
    found = cut_source(io.BytesIO(content), replace(task, max_hours=4 / 3600))
    assert found.failure is not None
    assert (found.failure.code, found.channels) == ("TooLong", ())
    assert "input.retry_failed: all" in found.failure.message  # or it stays known as failed
    assert found.checked == checked_of(content)


def test_what_cannot_be_decoded_is_read_to_its_end_all_the_same():
    content = b"no audio at all" * 100_000
    found = cut_source(io.BytesIO(content), TASK)
    assert (found.checked, found.channels) == (checked_of(content), ())
    assert found.failure is not None
    assert found.failure.code == "NotAudio"


def test_a_channel_that_is_not_there_is_a_failure():
    task = replace(TASK, channels=ChannelChoice.only(2))
    found = cut_source(io.BytesIO(sound_file(noise(1), RATE)), task)
    assert found.failure is not None
    assert found.failure.code == "NoSuchChannel"


class Breaking(io.BytesIO):
    """Fails in its middle."""

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() > 100_000:
            raise OSError(5, "Input/output error")
        return super().read(size)


def test_a_source_that_fails_half_way_is_an_error_of_reading():
    with pytest.raises(RecordingError, match=r"/a\.wav: cannot be read \(Input/output error\)") as raised:
        cut_source(Breaking(sound_file(noise(20), RATE)), TASK)
    assert (raised.value.code, raised.value.retryable) == ("ReadFailed", True)


def test_damage_is_told(tmp_path):
    path = tmp_path / "a.flac"
    soundfile.write(path, noise(5), RATE)
    found = cut_source(io.BytesIO(path.read_bytes()[: path.stat().st_size // 2]), TASK)
    assert found.damage is not None
    assert 0 < found.channels[0].total_samples < 5 * RATE


def test_a_temporary_folder_that_is_not_there_is_an_error_of_the_system(monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", "/nonexistent")
    with pytest.raises(FileNotFoundError):
        cut_source(io.BytesIO(sound_file(noise(1), RATE)), TASK)


def test_speech_of_a_real_recording_is_found():
    path = Path(__file__).resolve().parents[1] / "recordings" / "letter_16k.wav"
    task = replace(TASK, policy=CutPolicy.for_rate(RATE, max_samples=59 * RATE))
    [channel] = cut_source(io.BytesIO(path.read_bytes()), task).channels
    [segment] = channel.segments
    assert 0 < channel.speech_samples <= segment.own.samples <= channel.total_samples
