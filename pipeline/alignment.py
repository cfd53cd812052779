"""A transcript laid under its reference, word by word, for reading. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import jiwer
from rich.cells import cell_len

from pipeline.scoring import words_of

Edit = Literal["equal", "substitute", "delete", "insert"]

_WORDS = jiwer.ReduceToListOfListOfWords()
_LETTERS: dict[str, str] = {"equal": "", "substitute": "S", "delete": "D", "insert": "I"}
_NOTHING = "*"


@dataclass(frozen=True, slots=True)
class AlignedWord:
    """A word of the reference and what was recognized for it.

    Attributes:
        edit: what happened to it.
        reference: the word, normalized; empty where one was inserted.
        hypothesis: what was recognized; empty where nothing was.
    """

    edit: Edit
    reference: str
    hypothesis: str


@dataclass(frozen=True, slots=True)
class AlignedLine:
    """A line of the view; its three rows are read one under the other.

    Attributes:
        reference: what was said; stars stand where a word was inserted.
        hypothesis: what was recognized; stars stand where a word is missing.
        edits: S, D or I under the first cell of each word that differs.
    """

    reference: str
    hypothesis: str
    edits: str


def align(reference: str, hypothesis: str) -> tuple[AlignedWord, ...]:
    """Lay a transcript beside its reference, with the fewest edits.

    Args:
        reference: what was said, as it was written down.
        hypothesis: what was recognized.

    Returns:
        Their words in order, normalized as by `words_of`.
    """
    output = jiwer.process_words(
        " ".join(words_of(reference)), " ".join(words_of(hypothesis)), _WORDS, _WORDS
    )
    [said], [heard], [chunks] = output.references, output.hypotheses, output.alignments
    aligned: list[AlignedWord] = []
    for chunk in chunks:
        left = said[chunk.ref_start_idx : chunk.ref_end_idx]
        right = heard[chunk.hyp_start_idx : chunk.hyp_end_idx]
        longer = max(len(left), len(right))
        pairs = zip(_filled(left, longer), _filled(right, longer), strict=True)
        aligned += [AlignedWord(_edit(chunk.type), *pair) for pair in pairs]
    return tuple(aligned)


def _filled(words: Sequence[str], length: int) -> list[str]:
    return [*words, *[""] * (length - len(words))]


def _edit(name: str) -> Edit:
    match name:
        case "equal" | "substitute" | "delete" | "insert":
            return name
    raise ValueError(f"jiwer has an edit {name!r} that is not known here")


def lines_of(words: Iterable[AlignedWord], width: int) -> Iterator[AlignedLine]:
    """Lay aligned words out on a terminal.

    Args:
        words: in order.
        width: cells of a line; a word that is wider has a line to itself. Wide characters
            take two cells, combining marks none.

    Yields:
        Lines, each of whole words.
    """
    line: list[tuple[AlignedWord, int]] = []
    used = 0
    for word in words:
        cells = max(cell_len(word.reference), cell_len(word.hypothesis), 1)
        if line and used + 1 + cells > width:
            yield _line(line)
            line, used = [], 0
        used += cells + bool(line)
        line.append((word, cells))
    if line:
        yield _line(line)


def _line(line: Sequence[tuple[AlignedWord, int]]) -> AlignedLine:
    return AlignedLine(
        " ".join(_padded(word.reference or _NOTHING * cells, cells) for word, cells in line).rstrip(),
        " ".join(_padded(word.hypothesis or _NOTHING * cells, cells) for word, cells in line).rstrip(),
        " ".join(_padded(_LETTERS[word.edit], cells) for word, cells in line).rstrip(),
    )


def _padded(text: str, cells: int) -> str:
    return text + " " * (cells - cell_len(text))
