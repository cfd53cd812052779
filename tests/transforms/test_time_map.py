from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.answer import HeardWord
from transforms.records import PlannedSegment, SampleRange, Word
from transforms.time_map import own_text, recording_sample, words_of

RATE = 16_000
GAPS = st.integers(0, 5000)
LENGTHS = st.integers(1, 5000)
PIECES = st.lists(st.tuples(GAPS, LENGTHS), min_size=1, max_size=6)


def pieces_of(steps: list[tuple[int, int]]) -> tuple[SampleRange, ...]:
    pieces, reached = [], 0
    for gap, length in steps:
        pieces.append(SampleRange(reached + gap, reached + gap + length))
        reached += gap + length
    return tuple(pieces)


def plain(start: int, end: int) -> PlannedSegment:
    return PlannedSegment(SampleRange(start, end), (SampleRange(start, end),))


@given(PIECES)
def test_each_sample_of_the_payload_is_the_sample_that_was_put_there(steps: list[tuple[int, int]]) -> None:
    pieces = pieces_of(steps)
    put = [sample for piece in pieces for sample in range(piece.start_sample, piece.end_sample)]
    assert [recording_sample(pieces, place) for place in range(len(put))] == put
    assert recording_sample(pieces, -5) == put[0]
    assert recording_sample(pieces, len(put) + 5) == put[-1] + 1


@given(PIECES)
def test_an_end_lies_right_behind_the_last_sample_before_it(steps: list[tuple[int, int]]) -> None:
    pieces = pieces_of(steps)
    total = sum(piece.samples for piece in pieces)
    for place in range(1, total + 1):
        assert recording_sample(pieces, place, is_end=True) == recording_sample(pieces, place - 1) + 1


@given(
    PIECES,
    st.lists(st.tuples(st.integers(-50, 2000), st.integers(-50, 400)), max_size=8),
    st.integers(0, 1200),
)
def test_words_stay_in_their_segment_and_in_order(
    steps: list[tuple[int, int]], times: list[tuple[int, int]], delay_samples: int
) -> None:
    pieces = pieces_of(steps)
    own = SampleRange(pieces[0].start_sample, pieces[-1].end_sample)
    heard = [HeardWord("w", start, start + length) for start, length in sorted(times)]
    words = words_of(PlannedSegment(own, pieces), heard, RATE, delay_samples=delay_samples)
    assert None not in words
    found = [word for word in words if word is not None]
    assert all(own.start_sample <= word.start_sample <= word.end_sample <= own.end_sample for word in found)
    assert all(one.start_sample <= other.start_sample for one, other in pairwise(found))


def test_ten_hours_in_a_word_is_where_it_was_heard() -> None:
    start = 10 * 3600 * RATE
    planned = plain(start, start + 59 * RATE)
    assert words_of(planned, [HeardWord("late", 1234, 1999)], RATE) == [
        Word("late", start + 1234 * 16, start + 1999 * 16)
    ]


def test_squeezed_silence_is_put_back() -> None:
    pieces = (SampleRange(0, 16_000), SampleRange(48_000, 64_000))
    planned = PlannedSegment(SampleRange(0, 64_000), pieces)
    heard = [HeardWord("before", 500, 1000), HeardWord("behind", 1000, 1500)]
    assert words_of(planned, heard, RATE) == [Word("before", 8000, 16_000), Word("behind", 48_000, 56_000)]


def test_the_delay_of_an_encoder_is_taken_off() -> None:
    words = words_of(plain(0, 16_000), [HeardWord("one", 10, 100)], RATE, delay_samples=1024)
    assert words == [Word("one", 0, 576)]


def test_words_beyond_a_cut_in_speech_are_the_neighbours() -> None:
    first = PlannedSegment(SampleRange(0, 16_000), (SampleRange(0, 24_000),))
    second = PlannedSegment(SampleRange(16_000, 32_000), (SampleRange(8000, 32_000),))
    spoken = [(700, 900), (900, 1060), (980, 1060), (1100, 1300)]  # in ms of the recording
    of_first = words_of(first, [HeardWord("w", *times) for times in spoken], RATE)
    of_second = words_of(second, [HeardWord("w", begin - 500, end - 500) for begin, end in spoken], RATE)
    assert [word is None for word in of_first] == [word is not None for word in of_second]
    assert of_first[1] == Word("w", 14_400, 16_000)
    assert of_second[2] == Word("w", 16_000, 16_960)


@pytest.mark.parametrize(
    ("text", "heard", "is_own", "left"),
    [
        ("And so, my fellow.", ["and", "so", "my", "fellow"], [False, True, True, True], "so, my fellow."),
        ("And so, my fellow.", ["and", "so", "my", "fellow"], [True, True, True, False], "And so, my"),
        ("And so, my fellow.", ["and", "so", "my", "fellow"], [False, True, True, False], "so, my"),
        ("And so.", ["and", "so"], [True, True], "And so."),
        ("And so.", ["and", "so"], [False, False], ""),
        ("今天天气，很好。", ["今天", "天气", "很好"], [False, True, True], "天气，很好。"),
        ("今天天气，很好。", ["今天", "天气", "很好"], [True, True, False], "今天天气，"),
        ("the the the end", ["the", "the", "the", "end"], [False, True, True, True], "the the end"),
        ("on 20 May we", ["on", "twenty", "May", "we"], [False, False, False, True], "on 20 May we"),
        ("on 20 May we", ["on", "twenty", "May", "we"], [True, True, True, False], "on 20 May"),
        ("It's one. 'Two'", ["it's", "one", "two"], [False, True, True], "one. 'Two'"),
        ("no words came", [], [], "no words came"),
        # The dropped word is there in digits, and once more in what stays.
        ("1号第一名", [*"一号第一名"], [False, True, True, True, True], "1号第一名"),
        ("他得第一，1号", [*"他得第一一号"], [True, True, True, True, False, True], "他得第一，1号"),
        ("1 is a oneness", ["one", "is", "a", "oneness"], [False, True, True, True], "1 is a oneness"),
    ],
)
def test_a_text_without_the_words_of_its_neighbours(
    text: str, heard: list[str], is_own: list[bool], left: str
) -> None:
    assert own_text(text, heard, is_own) == left


@given(st.lists(st.text("abßİ, .1九", min_size=1, max_size=4), min_size=1, max_size=6), st.data())
def test_the_words_that_stay_are_never_touched(words: list[str], data: st.DataObject) -> None:
    first = data.draw(st.integers(0, len(words) - 1))
    behind = data.draw(st.integers(first + 1, len(words)))
    left = own_text(" ".join(words), words, [first <= place < behind for place in range(len(words))])
    assert _kept_letters("".join(words[first:behind])) in _kept_letters(left)


def _kept_letters(text: str) -> str:
    return "".join(letter for letter in text if letter.isalnum())
