from __future__ import annotations

import errno
import gc
import io
import os
import pickle
import resource
import stat
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.hold import HeldSound, Hold, allow_many_files
from transforms.records import SampleRange
from transforms.sound import SLICE_SAMPLES, LoadedSound


def held(pcm: bytes) -> Hold:
    hold = Hold()
    hold.write(pcm)
    hold.settle()
    return hold


def open_files() -> int:
    """Files alone: what else the tests of this process have opened, sockets, may close at any time."""
    gc.collect()
    return sum(map(is_file, Path("/dev/fd").iterdir()))


def is_file(descriptor: Path) -> bool:
    try:
        return stat.S_ISREG(os.fstat(int(descriptor.name)).st_mode)
    except OSError:  # that of the listing itself
        return False


@given(
    seed=st.integers(0, 2**32 - 1),
    sizes=st.lists(st.integers(0, 90_000), max_size=4),
    wanted=st.lists(st.tuples(st.integers(0, 300_000), st.integers(0, 300_000)), max_size=8),
)
def test_a_hold_gives_back_any_range_before_and_after_it_is_settled(seed, sizes, wanted):
    rng = np.random.default_rng(seed)
    hold = Hold()
    pcm = b""
    for size in sizes:
        block = rng.integers(-32768, 32768, size).astype("<i2").tobytes()
        hold.write(block)
        pcm += block
    for _ in range(2):
        for start, length in wanted:
            assert hold.read(SampleRange(start, start + length)) == pcm[2 * start : 2 * (start + length)]
        hold.settle()


def test_sound_is_the_pieces_joined():
    pcm = np.arange(1000, dtype="<i2")
    sound = HeldSound(held(pcm.tobytes()), (SampleRange(10, 20), SampleRange(500, 503)), 8000)
    audio = sound.load()
    assert np.frombuffer(audio.raw_data, "<i2").tolist() == [*range(10, 20), *range(500, 503)]
    assert (sound.samples, audio.frame_rate, audio.sample_width, audio.channels) == (13, 8000, 2, 1)


def test_slices_are_the_sound_and_none_is_large():
    pcm = np.arange(210_000, dtype="<i4").astype("<i2").tobytes()
    pieces = (SampleRange(10, 20), SampleRange(500, 150_001), SampleRange(160_000, 160_000 + SLICE_SAMPLES))
    sound = HeldSound(held(pcm), pieces, 16_000)
    loaded = LoadedSound(sound.load())
    for each in (sound, loaded, loaded):
        slices = list(each.slices())
        assert b"".join(slices) == loaded.audio.raw_data
        assert max(map(len, slices)) == 2 * SLICE_SAMPLES
    assert (sound.samples, sound.sample_rate) == (loaded.samples, loaded.sample_rate)


def test_long_sound_lies_in_a_file_without_a_name_that_many_threads_read(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    blocks = [bytes([number]) * 2**18 for number in range(8)]
    hold = held(b"".join(blocks))
    assert os.fstat(hold.fileno()).st_size == 2**21
    assert list(tmp_path.iterdir()) == []
    ready = threading.Barrier(4)

    def load(_: int) -> list[bytes]:
        ready.wait(60)
        sounds = [HeldSound(hold, (SampleRange(n << 17, (n + 1) << 17),), 16_000) for n in range(8)]
        return [sound.load().raw_data for sound in sounds * 5]

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(load, range(4))) == [blocks * 5] * 4


def test_the_file_is_closed_with_the_last_sound_of_it():
    before = open_files()
    hold = held(bytes(2**20))
    sounds = [HeldSound(hold, (SampleRange(0, 10),), 16_000) for _ in range(3)]
    del hold
    assert open_files() == before + 1
    assert sounds.pop().load().frame_count() == 10
    sounds.clear()
    assert open_files() == before


def test_short_sound_takes_no_file():
    before = open_files()
    hold = held(bytes(2**18))
    assert open_files() == before
    assert hold.read(SampleRange(0, 2**17 + 5)) == bytes(2**18)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device")
def test_a_full_disk_says_so():
    hold = Hold(io.FileIO("/dev/full", "r+"))
    with pytest.raises(OSError, match="No space left") as raised:
        hold.write(b"some")
    assert raised.value.errno == errno.ENOSPC


@pytest.fixture
def file_limit() -> Iterator[tuple[int, int]]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield before
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems cap the limit")
def test_more_files_may_be_open_than_usual_and_never_fewer(file_limit):
    _, hard = file_limit
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    allow_many_files()
    raised = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert raised == (min(8192, hard) if hard > 0 else 8192, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    allow_many_files()
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)


def test_sound_that_lies_in_a_file_can_be_pickled_as_beam_does_to_learn_its_size():
    pcm = bytes(range(256)) * 2000
    sound = HeldSound(held(pcm), (SampleRange(10, 20), SampleRange(30, 50)), 16_000)
    assert pickle.loads(pickle.dumps(sound)).load() == sound.load()
