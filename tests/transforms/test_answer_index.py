from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transforms.answer_samples import KEYS
from transforms import answer_index
from transforms.answer_entry import Label
from transforms.answer_index import (
    KeyIndex,
    LogIndex,
    RunBuilder,
    decode_index,
    encode_index,
    file_number_of,
    merged,
    offset_of,
    place_of,
)

# Few prefixes, the lowest and the highest among them, so that keys share them.
CROWDED = st.builds(
    lambda first, last: first * 8 + bytes(23) + last,
    st.sampled_from([b"\x00", b"\x07", b"\xff"]),
    st.sampled_from([b"a", b"b"]),
)
ITEMS = st.lists(
    st.tuples(st.one_of(KEYS, CROWDED), st.booleans(), st.integers(0, 5), st.integers(0, 2**43 - 1))
)


def places_of(items: list[tuple[bytes, bool, int, int]]) -> list[tuple[bytes, int]]:
    return [(key, place_of(Label(key, refused), offset, number)) for key, refused, number, offset in items]


@given(st.booleans(), st.integers(0, 2**43 - 1), st.integers(0, 2**20 - 1))
def test_a_place_tells_file_and_offset(refused: bool, offset: int, number: int) -> None:
    place = place_of(Label(bytes(32), refused), offset, number)
    assert (file_number_of(place), offset_of(place)) == (number, offset)
    assert 0 <= place < 2**64


def test_an_answer_outranks_refusals_and_a_later_file_an_earlier_one() -> None:
    answer, refusal = Label(bytes(32), False), Label(bytes(32), True)
    ordered = [(refusal, 9, 7), (refusal, 0, 8), (answer, 0, 0), (answer, 5, 0), (answer, 0, 1)]
    places = [place_of(*place) for place in ordered]
    assert places == sorted(places)


@pytest.mark.parametrize("fold_at", [1, 3, 2**16])
@given(items=ITEMS, data=st.data())
def test_every_key_is_found_however_it_came(fold_at: int, items: list, data: st.DataObject) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(answer_index, "_FOLD_AT", fold_at)
        index = KeyIndex()
        for key, place in places_of(items):
            if data.draw(st.booleans()):
                index.add(key, place)
            else:
                builder = RunBuilder()
                builder.add(key, place)
                index.add_run(builder.run())
    for key, _ in places_of(items):
        best = max(place for other, place in places_of(items) if other == key)
        found = index.places(key)
        assert best in found
        assert found == sorted(set(found), reverse=True)
        assert set(found) <= {place for other, place in places_of(items) if other[:8] == key[:8]}
    assert index.places(b"nobody's" * 4) == []


def test_runs_stay_few() -> None:
    index = KeyIndex()
    for number in range(1000):
        builder = RunBuilder()
        builder.add(number.to_bytes(8, "little") * 4, number)
        index.add_run(builder.run())
    assert len(index._runs) <= 10
    assert all(index.places(number.to_bytes(8, "little") * 4) == [number] for number in range(1000))


@given(ITEMS)
def test_entries_whose_keys_begin_alike_are_grouped(items: list) -> None:
    builder = RunBuilder()
    by_prefix: dict[bytes, list[int]] = {}
    for key, place in places_of(items):
        builder.add(key, place)
        by_prefix.setdefault(key[:8], []).append(place)
    groups = [group.tolist() for group in builder.run().repeated()]
    expected = [sorted(places, reverse=True) for places in by_prefix.values() if len(places) > 1]
    assert sorted(groups) == sorted(expected)


@given(ITEMS, st.integers(0, 2**40), st.integers(0, 2**40))
def test_an_index_comes_back_from_its_file(items: list, covered: int, skipped: int) -> None:
    builder = RunBuilder()
    for key, place in places_of(items):
        builder.add(key, place)
    index = LogIndex(builder.run(), covered, skipped)
    back = decode_index(encode_index(index))
    assert back is not None
    assert (back.covered, back.skipped) == (covered, skipped)
    assert back.run.prefixes.tolist() == index.run.prefixes.tolist()
    assert back.run.places.tolist() == index.run.places.tolist()


def test_a_damaged_index_is_no_index() -> None:
    builder = RunBuilder()
    for number in range(3):
        builder.add(bytes([number]) * 32, number)
    stored = encode_index(LogIndex(builder.run(), 100, 0))
    for at in range(len(stored)):
        flipped = bytearray(stored)
        flipped[at] ^= 1
        assert decode_index(bytes(flipped)) is None
        assert decode_index(stored[:at]) is None
    assert decode_index(stored + b"\0") is None


def test_runs_are_moved_into_a_file_and_merged() -> None:
    builder = RunBuilder()
    builder.add(b"k" * 32, place_of(Label(b"", False), 70))
    builder.add(b"j" * 32, place_of(Label(b"", True), 90))
    run = merged([builder.run().in_file(3), builder.run().in_file(4)])
    assert run.last_offset() == 90
    assert sorted((file_number_of(place), offset_of(place)) for place in run.of(b"k" * 32)) == [
        (3, 70),
        (4, 70),
    ]
    assert len(merged(())) == 0
