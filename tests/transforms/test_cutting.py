from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from transforms.cuts import CutPolicy, SampleRange
from transforms.cutting import cut
from transforms.hold import Hold
from transforms.sound import sound_of

POLICY = CutPolicy(max_samples=800, search_samples=240, frame_samples=80, pause_samples=160)


@given(
    seed=st.integers(0, 2**32 - 1),
    total=st.integers(0, 5000),
    sizes=st.lists(st.integers(0, 1500), max_size=12),
)
def test_pieces_join_to_the_channel_whatever_the_blocks(seed, total, sizes):
    pcm = np.random.default_rng(seed).integers(-32768, 32768, total).astype("<i2").tobytes()
    edges = [0, *np.minimum(np.cumsum(sizes), total).tolist(), total] if sizes else [0, total]
    blocks = [sound_of(pcm[2 * a : 2 * b], 8000) for a, b in itertools.pairwise(edges)]
    pieces = list(cut(blocks, POLICY))
    assert b"".join(audio.raw_data for _, audio in pieces) == pcm
    for found, audio in pieces:
        assert audio.frame_count() == found.samples
        assert (audio.frame_rate, audio.channels, audio.sample_width) == (8000, 1, 2)
    assert [found for found, _ in pieces] == [found for found, _ in cut([sound_of(pcm, 8000)], POLICY)]


@given(
    seed=st.integers(0, 2**32 - 1),
    sizes=st.lists(st.integers(0, 3000), max_size=8),
    wanted=st.lists(st.tuples(st.integers(0, 9000), st.integers(0, 9000)), max_size=8),
)
def test_a_hold_gives_back_any_range_at_any_time(seed, sizes, wanted):
    rng = np.random.default_rng(seed)
    hold = Hold()
    pcm = b""
    for number, size in enumerate(sizes):
        block = rng.integers(-32768, 32768, size).astype("<i2").tobytes()
        hold.write(block)
        pcm += block
        for start, length in wanted[number : number + 1]:
            assert hold.read(SampleRange(start, start + length)) == pcm[2 * start : 2 * (start + length)]
    for start, length in wanted:
        assert hold.read(SampleRange(start, start + length)) == pcm[2 * start : 2 * (start + length)]
    hold.close()


def test_a_long_hold_goes_to_disk_and_stays_the_same():
    hold = Hold()
    blocks = [bytes([number]) * 2**20 for number in range(10)]
    for block in blocks:
        hold.write(block)
    assert [hold.read(SampleRange(number * 2**19, (number + 1) * 2**19)) for number in range(10)] == blocks
    hold.close()
