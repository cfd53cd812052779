from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from pipeline.alignment import AlignedLine, AlignedWord, align, lines_of
from pipeline.scoring import compare, words_of

SENTENCES = st.lists(st.sampled_from(("a", "bcd", "weather", "广", "州", "คุ")), max_size=15).map(" ".join)


def test_reference_stands_over_transcript_and_edits_are_marked():
    [line] = lines_of(align("So today weather is nice.", "today whether is very nice"), 80)
    assert line == AlignedLine(
        "so today weather is **** nice",
        "** today whether is very nice",
        "D        S          I",
    )


def test_wide_characters_take_two_cells():
    [line] = lines_of(align("今天 ok", "今夭天 okay"), 80)
    assert line == AlignedLine("今 ** 天 ok", "今 夭 天 okay", "   I     S")


def test_long_texts_wrap_between_words():
    lines = list(lines_of(align("one two three four", "one two tree four"), 9))
    assert [line.reference for line in lines] == ["one two", "three", "four"]
    assert [line.hypothesis for line in lines] == ["one two", "tree", "four"]
    assert [line.edits for line in lines] == ["", "S", ""]


@given(SENTENCES, SENTENCES)
def test_the_alignment_holds_both_texts_and_as_many_edits_as_are_counted(reference, hypothesis):
    aligned = align(reference, hypothesis)
    assert [word.reference for word in aligned if word.reference] == words_of(reference)
    assert [word.hypothesis for word in aligned if word.hypothesis] == words_of(hypothesis)
    counts = compare(reference, hypothesis).words
    edits = [word.edit for word in aligned]
    assert [edits.count(edit) for edit in ("equal", "substitute", "delete", "insert")] == [
        counts.hits, counts.substitutions, counts.deletions, counts.insertions,
    ]  # fmt: skip


@given(SENTENCES, SENTENCES, st.integers(1, 40))
def test_lines_keep_to_the_width_and_lose_nothing(reference, hypothesis, width):
    lines = list(lines_of(align(reference, hypothesis), width))
    for line in lines:
        for row in (line.reference, line.hypothesis, line.edits):
            assert cell_len(row) <= width or " " not in row
    said = [word for line in lines for word in line.reference.split() if "*" not in word]
    assert said == words_of(reference)


def test_nothing_beside_nothing_is_no_line():
    assert list(lines_of(align("", "..."), 80)) == []
    assert align("a", "") == (AlignedWord("delete", "a", ""),)
