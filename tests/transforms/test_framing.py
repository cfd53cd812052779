from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms import framing
from transforms.framing import MAX_PAYLOAD_BYTES, FrameReader, frame, read_frame, reader_of

MARKER = frame(b"")[:4]
PAYLOADS = st.lists(st.one_of(st.binary(max_size=40), st.just(b"x" + MARKER), st.just(frame(b"inner")[:-1])))


def payloads(data: bytes, start: int = 0) -> list[bytes]:
    return [found.payload for found in FrameReader(reader_of(data), start)]


@given(PAYLOADS)
def test_what_was_framed_comes_back_in_order(given_payloads: list[bytes]) -> None:
    data = b"".join(map(frame, given_payloads))
    reader = FrameReader(reader_of(data))
    found = list(reader)
    assert [one.payload for one in found] == given_payloads
    assert all(data[one.offset : one.end] == frame(one.payload) for one in found)
    assert (reader.end, reader.skipped) == (len(data), 0)


@given(PAYLOADS.filter(bool), st.data())
def test_a_changed_byte_costs_the_frame_that_it_hits(
    given_payloads: list[bytes], data: st.DataObject
) -> None:
    frames = list(map(frame, given_payloads))
    hit = data.draw(st.integers(0, len(frames) - 1))
    at = data.draw(st.integers(0, len(frames[hit]) - 1))
    broken = bytearray(frames[hit])
    broken[at] ^= data.draw(st.integers(1, 255))
    log = b"".join([*frames[:hit], bytes(broken), *frames[hit + 1 :]])
    reader = FrameReader(reader_of(log))
    assert [one.payload for one in reader] == [*given_payloads[:hit], *given_payloads[hit + 1 :]]
    lost_inside = hit < len(frames) - 1
    assert reader.skipped == (len(frames[hit]) if lost_inside else 0)


@given(PAYLOADS.filter(bool), st.data())
def test_a_torn_tail_is_not_damage_and_is_read_when_it_is_whole(
    given_payloads: list[bytes], data: st.DataObject
) -> None:
    log = b"".join(map(frame, given_payloads))
    before = FrameReader(reader_of(log[: data.draw(st.integers(0, len(log)))]))
    first = [one.payload for one in before]
    assert before.skipped == 0
    assert first + payloads(log, before.end) == given_payloads


@given(st.lists(st.one_of(st.binary(max_size=30), st.just(MARKER), st.just(MARKER + b"\xff\xff\x00\x00"))))
def test_garbage_between_frames_is_counted(garbage: list[bytes]) -> None:
    log = b"".join(piece + frame(b"%d" % number) for number, piece in enumerate(garbage))
    reader = FrameReader(reader_of(log))
    assert [one.payload for one in reader] == [b"%d" % number for number in range(len(garbage))]
    assert reader.skipped == sum(map(len, garbage))


@pytest.mark.parametrize("chunk_bytes", [1, 2, 3, 5, 16, 64])
def test_chunks_may_end_anywhere(chunk_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framing, "_CHUNK_BYTES", chunk_bytes)
    asked = []

    def read_at(size: int, offset: int) -> bytes:
        asked.append(size)
        return log[offset : offset + min(size, chunk_bytes)]

    log = MARKER[:3] + frame(b"one") + b"\xf5B" + MARKER + frame(b"two" * 9) + frame(b"") + MARKER[:2]
    assert [one.payload for one in FrameReader(read_at)] == [b"one", b"two" * 9, b""]
    assert max(asked) <= max(chunk_bytes, len(frame(b"two" * 9)))


def test_no_more_than_a_chunk_and_a_frame_is_held() -> None:
    one = frame(bytes(1000))
    reader = FrameReader(reader_of(one * 2000))
    assert max(len(reader._held) for _ in reader) <= framing._CHUNK_BYTES + len(one)


def test_a_length_beyond_the_limit_is_neither_written_nor_believed() -> None:
    with pytest.raises(ValueError, match="16777217 bytes does not fit"):
        frame(bytes(MAX_PAYLOAD_BYTES + 1))
    asked = []

    def read_at(size: int, offset: int) -> bytes:
        asked.append(size)
        return log[offset : offset + size]

    log = MARKER + b"\xff\xff\xff\xff" + bytes(4) + frame(b"sound")
    assert [one.payload for one in FrameReader(read_at)] == [b"sound"]
    assert read_frame(read_at, 0) is None
    assert max(asked) < MAX_PAYLOAD_BYTES


def test_one_frame_is_read_at_its_offset() -> None:
    log = frame(b"one") + frame(b"two")
    offset = len(frame(b"one"))
    found = read_frame(reader_of(log), offset)
    assert found is not None
    assert (found.offset, found.end, found.payload) == (offset, len(log), b"two")
    assert read_frame(reader_of(log), offset + 1) is None
    assert read_frame(reader_of(log), len(log)) is None
    assert read_frame(reader_of(log[:-1]), offset) is None
