from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from transforms import spill
from transforms.spill import Spill

RECORDS = st.lists(st.binary(min_size=5, max_size=5), max_size=60)


@given(records=RECORDS, chunk_bytes=st.integers(1, 100))
def test_all_come_back_by_their_first_byte_and_else_as_they_came(records, chunk_bytes):
    whole, spill._CHUNK_BYTES = spill._CHUNK_BYTES, chunk_bytes
    try:
        with Spill(5) as spilled:
            for record in records:
                spilled.add(record)
            buckets = list(spilled.buckets())
    finally:
        spill._CHUNK_BYTES = whole
    assert b"".join(buckets) == b"".join(sorted(records, key=lambda record: record[0]))
    assert [len({*bucket[::5]}) for bucket in buckets] == [1] * len(buckets)


def test_more_can_be_added_after_some_were_handed_back():
    with Spill(2) as spilled:
        spilled.add(b"b1")
        assert list(spilled.buckets()) == [b"b1"]
        spilled.add(b"a2")
        assert list(spilled.buckets()) == [b"a2", b"b1"]


def test_what_waits_in_memory_does_not_grow(monkeypatch):
    monkeypatch.setattr(spill, "_CHUNK_BYTES", 1000)
    with Spill(10) as spilled:
        for number in range(1000):
            spilled.add(b"%010d" % number)
            assert len(spilled._waiting) < 1000
