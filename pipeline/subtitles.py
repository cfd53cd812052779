"""Words to subtitles: which words stand together, on which lines, and for how long. Pure.

The limits are those of the Netflix Timed Text Style Guide, general requirements: two lines,
5/6 s at least, 7 s at most, two frames between one and the next. A subtitle stays longer
than it is spoken where that makes it readable and silence follows.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from pipeline.subtitle_pieces import Piece, SpokenSegment, pieces_of_channel
from pipeline.subtitle_text import MAX_COLUMNS, columns_of, reading_ms

MAX_CUE_MS = 7000
"""How long a subtitle is seen at most."""

MIN_CUE_MS = 833
"""How long a subtitle is seen at least, where the next one leaves the time: 5/6 s."""

GAP_MS = 83
"""From the end of a subtitle to the next, where there is time: two frames of a film's 24 a second."""

FORCED_PAUSE_MS = 1000
"""No subtitle reaches over a pause of this length."""

_LONG_PAUSE_MS = 600
_SHORT_PAUSE_MS = 250

_SENTENCE_ENDS = frozenset(".!?…。！？．｡؟।॥")
_CLAUSE_ENDS = frozenset(",;:，、；：､،؛—–")

# What a subtitle costs: the cheapest division of a channel is taken.
_CUE_COST = 10.0
_SENTENCE_COST, _LONG_PAUSE_COST, _CLAUSE_COST, _WORD_COST, _INSIDE_COST = 0.0, 1.0, 4.0, 14.0, 30.0
_SENTENCE_INSIDE_COST = 6.0
_LONG_PAUSE_INSIDE_COST = 8.0
_TOO_SHORT_COST = 10.0
_UNREADABLE_COST_PER_MS = 0.01
_EMPTY_COST = 4.0
_UNEVEN_LINES_COST = 12.0


@dataclass(frozen=True, slots=True)
class Cue:
    """A subtitle: when it is seen, milliseconds from the recording's start, and its one or two lines."""

    start_ms: int
    end_ms: int
    lines: tuple[str, ...]


def cues_of(segments: Sequence[SpokenSegment], duration_ms: int | None = None) -> list[Cue]:
    """The subtitles of one channel, in order; each ends before the next begins, or when it does.

    Args:
        segments: what was recognised, in the order of their times.
        duration_ms: length of the recording: no subtitle stays longer than it only to be
            readable. None if it is not known.
    """
    pieces = pieces_of_channel(segments)
    return _with_times([pieces[first:last] for first, last in _division(pieces)], duration_ms)


def joined(pieces: Sequence[Piece]) -> str:
    """The text of neighbouring pieces, spaced as it was."""
    return "".join(
        (" " if number and each.is_spaced else "") + each.text for number, each in enumerate(pieces)
    )


@dataclass(frozen=True, slots=True)
class _Measures:
    """Of each piece what the division goes by; of pauses and breaks, those before it."""

    starts_ms: list[int]
    ends_ms: list[int]
    pauses_ms: list[int]
    columns: list[int]
    spaces: list[int]
    reading_ms: list[int]
    sentence_ends: list[bool]
    break_costs: list[float]


def _measures(pieces: Sequence[Piece]) -> _Measures:
    return _Measures(
        starts_ms=[piece.start_ms for piece in pieces],
        ends_ms=[piece.end_ms for piece in pieces],
        pauses_ms=[0, *(right.start_ms - left.end_ms for left, right in pairwise(pieces))],
        columns=[columns_of(piece.text) for piece in pieces],
        spaces=[int(piece.is_spaced) for piece in pieces],
        reading_ms=[reading_ms(piece.text) + piece.is_spaced * reading_ms(" ") for piece in pieces],
        sentence_ends=[_ends_with(piece, _SENTENCE_ENDS) for piece in pieces],
        break_costs=[_break_cost(pieces, place) for place in range(len(pieces) + 1)],
    )


def _division(pieces: Sequence[Piece]) -> list[tuple[int, int]]:
    """First and last (exclusive) piece of each subtitle, such that all together cost least."""
    measures = _measures(pieces)
    costs = [0.0] + [float("inf")] * len(pieces)
    begins = [0] * (len(pieces) + 1)
    for first in range(len(pieces)):
        reached = costs[first]
        for last, cost in _choices(measures, first):
            if reached + cost < costs[last]:
                costs[last], begins[last] = reached + cost, first
    division: list[tuple[int, int]] = []
    last = len(pieces)
    while last:
        division.append((begins[last], last))
        last = begins[last]
    return division[::-1]


def _choices(measures: _Measures, first: int) -> Iterator[tuple[int, float]]:
    """Each end that a subtitle beginning at ``first`` may have, with its cost.

    The innermost loop of an export: what is looked up or called in it is what an export takes.
    """
    starts_ms, ends_ms, pauses_ms = measures.starts_ms, measures.ends_ms, measures.pauses_ms
    widths, spaces, break_costs = measures.columns, measures.spaces, measures.break_costs
    inside = 0.0
    rows, columns = 1, 0
    needed_ms = filled = 0
    start_ms, latest_end_ms = starts_ms[first], starts_ms[first] + MAX_CUE_MS
    count = len(starts_ms)
    for last in range(first, count):
        width = widths[last]
        if last > first:
            width += spaces[last]
            if columns + width > MAX_COLUMNS:
                rows, columns, width = rows + 1, 0, widths[last]
            pause_ms = pauses_ms[last]
            if rows > 2 or pause_ms >= FORCED_PAUSE_MS or ends_ms[last] > latest_end_ms:
                return
            inside += _SENTENCE_INSIDE_COST if measures.sentence_ends[last - 1] else 0.0
            inside += _LONG_PAUSE_INSIDE_COST if pause_ms >= _LONG_PAUSE_MS else 0.0
        columns += width
        filled += width
        needed_ms += measures.reading_ms[last]
        emptiness = 1 - filled / (2 * MAX_COLUMNS)
        cost = _CUE_COST + inside + _EMPTY_COST * emptiness * emptiness + break_costs[last + 1]
        # What it costs that it has to go before it is read.
        room_ms = starts_ms[last + 1] - GAP_MS - start_ms if last + 1 < count else MAX_CUE_MS
        if room_ms < MIN_CUE_MS:
            cost += _TOO_SHORT_COST
        hasty_ms = needed_ms - (room_ms if room_ms < MAX_CUE_MS else MAX_CUE_MS)
        yield last + 1, cost + (_UNREADABLE_COST_PER_MS * hasty_ms if hasty_ms > 0 else 0.0)


def _break_cost(pieces: Sequence[Piece], place: int) -> float:
    """What it costs to break before the piece at ``place``, least at sentences' ends and pauses."""
    if place in (0, len(pieces)):
        return 0.0
    left, right = pieces[place - 1], pieces[place]
    pause_ms = right.start_ms - left.end_ms
    if _ends_with(left, _SENTENCE_ENDS):
        return _SENTENCE_COST
    if pause_ms >= _LONG_PAUSE_MS:
        return _LONG_PAUSE_COST
    if _ends_with(left, _CLAUSE_ENDS) or right.opens_segment or pause_ms >= _SHORT_PAUSE_MS:
        return _CLAUSE_COST
    return _INSIDE_COST if right.is_in_word else _WORD_COST


def _ends_with(piece: Piece, marks: frozenset[str]) -> bool:
    """Whether a piece ends with one of the marks, closing quotation marks and brackets aside."""
    for character in reversed(piece.text):
        if character not in "\"'" and unicodedata.category(character) not in ("Pe", "Pf"):
            return character in marks
    return False


def _with_times(groups: Sequence[Sequence[Piece]], duration_ms: int | None) -> list[Cue]:
    cues: list[Cue] = []
    free_ms = 0
    for number, group in enumerate(groups):
        start_ms = max(group[0].start_ms, free_ms)
        spoken_end_ms = group[-1].end_ms
        readable_ms = max(MIN_CUE_MS, reading_ms(joined(group)))
        end_ms = start_ms + readable_ms
        if duration_ms is not None:
            end_ms = min(end_ms, duration_ms)
        end_ms = min(max(end_ms, spoken_end_ms), start_ms + MAX_CUE_MS)
        if number + 1 < len(groups):
            next_ms = groups[number + 1][0].start_ms
            end_ms = min(end_ms, next_ms - GAP_MS if next_ms - GAP_MS > start_ms else next_ms)
        # A player needs a time, even for words to which the service gave none.
        free_ms = max(end_ms, start_ms + 1)
        cues.append(Cue(start_ms, free_ms, _lines(group)))
    return cues


def _lines(group: Sequence[Piece]) -> tuple[str, ...]:
    """One line if it holds all, else the two that are best divided."""
    whole = joined(group)
    if columns_of(whole) <= MAX_COLUMNS:
        return (whole,)
    best: tuple[float, tuple[str, ...]] | None = None
    for place in range(1, len(group)):
        lines = (joined(group[:place]), joined(group[place:]))
        upper, lower = map(columns_of, lines)
        if max(upper, lower) > MAX_COLUMNS:
            continue
        cost = _break_cost(group, place) + _UNEVEN_LINES_COST * abs(upper - lower) / MAX_COLUMNS
        if best is None or cost < best[0]:
            best = (cost, lines)
    assert best is not None, "a subtitle was chosen such that it fits on two lines"
    return best[1]
