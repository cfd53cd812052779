from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.scoring import (
    Comparison,
    Counts,
    Interval,
    bootstrap_interval,
    compare,
    expanded_tail,
    student_t,
    words_of,
)

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)
SENTENCES = st.lists(st.sampled_from(("a", "b", "cd", "广", "州", "คุ")), max_size=12)
RECORDINGS = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 30)), min_size=2, max_size=30)


def edit_distance(left: list[str], right: list[str]) -> int:
    """The textbook's table, to check the library against."""
    row = list(range(len(right) + 1))
    for number, one in enumerate(left, start=1):
        previous, row[0] = row[0], number
        for at, other in enumerate(right, start=1):
            previous, row[at] = row[at], min(row[at] + 1, row[at - 1] + 1, previous + (one != other))
    return row[-1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It's a WELL-KNOWN thing...", ["its", "a", "well", "known", "thing"]),
        ("don’t ‘quote’ me", ["dont", "quote", "me"]),
        ("1,000 and 3.5% at 10:30, 1,2", ["1000", "and", "3.5", "at", "10", "30", "1", "2"]),
        ("ＡＢＣ　１２", ["abc", "12"]),
        ("STRASSE Straße", ["strasse", "strasse"]),
        ("欢迎，AI模型。２０１９年", ["欢", "迎", "ai", "模", "型", "2019", "年"]),
        ("ｶﾞギ", ["ガ", "ギ"]),
        ("คุณ", ["คุ", "ณ"]),
        ("한국어 말", ["한국어", "말"]),
        ("किताब", ["किताब"]),
        ("soft\u00adhyphen\u200b \ufeff", ["softhyphen"]),
        ("漢字汉字 5 five", ["漢", "字", "汉", "字", "5", "five"]),
        (" ... \n", []),
        ("", []),
    ],
)
def test_words_are_normalized_as_stated(text, words):
    assert words_of(text) == words


@given(TEXTS)
def test_normalizing_twice_changes_nothing(text):
    words = words_of(text)
    assert words_of(" ".join(words)) == words


@given(TEXTS)
def test_a_text_has_no_errors_against_itself(text):
    comparison = compare(text, text)
    assert comparison.words.errors == comparison.characters.errors == 0
    assert comparison.words.length == len(words_of(text))


@given(SENTENCES, SENTENCES)
def test_errors_are_the_edit_distance_of_words_and_of_characters(said, heard):
    comparison = compare(" ".join(said), " ".join(heard))
    assert comparison.words.errors == edit_distance(said, heard)
    assert comparison.characters.errors == edit_distance(list("".join(said)), list("".join(heard)))
    assert comparison.words.length == len(said)
    assert comparison.characters.length == len("".join(said))


@given(SENTENCES, SENTENCES)
def test_swapping_the_texts_turns_insertions_into_deletions(said, heard):
    there = compare(" ".join(said), " ".join(heard)).words
    back = compare(" ".join(heard), " ".join(said)).words
    assert there.errors == back.errors
    assert there.deletions - there.insertions == back.insertions - back.deletions


def test_nothing_recognized_is_all_deleted_and_nothing_said_has_no_rate():
    assert compare("one two", "").words == Counts(deletions=2)
    silent = compare("...", "one two").words
    assert silent == Counts(insertions=2)
    assert silent.rate is None
    assert compare("one", "one two three").words.rate == 2.0


def test_the_figure_follows_the_script_of_the_reference():
    assert not compare("what is the weather like", "天气").by_characters
    chinese = compare("打开 wifi 开关", "打开 wifi")
    assert chinese.by_characters
    assert chinese.figure == chinese.characters == Counts(hits=6, deletions=2)
    assert compare("한국어", "한국").figure == Counts(substitutions=1)


def test_comparisons_add_up():
    parts = [compare("a b", "a"), compare("广州", "广洲 x")]
    both = parts[0] + parts[1]
    assert both == Comparison(Counts(2, 1, 1, 1), Counts(2, 1, 1, 1), 2)
    assert both.words.rate == pytest.approx(3 / 4)


def interval_of(
    errors: Sequence[int], lengths: Sequence[int], *, block: int = 10**6, **options: int
) -> Interval | None:
    both = np.array([list(errors), list(lengths)], dtype=np.int64)
    blocks = (both[:, first : first + block] for first in range(0, len(both[0]), block))
    return bootstrap_interval(blocks, len(both[0]), **options)


@given(RECORDINGS, st.randoms(use_true_random=False))
def test_an_interval_does_not_depend_on_the_order_of_the_recordings(recordings, random):
    shuffled = random.sample(recordings, len(recordings))
    errors, lengths = zip(*recordings, strict=True)
    again = zip(*shuffled, strict=True)
    interval = interval_of(errors, lengths, resamples=50)
    assert interval == interval_of(*again, resamples=50)


@given(RECORDINGS)
def test_an_interval_lies_between_the_best_and_the_worst_recording(recordings):
    errors, lengths = zip(*recordings, strict=True)
    rates = [wrong / said for wrong, said in recordings]
    interval = interval_of(errors, lengths, resamples=50)
    assert interval is not None
    assert min(rates) - 1e-12 <= interval.low <= interval.high <= max(rates) + 1e-12


@pytest.mark.parametrize(("recordings", "block"), [(10, 10), (40, 40), (150, 150), (150, 40), (150, 1)])
def test_intervals_hold_the_true_rate_in_at_least_90_of_100_studies(recordings, block):
    held = 0
    for seed in range(100):
        random = np.random.default_rng(seed)
        lengths = random.integers(5, 60, recordings)
        # Recordings differ: some are noisy. The mean of these shares is 0.2.
        errors = random.binomial(lengths, random.beta(2, 8, recordings))
        interval = interval_of(errors, lengths, block=block, resamples=400)
        held += interval is not None and interval.low <= 0.2 <= interval.high
    assert 90 <= held < 100


@pytest.mark.parametrize(
    ("degrees", "quantile"), [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (9, 2.262), (79, 1.990)]
)
def test_quantiles_of_student_are_those_of_the_tables(degrees, quantile):
    assert student_t(0.975, degrees) == pytest.approx(quantile, rel=0.002)


def test_tails_are_those_of_the_normal_distribution_where_there_are_many_recordings():
    assert expanded_tail(0.025, 100_000) == pytest.approx(0.025, rel=1e-3)
    assert expanded_tail(0.025, 10) < 0.01


def test_equal_recordings_leave_no_doubt_and_one_alone_tells_nothing():
    interval = interval_of([1, 1, 1], [4, 4, 4])
    assert interval is not None
    assert (interval.low, interval.high) == (0.25, 0.25)
    assert interval_of([1], [4]) is None
    assert interval_of([], []) is None
    with pytest.raises(ValueError, match="no rate"):
        interval_of([1, 0], [4, 0])


def test_a_draw_has_as_many_recordings_as_there_are_whatever_the_blocks():
    # Each recording has one error of one word: whoever drew fewer, or more, would still be at 1.
    errors, lengths = [1] * 10, list(range(1, 11))
    drawn = [interval_of(lengths, lengths, block=block) for block in (1, 3, 10)]
    assert drawn == [Interval(1.0, 1.0)] * 3
    whole, parted = (interval_of(errors, lengths, block=block, resamples=20_000) for block in (10, 3))
    assert whole is not None
    assert parted is not None
    assert (parted.low, parted.high) == pytest.approx((whole.low, whole.high), rel=0.03)


def test_drawing_some_at_a_time_changes_nothing(monkeypatch):
    errors, lengths = [1, 5, 2, 7], [10, 20, 30, 40]
    whole = interval_of(errors, lengths)
    monkeypatch.setattr("pipeline.scoring._DRAWS_AT_ONCE", 7)
    assert interval_of(errors, lengths) == whole
