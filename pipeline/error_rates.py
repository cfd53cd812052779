"""What an evaluation tells, and how many recordings are summed up. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from pipeline.alignment import AlignedWord
from pipeline.plain import shown_address
from pipeline.scoring import Block, Comparison, Counts, Interval, bootstrap_interval

MOST_EXAMPLES = 3
"""Recordings that are named of each kind that was left out; their number is always told."""

SEED = 0
"""Decides what the bootstrap draws."""


@dataclass(frozen=True, slots=True)
class Place:
    """A recording and one of its channels; None where the manifest names none."""

    audio_uri: str
    channel: int | None


def shown_place(place: Place) -> Place:
    """A place as it is told: without what may be a secret in an address."""
    return Place(shown_address(place.audio_uri), place.channel)


@dataclass(frozen=True, slots=True)
class Rate:
    """An error rate and what it is made of.

    Attributes:
        length: words or characters of the references.
        rate: errors over length; None without a reference.
        interval: of the rate, by bootstrap over recordings; None for less than two.
    """

    length: int
    substitutions: int
    deletions: int
    insertions: int
    rate: float | None
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class Group:
    """The rates of many recordings, summed over words and characters (micro-averaged).

    Attributes:
        name: what they have in common.
        recordings: how many; channels of one recording count once.
        figure: the customary rate, "wer", or "cer" where most is written without spaces.
    """

    name: str
    recordings: int
    figure: str
    words: Rate
    characters: Rate


@dataclass(frozen=True, slots=True)
class Recorded:
    """One of the worst recordings.

    Attributes:
        place: as the manifest names it.
        channel: that was transcribed; None without a transcript.
        status: of its transcript; None without one.
        alignment: its words, normalized, beside what was recognized.
    """

    place: Place
    channel: int | None
    language: str | None
    status: str | None
    figure: str
    words: Rate
    characters: Rate
    alignment: tuple[AlignedWord, ...]


@dataclass(frozen=True, slots=True)
class Some:
    """Recordings that are to be known of: how many, and the first ones by address."""

    count: int
    examples: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What ``evaluate`` tells.

    Attributes:
        transcribed: of the references that have a transcript.
        all_references: likewise, and those without a transcript count as deleted.
        missing_as_deleted: whether ``languages`` and ``worst`` count them so too.
        languages: by the manifest's column ``language``, largest first.
        worst: highest rate first, by the figure that is customary for each.
        missing: references without a transcript.
        partial: transcripts of which some segment has no answer; it counts as deleted.
        empty_references: rows of the manifest without words; left out.
        unclear_channel: rows that name no channel, of recordings with several; left out.
        unreferenced: transcripts that the manifest does not name; left out.
    """

    output: str
    references: str
    normalization: tuple[str, ...]
    confidence: float
    resamples: int
    seed: int
    missing_as_deleted: bool
    transcribed: Group
    all_references: Group
    languages: tuple[Group, ...]
    worst: tuple[Recorded, ...]
    missing: Some
    partial: Some
    empty_references: Some
    unclear_channel: Some
    unreferenced: Some


@dataclass(slots=True)
class Found:
    """Counts places and keeps the first."""

    count: int = 0
    examples: list[Place] = field(default_factory=list)

    def add(self, place: Place) -> None:
        """Counts one more."""
        self.count += 1
        if len(self.examples) < MOST_EXAMPLES:
            self.examples.append(place)

    def frozen(self) -> Some:
        """What was found."""
        return Some(self.count, tuple(map(shown_place, self.examples)))


Row = tuple[int, int, int, int]
"""Of a recording: errors in words, words of its reference, errors in characters, characters."""


class Page(Protocol):
    """Where a `Tally` keeps its recordings."""

    def add(self, row: Row) -> None:
        """Take one more."""

    def blocks(self) -> Iterator[Block]:
        """All of them in the order in which they came, some at a time; shape (4, recordings)."""


class Tally:
    """Sums comparisons, and keeps errors and lengths of each recording for the intervals."""

    def __init__(self, name: str, page: Page) -> None:
        self.name = name
        self.recordings = 0
        self._page = page
        self._sum = Comparison()
        self._uri = ""
        self._own = Comparison()

    def add(self, audio_uri: str, comparison: Comparison) -> None:
        """Takes a channel; those of one recording have to come one after the other."""
        self._sum += comparison
        if audio_uri == self._uri:
            self._own += comparison
            return
        self._keep()
        self._uri, self._own = audio_uri, comparison
        self.recordings += 1

    def group(self) -> Group:
        """What it comes to; nothing can be added after that."""
        self._keep()
        words = bootstrap_interval((block[:2] for block in self._page.blocks()), self.recordings, seed=SEED)
        characters = bootstrap_interval(
            (block[2:] for block in self._page.blocks()), self.recordings, seed=SEED
        )
        return Group(
            self.name,
            self.recordings,
            figure_of(self._sum),
            rate_of(self._sum.words, words),
            rate_of(self._sum.characters, characters),
        )

    def _keep(self) -> None:
        words, characters = self._own.words, self._own.characters
        if self.recordings:
            self._page.add((words.errors, words.length, characters.errors, characters.length))


def figure_of(comparison: Comparison) -> str:
    """The name of the rate that is customary for it: "wer" or "cer"."""
    return "cer" if comparison.by_characters else "wer"


def rate_of(counts: Counts, interval: Interval | None = None) -> Rate:
    """Counts as they are told."""
    return Rate(
        counts.length, counts.substitutions, counts.deletions, counts.insertions, counts.rate, interval
    )
