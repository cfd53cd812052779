from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.subtitle_pieces import SpokenSegment, TimedWord, pieces_of, pieces_of_channel
from pipeline.subtitle_text import reading_ms

WORDS = st.text(alphabet="abcdefg", min_size=1, max_size=8)


def timed(*words: str, ms: int = 500) -> tuple[TimedWord, ...]:
    return tuple(TimedWord(word, ms * place, ms * (place + 1)) for place, word in enumerate(words))


def spoken(
    text: str, words: tuple[TimedWord, ...] = (), start_ms: int = 0, end_ms: int = 10_000, index: int = 0
):
    return SpokenSegment(index, start_ms, end_ms, text, words)


def times(text: str, words: tuple[TimedWord, ...], **span: int) -> list[tuple[str, int, int]]:
    return [(piece.text, piece.start_ms, piece.end_ms) for piece in pieces_of(spoken(text, words, **span))]


def test_words_lend_their_times_to_the_text_with_its_punctuation_and_capitals():
    assert times("“Hello,” she said.", timed("hello", "she", "said")) == [
        ("“Hello,”", 0, 500),
        ("she", 500, 1000),
        ("said.", 1000, 1500),
    ]


def test_chinese_words_of_several_characters_are_shared_among_them():
    assert times("你好，世界。", timed("你好", "世界")) == [
        ("你", 0, 250),
        ("好，", 250, 500),
        ("世", 500, 750),
        ("界。", 750, 1000),
    ]


def test_a_chinese_word_is_known_to_go_on():
    pieces = pieces_of(spoken("你好世界", timed("你好", "世界")))
    assert [piece.is_in_word for piece in pieces] == [False, True, False, True]


def test_words_that_hold_punctuation_of_their_own_agree_too():
    assert times("Yes, no.", timed("Yes", ",", "no", ".")) == [("Yes,", 0, 500), ("no.", 1000, 1500)]


def test_a_number_in_digits_takes_the_time_of_its_words():
    found = times("In 2024 he left", timed("in", "twenty", "twenty", "four", "he", "left"))
    assert found == [("In", 0, 500), ("2024", 500, 2000), ("he", 2000, 2500), ("left", 2500, 3000)]


def test_what_is_written_in_one_and_said_in_two_words_agrees():
    assert times("an ill-disposed man", timed("an", "ill", "disposed", "man")) == [
        ("an", 0, 500),
        ("ill-disposed", 500, 1500),
        ("man", 1500, 2000),
    ]


def test_text_that_no_word_has_lies_between_its_neighbours():
    words = (TimedWord("one", 0, 500), TimedWord("three", 5000, 5500))
    found = times("one two three", words)
    assert found[0] == ("one", 0, 500)
    assert found[2] == ("three", 5000, 5500)
    assert found[1] == ("two", 500, 500 + reading_ms("two"))


def test_text_at_the_edges_that_no_word_has_stays_near_the_others():
    found = times("so then yes", (TimedWord("then", 5000, 5500),))
    assert found == [
        ("so", 5000 - reading_ms("so"), 5000),
        ("then", 5000, 5500),
        ("yes", 5500, 5500 + reading_ms("yes")),
    ]


def test_without_words_the_text_is_spread_over_its_segment():
    found = times("aaa bbb ccc", (), start_ms=1000, end_ms=4000)
    assert found == [("aaa", 1000, 2000), ("bbb", 2000, 3000), ("ccc", 3000, 4000)]


def test_a_segment_without_length_gives_its_text_time_to_be_read():
    found = times("aaa bbb", (), start_ms=1000, end_ms=1000)
    assert found[-1][2] == 1000 + 2 * reading_ms("aaa")


def test_a_segment_goes_on_spaced_as_its_script_wants_it():
    def spaces(left: str, right: str) -> bool:
        return pieces_of_channel([spoken(left), spoken(right, start_ms=10_000, index=1)])[-1].is_spaced

    assert spaces("one", "two")
    assert not spaces("一", "二")


@given(st.lists(WORDS, min_size=1, max_size=30), st.data())
def test_the_words_themselves_always_get_their_own_times(words, data):
    heard = timed(*words)
    marks = data.draw(
        st.lists(st.sampled_from(["", ",", ".", "!?"]), min_size=len(words), max_size=len(words))
    )
    text = " ".join(word.capitalize() + mark for word, mark in zip(words, marks, strict=True))
    assert [(start, end) for _, start, end in times(text, heard)] == [
        (word.start_ms, word.end_ms) for word in heard
    ]


@given(
    st.text(alphabet="ab 你好，.12", max_size=60),
    st.lists(
        st.tuples(st.text(alphabet="ab你好12", max_size=5), st.integers(0, 20_000), st.integers(0, 20_000))
    ),
)
def test_times_never_go_back_whatever_the_words_say(text, words):
    pieces = pieces_of(spoken(text, tuple(TimedWord(*word) for word in words)))
    reached = 0
    for piece in pieces:
        assert reached <= piece.start_ms <= piece.end_ms
        reached = piece.end_ms
