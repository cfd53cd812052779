from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.failure_examples import EXAMPLES, ExamplePicker
from pipeline.plain import name_of, shown_address
from pipeline.standing_facts import Example


def failure(uri: str, message: str) -> Example:
    return Example(name_of(uri), uri, None, None, None, "decode", message, False)


def best(*failures: Example) -> list[tuple[str, str]]:
    picker = ExamplePicker()
    for each in failures:
        picker.add("Code", each)
    return [(each.name, each.message) for each in picker.best("Code")]


def test_different_messages_come_before_more_of_the_same():
    same = [failure(f"/a/{number}.wav", f"/a/{number}.wav: broke at {number} s") for number in range(9)]
    other = failure("/a/x.wav", "is a playlist")
    assert best(*same, other) == [
        ("0.wav", "/a/0.wav: broke at 0 s"), ("x.wav", "is a playlist"), ("1.wav", "/a/1.wav: broke at 1 s"),
    ]  # fmt: skip
    assert best(other) == [("x.wav", "is a playlist")]
    assert ExamplePicker().best("Code") == ()


def test_a_recording_is_an_example_of_a_kind_once():
    assert len(best(*(failure("/a/1.wav", f"segment {number}") for number in range(5)))) == 1


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 100)), max_size=40), st.randoms())
def test_the_order_of_rows_does_not_matter(pairs, random):
    rows = [failure(f"/{uri:02}", "kind " + "x" * (kind % 7)) for uri, kind in pairs]
    first = best(*rows)
    random.shuffle(rows)
    assert sorted(best(*rows)) == sorted(first)
    assert len(first) <= EXAMPLES


@pytest.mark.parametrize(
    ("uri", "shown", "name"),
    [
        ("/a/b?c@d.wav", "/a/b?c@d.wav", "b?c@d.wav"),
        ("https://u:secret@h/x/y.wav?sig=secret#f", "https://***@h/x/y.wav?...", "y.wav"),
        ("gs://bucket/x/y.wav", "gs://bucket/x/y.wav", "y.wav"),
        ("https://host", "https://host", "https://host"),
    ],
)
def test_addresses_are_shown_without_what_may_be_secret(uri, shown, name):
    assert (shown_address(uri), name_of(uri)) == (shown, name)
    assert best(failure(uri, f"{uri}: no answer")) == [(name, f"{shown}: no answer")]


def test_messages_that_never_repeat_take_no_room_without_end():
    letters = ["".join(chr(97 + (number >> 4 * place) % 16) for place in range(4)) for number in range(2000)]
    assert len(best(*(failure(f"/{word}", f"odd {word * 3}") for word in letters))) == EXAMPLES
