"""How far a transcript is from what was said: normalization, errors, intervals. Pure.

Error rates follow jiwer: substitutions, deletions and insertions of the shortest way
from the reference to the transcript, over the length of the reference.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import jiwer
import numpy as np
import numpy.typing as npt

from transforms.text import join_texts

NORMALIZATION: tuple[str, ...] = (
    "letters are of one case; full and half width and other compatible forms are one (Unicode NFKC)",
    "punctuation and symbols are removed: without a trace between the letters of a word (it's) and in "
    "1,000; a point between digits stays; all others part words (well-known)",
    "white space parts words and is no character",
    "each character of Han, Kana, Thai, Lao, Khmer and Myanmar is a word",
    "numbers, spellings, simplified and traditional characters are left as they are",
)
"""What happens to references and transcripts before they are compared, for people."""

CONFIDENCE = 0.95
RESAMPLES = 1000

Block = npt.NDArray[np.int64]
"""Errors of some recordings, and the lengths of their references, each 1 or more; shape (2, recordings)."""

_APOSTROPHE = re.compile(r"(?<=\w)['\u2019\u02bc](?=\w)")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_POINT_OF_NO_NUMBER = re.compile(r"(?<!\d)\.|\.(?!\d)")
_WORDS = jiwer.ReduceToListOfListOfWords()
_CHARACTERS = jiwer.ReduceToListOfListOfChars()
_DRAWS_AT_ONCE = 2**18  # four arrays of so many numbers are held: 8 MB


class _Marks(dict[int, str | None]):
    """For `str.translate`: what a character that is no letter, digit or mark becomes."""

    def __missing__(self, code: int) -> str | None:
        character = chr(code)
        category = unicodedata.category(character)
        becomes: str | None = character
        if category == "Cf":
            becomes = None
        elif category[0] in "PSZ" or category == "Cc":
            becomes = " " if character != "." else "."
        self[code] = becomes
        return becomes


_MARKS = _Marks()


def words_of(text: str) -> list[str]:
    """The words that are compared, normalized as `NORMALIZATION` says.

    Args:
        text: a reference or a transcript, as it was written.

    Returns:
        Words without white space or punctuation; none if nothing is left.
    """
    text = unicodedata.normalize("NFKC", text).casefold()
    text = _THOUSANDS.sub("", _APOSTROPHE.sub("", text)).translate(_MARKS)
    text = _POINT_OF_NO_NUMBER.sub(" ", text)
    # Once more: folding and removing bring together what Unicode writes in one way only.
    text = unicodedata.normalize("NFKC", text)
    return [word for run in text.split() for word in _words_of_run(run)]


def _words_of_run(run: str) -> Iterator[str]:
    """Parts what stands without a space: combining marks stay with what they stand on."""
    if run.isascii():
        yield run
        return
    word = ""
    for character in run:
        mark = unicodedata.category(character)[0] == "M"
        if word and (mark or not (is_unspaced(character) or is_unspaced(word[0]))):
            word += character
        else:
            if word:
                yield word
            word = character
    yield word


@lru_cache(maxsize=2**16)
def is_unspaced(character: str) -> bool:
    """Whether a character is of a script that is written without spaces between words."""
    return " " not in join_texts((character, character))


@dataclass(frozen=True, slots=True)
class Counts:
    """Errors of one transcript or of many, in words or in characters."""

    hits: int = 0
    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0

    @property
    def errors(self) -> int:
        """Substitutions, deletions and insertions."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def length(self) -> int:
        """How long the reference is."""
        return self.hits + self.substitutions + self.deletions

    @property
    def rate(self) -> float | None:
        """Errors over length; above 1 where much was inserted, None without a reference."""
        return self.errors / self.length if self.length else None

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.hits + other.hits,
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
        )


@dataclass(frozen=True, slots=True)
class Comparison:
    """A transcript beside its reference.

    Attributes:
        unspaced: how many of the reference's words are of scripts without spaces.
    """

    words: Counts = Counts()
    characters: Counts = Counts()
    unspaced: int = 0

    @property
    def by_characters(self) -> bool:
        """Whether its figure is the CER: most of it is written without spaces."""
        return 2 * self.unspaced > self.words.length

    @property
    def figure(self) -> Counts:
        """The counts of the rate that is customary for its script."""
        return self.characters if self.by_characters else self.words

    def __add__(self, other: Comparison) -> Comparison:
        return Comparison(
            self.words + other.words, self.characters + other.characters, self.unspaced + other.unspaced
        )


def compare(reference: str, hypothesis: str) -> Comparison:
    """Count what has to change to get from a reference to a transcript.

    Args:
        reference: what was said, as it was written down.
        hypothesis: what was recognized; empty if nothing was.

    Returns:
        The counts; all zero if both are empty once normalized.
    """
    said, heard = words_of(reference), words_of(hypothesis)
    words = jiwer.process_words(" ".join(said), " ".join(heard), _WORDS, _WORDS)
    characters = jiwer.process_characters("".join(said), "".join(heard), _CHARACTERS, _CHARACTERS)
    return Comparison(_counts(words), _counts(characters), sum(is_unspaced(word[0]) for word in said))


def _counts(output: jiwer.WordOutput | jiwer.CharacterOutput) -> Counts:
    return Counts(output.hits, output.substitutions, output.deletions, output.insertions)


@dataclass(frozen=True, slots=True)
class Interval:
    """From ``low`` to ``high``, both of them rates."""

    low: float
    high: float


def bootstrap_interval(
    blocks: Iterable[Block],
    recordings: int,
    *,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> Interval | None:
    """How far the rate of all recordings may be from that of all that could be recorded.

    The percentile bootstrap over recordings (Bisani and Ney, "Bootstrap estimates for
    confidence intervals in ASR performance evaluation", ICASSP 2004): the same numbers
    whatever the order of the recordings of a block. Its tails are those of Student's t, which
    makes up for few recordings: the expanded percentile interval (Hesterberg, "What Teachers Should
    Know about the Bootstrap", The American Statistician 69, 2015, section 4.2). It tells
    nothing of errors that all of them share.

    Args:
        blocks: the recordings, each in one block; one block is held at a time.
        recordings: how many there are in all blocks.
        resamples: how many sets of recordings are drawn, with replacement.
        confidence: share of repeated studies whose interval holds the true rate.
        seed: decides what is drawn.

    Returns:
        The interval; None for less than two recordings.

    Raises:
        ValueError: a length is below 1.
    """
    if recordings < 2:
        return None
    random = np.random.default_rng(seed)
    left, to_draw = recordings, np.full(resamples, recordings)
    sums = np.zeros((2, resamples), dtype=np.int64)
    for block in blocks:
        if np.any(block[1] < 1):
            raise ValueError("a recording without a reference has no rate")
        size = block.shape[1]
        # Of so many draws among all that are left, these fall into the block: together, a multinomial.
        drawn = to_draw if size == left else random.binomial(to_draw, size / left)
        sums += _sums_of_draws(block[:, np.lexsort(block)], drawn, random)
        left, to_draw = left - size, to_draw - drawn
    tail = expanded_tail((1 - confidence) / 2, recordings)
    low, high = np.quantile(sums[0] / sums[1], (tail, 1 - tail))
    return Interval(float(low), float(high))


def _sums_of_draws(block: Block, drawn: Block, random: np.random.Generator) -> Block:
    """Errors and lengths of as many recordings of a block as are drawn for each set; shape (2, sets)."""
    sums = np.zeros((2, len(drawn)), dtype=np.int64)
    ends = np.cumsum(drawn)
    first = done = 0
    while first < len(drawn):
        end = max(first + 1, int(np.searchsorted(ends, done + _DRAWS_AT_ONCE, side="right")))
        picks = random.integers(block.shape[1], size=int(ends[end - 1]) - done)
        borders = np.concatenate([[0], ends[first:end] - done])
        for row, of_set in zip(block, sums, strict=True):
            reached = np.concatenate([[0], np.cumsum(row[picks])])
            of_set[first:end] = np.diff(reached[borders])
        first, done = end, int(ends[end - 1])
    return sums


def expanded_tail(tail: float, size: int) -> float:
    """The share of draws to leave out at each end, so that so many would be left out of studies.

    Args:
        tail: share of studies whose interval lies to one side of the true rate, below 0.5.
        size: how many were drawn from, 2 or more.
    """
    return NormalDist().cdf(-student_t(1 - tail, size - 1) * math.sqrt(size / (size - 1)))


def student_t(share: float, degrees: int) -> float:
    """The quantile of Student's t: exact for 1 and 2 degrees of freedom, to 0.5 % beyond.

    Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.5.
    """
    if degrees == 1:
        return math.tan(math.pi * (share - 0.5))
    if degrees == 2:
        return (2 * share - 1) / math.sqrt(2 * share * (1 - share))
    x = NormalDist().inv_cdf(share)
    terms = (
        (x**3 + x) / 4,
        (5 * x**5 + 16 * x**3 + 3 * x) / 96,
        (3 * x**7 + 19 * x**5 + 17 * x**3 - 15 * x) / 384,
        (79 * x**9 + 776 * x**7 + 1482 * x**5 - 1920 * x**3 - 945 * x) / 92160,
    )
    return x + math.fsum(term / float(degrees) ** power for power, term in enumerate(terms, start=1))
