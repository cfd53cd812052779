from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from transforms.cuts import CutPolicy, SampleRange
from transforms.cutting import Piece, cut
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


def test_a_hold_gives_back_what_was_added_in_order_and_by_channel_also_from_disk():
    hold = Hold()
    big = bytes(range(256)) * 2**15  # 8 MiB: the second rolls over to a file
    hold.add(0, Piece(SampleRange(0, len(big) // 2), big))
    hold.add(1, Piece(SampleRange(0, 2), b"abcd"))
    hold.add(0, Piece(SampleRange(len(big) // 2, len(big) // 2 + 1), b"xy"))
    assert hold.ranges(0) == [SampleRange(0, len(big) // 2), SampleRange(len(big) // 2, len(big) // 2 + 1)]
    assert [(channel, piece.pcm) for channel, piece in hold.release()] == [(0, big), (1, b"abcd"), (0, b"xy")]
