"""A segment's text in pieces between which a line may break, each with its time. Pure.

The service gives the text with its punctuation, and apart from it words with their times
that lack it (`word_info` 1). The two are laid side by side by letters and digits alone: what
agrees gets the word's times, what does not (a number in digits here and in words there)
shares the time of the words at its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from functools import lru_cache

from pipeline.subtitle_text import KEPT_WORDS, letters_of, reading_ms, split_text
from transforms.text import join_texts


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A word; milliseconds from the recording's start."""

    word: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class SpokenSegment:
    """What a row of ``segments`` says was spoken; milliseconds from the recording's start."""

    segment_index: int
    start_ms: int
    end_ms: int
    text: str
    words: tuple[TimedWord, ...] = ()


@dataclass(frozen=True, slots=True)
class Piece:
    """Text that stays on one line: a word with its punctuation, or one Chinese character.

    Attributes:
        text: without white space, at most `MAX_COLUMNS` wide.
        start_ms: not before the start of the piece before it.
        end_ms: not after the start of the next one.
        is_spaced: white space stands before it.
        is_in_word: the word of the piece before it goes on in it.
        opens_segment: it is the first of its segment.
    """

    text: str
    start_ms: int
    end_ms: int
    is_spaced: bool
    is_in_word: bool = False
    opens_segment: bool = False


@dataclass(frozen=True, slots=True)
class _Heard:
    """Letters that were heard and when, and the number of the word that they belong to."""

    letters: str
    start_ms: int
    end_ms: int
    word: int


_Times = tuple[int, int, bool]
"""Start and end in milliseconds, and whether a word of the piece before goes on."""


def pieces_of_channel(segments: Sequence[SpokenSegment]) -> list[Piece]:
    """The pieces of a channel, of one segment after the other.

    Times never go back, and no two pieces overlap, whatever the words say.

    Args:
        segments: in the order of their times.
    """
    pieces: list[Piece] = []
    for segment in segments:
        found = pieces_of(segment)
        if found and pieces:
            is_spaced = " " in join_texts((pieces[-1].text, found[0].text))
            found[0] = replace(found[0], is_spaced=is_spaced)
        pieces += found
    return _in_order(pieces)


def pieces_of(segment: SpokenSegment) -> list[Piece]:
    """The pieces of one segment; its text spread over it where no word has a time."""
    split = list(split_text(segment.text))
    texts = [text for text, _ in split]
    times = _filled(segment, texts, _aligned(texts, segment.words))
    pieces = [
        Piece(text, start_ms, end_ms, is_spaced, in_word and not is_spaced, opens_segment=number == 0)
        for number, ((text, is_spaced), (start_ms, end_ms, in_word)) in enumerate(
            zip(split, times, strict=True)
        )
    ]
    return _in_order(pieces)


@lru_cache(maxsize=KEPT_WORDS)
def _parts_of_word(word: str) -> tuple[str, ...]:
    return tuple(own for text, _ in split_text(word) if (own := letters_of(text)))


def _aligned(texts: Sequence[str], words: Sequence[TimedWord]) -> list[_Times | None]:
    """The times of each piece by the words; None where no word belongs to it."""
    wanted = [(number, own) for number, text in enumerate(texts) if (own := letters_of(text))]
    heard = [unit for number, word in enumerate(words) for unit in _heard(number, word)]
    times: list[_Times | None] = [None] * len(texts)
    last_word = -1
    for stretch, units in _alike(wanted, heard):
        for (number, _), (first, last) in zip(stretch, _shared(stretch, units), strict=True):
            times[number] = (first.start_ms, last.end_ms, first.word == last_word)
            last_word = last.word
    return times


def _heard(number: int, word: TimedWord) -> Sequence[_Heard]:
    """A word, divided as a text is: each part with its share of the time."""
    parts = _parts_of_word(word.word)
    if len(parts) == 1:
        return (_Heard(parts[0], word.start_ms, max(word.start_ms, word.end_ms), number),)
    return _divided(_Heard("", word.start_ms, word.end_ms, number), parts)


def _divided(whole: _Heard, parts: Sequence[str]) -> list[_Heard]:
    total = sum(map(len, parts))
    length_ms = max(0, whole.end_ms - whole.start_ms)
    divided: list[_Heard] = []
    reached = 0
    for part in parts:
        start_ms = whole.start_ms + length_ms * reached // total
        reached += len(part)
        divided.append(_Heard(part, start_ms, whole.start_ms + length_ms * reached // total, whole.word))
    return divided


def _alike(
    wanted: Sequence[tuple[int, str]], heard: Sequence[_Heard]
) -> Iterator[tuple[Sequence[tuple[int, str]], Sequence[_Heard]]]:
    """Stretches of the text and of the words that stand for each other, as short as they can be."""
    texts, sounds = [own for _, own in wanted], [unit.letters for unit in heard]
    agree = texts == sounds
    blocks = (
        [("equal", 0, len(texts), 0, len(texts))]
        if agree
        else SequenceMatcher(None, texts, sounds, autojunk=False).get_opcodes()
    )
    for kind, first, last, first_heard, last_heard in blocks:
        if kind == "equal":
            for place in range(last - first):
                yield (
                    wanted[first + place : first + place + 1],
                    heard[first_heard + place : first_heard + place + 1],
                )
        elif kind == "replace":
            yield wanted[first:last], heard[first_heard:last_heard]


def _shared(wanted: Sequence[tuple[int, str]], heard: Sequence[_Heard]) -> Iterator[tuple[_Heard, _Heard]]:
    """For each stretch of text the first and the last of what was heard of it, letter for letter."""
    if len(wanted) == len(heard) == 1:
        yield heard[0], heard[0]
        return
    letters = [letter for unit in heard for letter in _divided(unit, unit.letters)]
    total = sum(len(own) for _, own in wanted)
    reached = 0
    for _, own in wanted:
        first = len(letters) * reached // total
        reached += len(own)
        last = max(first, -(-len(letters) * reached // total) - 1)
        yield letters[first], letters[last]


def _filled(segment: SpokenSegment, texts: Sequence[str], times: Sequence[_Times | None]) -> list[_Times]:
    """Times for those pieces too that no word belongs to: between their neighbours."""
    filled: list[_Times] = []
    place = 0
    while place < len(times):
        known = times[place]
        if known is not None:
            filled.append(known)
            place += 1
            continue
        behind = next((number for number in range(place, len(times)) if times[number]), len(times))
        before = filled[-1] if filled else None
        after = times[behind] if behind < len(times) else None
        filled += _between(segment, texts[place:behind], before, after)
        place = behind
    return filled


def _between(
    segment: SpokenSegment, texts: Sequence[str], before: _Times | None, after: _Times | None
) -> Iterator[_Times]:
    # A mark by itself is not spoken: it takes no time.
    weights = [reading_ms(text) if letters_of(text) else 0 for text in texts]
    needed_ms = sum(weights)
    start_ms = before[1] if before else segment.start_ms
    end_ms = max(start_ms, after[0] if after else segment.end_ms)
    if before:
        end_ms = min(end_ms, start_ms + needed_ms)
    elif after:
        start_ms = max(start_ms, end_ms - needed_ms)
    elif start_ms == end_ms:
        end_ms = start_ms + needed_ms
    reached = 0
    for weight in weights:
        begin, reached = reached, reached + weight
        spread_ms = end_ms - start_ms
        yield (
            start_ms + spread_ms * begin // max(1, needed_ms),
            start_ms + spread_ms * reached // max(1, needed_ms),
            False,
        )


def _in_order(pieces: Sequence[Piece]) -> list[Piece]:
    """The pieces, none of which begins before the one before it or ends after the next begins."""
    starts: list[int] = []
    for piece in pieces:
        starts.append(max(piece.start_ms, starts[-1] if starts else 0))
    ordered = []
    for number, (piece, start_ms) in enumerate(zip(pieces, starts, strict=True)):
        end_ms = max(start_ms, piece.end_ms)
        if number + 1 < len(starts):
            end_ms = min(end_ms, starts[number + 1])
        is_so = (piece.start_ms, piece.end_ms) == (start_ms, end_ms)
        ordered.append(piece if is_so else replace(piece, start_ms=start_ms, end_ms=end_ms))
    return ordered
