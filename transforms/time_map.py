"""From where the service heard a word to where it lies in the recording. Pure.

The service counts milliseconds from the start of what it was sent, and that is the
pieces of `PlannedSegment.sent` joined, perhaps behind some samples of an encoder's
delay. A piece keeps its length when it is sent, so a place in the payload is a place
in a piece, exactly: no scale and no sum of rounded times is involved.

A word belongs to the segment whose own part holds its middle. Where a cut had to fall
into speech, two segments hear the words around it, and each lets go of the other's.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from transforms.answer import HeardWord
from transforms.records import PlannedSegment, SampleRange, Word

# How far behind the last word the next may begin, in letters: a number that the text has in
# digits and the words do not, say.
_STRAY_LETTERS = 8


def recording_sample(sent: Sequence[SampleRange], payload_sample: int, *, is_end: bool = False) -> int:
    """Where in the recording a sample of the payload lies.

    Args:
        sent: the pieces that the payload joins, in order; at least one.
        payload_sample: from the payload's start; one before or behind it is drawn to its edge.
        is_end: it is an exclusive end: where two pieces meet it belongs to the first.
    """
    left = max(0, payload_sample)
    for piece in sent:
        if left < piece.samples or (is_end and left == piece.samples):
            return piece.start_sample + left
        left -= piece.samples
    return sent[-1].end_sample


def words_of(
    planned: PlannedSegment, heard: Sequence[HeardWord], sample_rate: int, *, delay_samples: int = 0
) -> list[Word | None]:
    """The words in samples of the recording; None for one that is another segment's.

    No word leaves the segment's own part.

    Args:
        planned: what was sent.
        heard: words with milliseconds from the start of what the service decoded.
        sample_rate: samples per second.
        delay_samples: how much later the service hears a sound than it is in the payload.
    """
    return [_word(planned, each, sample_rate, delay_samples) for each in heard]


def own_text(text: str, heard: Sequence[str], is_own: Sequence[bool]) -> str:
    """The text without the words that are another segment's: the first ones and the last.

    Texts have punctuation and capitals of their own, so words are looked for by letters and
    digits alone. Where one cannot be found the text stays whole at that side: a word twice
    is better than one lost.

    Args:
        text: what the service wrote.
        heard: its words, in order.
        is_own: for each of them, whether it stays.
    """
    if all(is_own):
        return text
    if not any(is_own):
        return ""
    letters, places = _letters(text)
    first = is_own.index(True)
    behind_last = len(is_own) - is_own[::-1].index(True)
    wanted = [_letters(word)[0] for word in heard]
    dropped = _reach(letters, wanted, first)
    backward = [word[::-1] for word in reversed(wanted)]
    dropped_behind = _reach(letters[::-1], backward, len(wanted) - behind_last)
    end = places[len(letters) - dropped_behind] if dropped_behind else len(text)
    return text[places[dropped] if dropped else 0 : end].strip()


def _word(planned: PlannedSegment, heard: HeardWord, sample_rate: int, delay_samples: int) -> Word | None:
    start = recording_sample(planned.sent, _samples(heard.start_ms, sample_rate) - delay_samples)
    end = recording_sample(planned.sent, _samples(heard.end_ms, sample_rate) - delay_samples, is_end=True)
    own = planned.own
    middle = (start + max(start, end)) // 2
    reaches_out = (
        planned.sent[0].start_sample < own.start_sample,
        planned.sent[-1].end_sample > own.end_sample,
    )
    if (reaches_out[0] and middle < own.start_sample) or (reaches_out[1] and middle >= own.end_sample):
        return None
    first = min(max(start, own.start_sample), own.end_sample)
    return Word(heard.word, first, min(max(end, first), own.end_sample))


def _samples(time_ms: int, sample_rate: int) -> int:
    return time_ms * sample_rate // 1000


def _reach(letters: str, words: Sequence[str], count: int) -> int:
    """How many of the letters the first ``count`` words take up; 0 if that is not certain.

    Where one of them is not right behind the one before, it may have been found in words that
    stay; so the next word that stays must then follow.

    Args:
        letters: of the text.
        words: of each word, its letters; more of them than ``count``.
        count: how many are dropped, from the first.
    """
    reached, strayed = 0, False
    for word in words[:count]:
        found = letters.find(word, reached, reached + len(word) + _STRAY_LETTERS)
        if found < 0:
            return 0
        strayed |= found > reached
        reached = found + len(word)
    following = next((word for word in words[count:] if word), "")
    if strayed and not letters.startswith(following, reached):
        return 0
    return reached if reached < len(letters) else 0


def _letters(text: str) -> tuple[str, list[int]]:
    """Letters, marks and digits of a text without case, and where in it each stands."""
    found = [
        (letter, place)
        for place, character in enumerate(text)
        if unicodedata.category(character)[0] in "LMN"
        for letter in character.casefold()
    ]
    return "".join(letter for letter, _ in found), [place for _, place in found]
