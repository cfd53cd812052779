"""Shows an evaluation: tables and aligned texts for people, JSON with the same numbers for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from pipeline.alignment import lines_of
from pipeline.error_rates import Evaluation, Group, Place, Rate, Recorded, Some
from pipeline.evaluation import evaluate
from pipeline.plain import name_of, plain

MOST_LINES = 30
"""Lines of a recording's aligned view that are shown; JSON has all of it."""

TABLE_COLUMNS = 72
"""What the table of rates takes; a narrower terminal gets a list."""

FEW = 5
"""Of less recordings the interval holds the true rate in less than 90 of 100 studies."""

_LABELS = ("said  ", "heard ", "      ")
_STYLES = ("", "", "bold red")
_HEADS = ("rec.", "words", "WER\n95 % from-to", "chars", "CER\n95 % from-to")


@dataclass(frozen=True, slots=True)
class EvaluateRequest:
    """The arguments of ``evaluate``.

    Attributes:
        output: OUTPUT, a dataset.
        references: the manifest with the references.
        json: whether JSON is printed instead of tables.
        worst: how many recordings are shown word by word.
        missing_as_deleted: whether references without a transcript count as deleted.
    """

    output: str
    references: str
    json: bool = False
    worst: int = 5
    missing_as_deleted: bool = False


def run_evaluate(request: EvaluateRequest, console: Console) -> None:
    """Compare transcripts with references, and print what came of it.

    Raises:
        UsageError: see `evaluation.evaluate`.
        OutputError: likewise.
    """
    evaluation = evaluate(
        request.output,
        request.references,
        worst=request.worst,
        missing_as_deleted=request.missing_as_deleted,
    )
    if request.json:
        # Escaped, so that it is JSON on a terminal of any encoding.
        print(json.dumps(asdict(evaluation), indent=2), file=console.file)
    else:
        show_evaluation(console, evaluation)


def show_evaluation(console: Console, evaluation: Evaluation) -> None:
    """Print the rates, what they leave out, and the worst recordings."""
    if console.width >= TABLE_COLUMNS:
        console.print(_rates(evaluation))
    else:
        _show_list(console, evaluation)
    for line in _notes(evaluation):
        console.print(Text(line))
    for recorded in evaluation.worst:
        _show_recorded(console, recorded)


def _rates(evaluation: Evaluation) -> Grid:
    grid = Grid(title="Error rates", title_justify="left")
    grid.add_column("", overflow="fold")
    for head in _HEADS:
        grid.add_column(head, justify="right", no_wrap=True)
    for group in _overall(evaluation):
        grid.add_row(*_cells(group))
    grid.add_section()
    for group in _by_language(evaluation):
        grid.add_row(*_cells(group))
    return grid


def _overall(evaluation: Evaluation) -> list[Group]:
    return [evaluation.transcribed, *([evaluation.all_references] if evaluation.missing.count else [])]


def _by_language(evaluation: Evaluation) -> Sequence[Group]:
    told = any(group.name != "not told" for group in evaluation.languages)
    return evaluation.languages if told else ()


def _show_list(console: Console, evaluation: Evaluation) -> None:
    """The table's numbers, one rate on a line."""
    for group in (*_overall(evaluation), *_by_language(evaluation)):
        console.print(Text(f"{plain(group.name)}: {group.recordings:,} rec.", style="bold"))
        for name, rate, unit in (("WER", group.words, "words"), ("CER", group.characters, "chars")):
            interval = _interval(rate).replace("\n", " (") + ")" if rate.interval else ""
            console.print(Text(f"  {name} {_percent(rate)}{interval} of {rate.length:,} {unit}"))


def _cells(group: Group) -> tuple[Text, ...]:
    wer, cer = ("bold", "") if group.figure == "wer" else ("", "bold")
    return (
        Text(plain(group.name)),
        Text(f"{group.recordings:,}"),
        Text(f"{group.words.length:,}"),
        Text(_percent(group.words), style=wer) + Text(_interval(group.words), style="dim"),
        Text(f"{group.characters.length:,}"),
        Text(_percent(group.characters), style=cer) + Text(_interval(group.characters), style="dim"),
    )


def _notes(evaluation: Evaluation) -> list[str]:
    by_characters = [group.name for group in evaluation.languages if group.figure == "cer"]
    notes = [
        "WER and CER are substitutions, deletions and insertions over the length of the references, summed "
        f"over all of them; from-to is where {evaluation.resamples:,} draws of as many recordings lie "
        f"(bootstrap, seed {evaluation.seed}; widened for few)."
        + (f" Of less than {FEW} recordings it is too narrow." if _some_are_few(evaluation) else ""),
        "Before comparing: " + "; ".join(evaluation.normalization) + ".",
    ]
    if by_characters:
        names = plain(", ".join(by_characters))
        notes.append(f"The figure for {names} is the CER; in its WER a character is a word.")
    if evaluation.missing.count:
        others = ", the rows under it and the recordings below" if evaluation.missing_as_deleted else ""
        notes.append(
            f"References without a transcript: {_some(evaluation.missing)}. They count as deleted in the row "
            f"'{evaluation.all_references.name}'{others}, and nowhere else."
        )
    for label, some in (
        ("Partial transcripts, in which what has no answer counts as deleted", evaluation.partial),
        ("Left out, rows without a reference", evaluation.empty_references),
        ("Left out, rows without a channel of recordings with several", evaluation.unclear_channel),
        ("Left out, transcripts that the manifest does not name", evaluation.unreferenced),
    ):
        if some.count:
            notes.append(f"{label}: {_some(some)}")
    return notes


def _some_are_few(evaluation: Evaluation) -> bool:
    return any(1 < group.recordings < FEW for group in (evaluation.transcribed, *_by_language(evaluation)))


def _some(some: Some) -> str:
    names = ", ".join(_name(place) for place in some.examples)
    return f"{some.count:,} ({names}{', ...' if some.count > len(some.examples) else ''})"


def _show_recorded(console: Console, recorded: Recorded) -> None:
    rate = recorded.characters if recorded.figure == "cer" else recorded.words
    unit = "characters" if recorded.figure == "cer" else "words"
    console.print()
    console.print(
        Text(_name(recorded.place), style="bold"),
        Text(
            f"{recorded.figure.upper()} {_percent(rate)} of {rate.length:,} {unit}: {rate.substitutions:,} "
            f"substituted, {rate.deletions:,} deleted, {rate.insertions:,} inserted"
            + {None: "; no transcript", "partial": "; partial transcript"}.get(recorded.status, "")
        ),
        soft_wrap=True,
    )
    lines = list(lines_of(recorded.alignment, console.width - len(_LABELS[0])))
    for line in lines[:MOST_LINES]:
        _show_rows(console, (line.reference, line.hypothesis, line.edits))
    if len(lines) > MOST_LINES:
        console.print(f"({len(lines) - MOST_LINES:,} more lines; --json has them all)")


def _show_rows(console: Console, rows: Sequence[str]) -> None:
    for label, row, style in zip(_LABELS, rows, _STYLES, strict=True):
        if row:
            console.print(Text(label, style="dim") + Text(plain(row), style=style), soft_wrap=True)


def _percent(rate: Rate) -> str:
    return "-" if rate.rate is None else f"{rate.rate:.2%}"


def _interval(rate: Rate) -> str:
    interval = rate.interval
    return "" if interval is None else f"\n{100 * interval.low:.1f}-{100 * interval.high:.1f}"


def _name(place: Place) -> str:
    channel = "" if place.channel is None else f" channel {place.channel}"
    return plain(name_of(place.audio_uri)) + channel
