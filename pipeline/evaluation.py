"""``evaluate``: how far the transcripts of a dataset are from what was said.

Texts are held one pair at a time. What is kept of each recording is four numbers on disk, from
which the intervals are made, and of the worst ones their address.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from pathlib import PurePath

from pipeline.alignment import align
from pipeline.error_rates import (
    SEED,
    Evaluation,
    Found,
    Place,
    Recorded,
    Tally,
    figure_of,
    rate_of,
    shown_place,
)
from pipeline.pairing import Pair, Pairs, open_pairs
from pipeline.plain import shown_address
from pipeline.references import read_references
from pipeline.score_sheet import Sheet
from pipeline.scoring import CONFIDENCE, NORMALIZATION, RESAMPLES, Comparison, compare
from pipeline.temporary_database import temporary_file
from pipeline.transcript_texts import read_transcripts
from transforms.addresses import display_name
from transforms.errors import UsageError
from transforms.records import Status


@dataclass(slots=True)
class _Scores:
    """What the pairs come to, filled in one walk over them."""

    missing_as_deleted: bool
    most_worst: int
    sheet: Sheet
    transcribed: Tally = field(init=False)
    everything: Tally = field(init=False)
    languages: dict[str, Tally] = field(default_factory=dict)
    worst: list[tuple[float, int, int, Place]] = field(default_factory=list)
    missing: Found = field(default_factory=Found)
    partial: Found = field(default_factory=Found)
    empty: Found = field(default_factory=Found)
    unclear: Found = field(default_factory=Found)

    def __post_init__(self) -> None:
        self.transcribed = Tally("transcribed", self.sheet.page())
        self.everything = Tally("all references", self.sheet.page())

    def add(self, number: int, pair: Pair) -> None:
        """Takes the pair with this number; they come by address and channel."""
        comparison = compare(pair.reference, pair.hypothesis)
        if not comparison.words.length:
            self.empty.add(pair.place)
            return
        if pair.place.channel is None and pair.channels > 1:
            self.unclear.add(pair.place)
            return
        self.everything.add(pair.place.audio_uri, comparison)
        if pair.status is None:
            self.missing.add(pair.place)
            if not self.missing_as_deleted:
                return
        else:
            self.transcribed.add(pair.place.audio_uri, comparison)
        if pair.status == Status.PARTIAL.value:
            self.partial.add(pair.place)
        language = (pair.language or "not told").replace("_", "-").lower()
        if language not in self.languages:
            self.languages[language] = Tally(language, self.sheet.page())
        self.languages[language].add(pair.place.audio_uri, comparison)
        self._keep_if_bad(number, pair.place, comparison)

    def _keep_if_bad(self, number: int, place: Place, comparison: Comparison) -> None:
        if rate := comparison.figure.rate:
            # The number decides between equals, so that two places are never compared.
            heapq.heappush(self.worst, (rate, comparison.figure.errors, -number, place))
        if len(self.worst) > self.most_worst:
            heapq.heappop(self.worst)


def evaluate(output: str, references: str, *, worst: int = 5, missing_as_deleted: bool = False) -> Evaluation:
    """Compare the transcripts of a dataset with what was said.

    Args:
        output: OUTPUT, a dataset; it may be one that a run is writing to.
        references: a manifest with the columns ``audio`` and ``reference``.
        worst: how many of the worst recordings are shown word by word.
        missing_as_deleted: whether a reference without a transcript counts as deleted in
            the languages and the worst, too.

    Raises:
        UsageError: either cannot be read as what it has to be, or nothing of it belongs
            together.
        OutputError: a part of the dataset is damaged, or the temporary file is full.
    """
    if worst < 0:
        raise UsageError(f"--worst {worst}: expected 0 or more recordings.")
    with temporary_file() as file, open_pairs() as pairs:
        scores = _Scores(missing_as_deleted, worst, Sheet(file))
        pairs.add_references(read_references(references))
        pairs.add_transcripts(read_transcripts(output))
        for number, pair in enumerate(pairs):
            scores.add(number, pair)
        if not scores.transcribed.recordings:
            raise _nothing_to_compare(pairs, scores, output, references)
        return _evaluation(pairs, scores, output, references)


def _evaluation(pairs: Pairs, scores: _Scores, output: str, references: str) -> Evaluation:
    unreferenced = Found()
    for place in pairs.unreferenced():
        unreferenced.add(place)
    groups = sorted(
        (tally.group() for tally in scores.languages.values()),
        key=lambda group: (-group.words.length, group.name),
    )
    return Evaluation(
        output=display_name(output),
        references=display_name(references),
        normalization=NORMALIZATION,
        confidence=CONFIDENCE,
        resamples=RESAMPLES,
        seed=SEED,
        missing_as_deleted=scores.missing_as_deleted,
        transcribed=scores.transcribed.group(),
        all_references=scores.everything.group(),
        languages=tuple(groups),
        worst=tuple(_recorded(pairs[place]) for *_, place in sorted(scores.worst, reverse=True)),
        missing=scores.missing.frozen(),
        partial=scores.partial.frozen(),
        empty_references=scores.empty.frozen(),
        unclear_channel=scores.unclear.frozen(),
        unreferenced=unreferenced.frozen(),
    )


def _recorded(pair: Pair) -> Recorded:
    comparison = compare(pair.reference, pair.hypothesis)
    return Recorded(
        shown_place(pair.place),
        pair.channel,
        pair.language,
        pair.status,
        figure_of(comparison),
        rate_of(comparison.words),
        rate_of(comparison.characters),
        align(pair.reference, pair.hypothesis),
    )


def _nothing_to_compare(pairs: Pairs, scores: _Scores, output: str, references: str) -> UsageError:
    transcripts, rows = pairs.count()
    of = f"{display_name(references)} and {display_name(output)}"
    if not transcripts:
        return UsageError(
            f"{display_name(output)}: there is no transcript yet. A run writes them after its segments: "
            "run it to its end first. The same command continues what was stopped."
        )
    if scores.empty.count == rows:
        return UsageError(f"Manifest {display_name(references)}: no row has a text under 'reference'.")
    if not scores.missing.count:
        return UsageError(
            f"{of}: the recordings were transcribed by channel; the manifest needs the column 'channel'."
        )
    wanted = scores.missing.examples[0]
    alike = pairs.transcript_named(PurePath(wanted.audio_uri).name)
    hint = f" The dataset has {shown_address(alike)}: 'audio' has to lead there." if alike else ""
    channel = "" if wanted.channel is None else f", channel {wanted.channel}"
    return UsageError(
        f"{of} have no recording in common, by address and channel. The first reference without a transcript "
        f"is of {shown_address(wanted.audio_uri)}{channel}.{hint} "
        "Relative paths start from the manifest's folder."
    )
