"""``python -m pipeline report OUTPUT``: one HTML file that shows what runs have done."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rich.console import Console

from pipeline import page_text
from pipeline.dataset_check import check_dataset
from pipeline.evaluation import evaluate
from pipeline.export_files import folder_of, prepare, target_of
from pipeline.plain import shown_address
from pipeline.report_facts import Report
from pipeline.report_making import Chosen, make_report
from pipeline.report_page import pages_of
from pipeline.report_rows import report_rows
from pipeline.report_sound import listener
from pipeline.run_files import read_runs
from pipeline.standing_rows import PartVanishedError
from pipeline.status import read_status
from transforms.addresses import display_name, is_uri
from transforms.errors import UsageError
from transforms.folders import OutputError

DEFAULT_NAME = "report.html"
MOST_NAMED = 12
"""Recordings that can be asked for: each is decoded, drawn and perhaps heard."""

_LOOKS = 5  # as `status`
_ENDINGS = (".html", ".htm")


@dataclass(frozen=True, slots=True)
class ReportArguments:
    """What the command line asks for.

    Attributes:
        output: OUTPUT of a run: a local path or a URI.
        to: the file; None for `DEFAULT_NAME` in OUTPUT, or in the working folder where
            OUTPUT is a URI.
        recordings: addresses, ids or file names of the recordings to show; none for a choice.
        references: a manifest with references, for the section on error rates.
        run: whose course is shown; None for the newest that brought answers.
    """

    output: str
    to: str | None = None
    recordings: tuple[str, ...] = ()
    references: str | None = None
    run: str | None = None


def report(arguments: ReportArguments, console: Console, now: datetime) -> Report:
    """Writes the report of a dataset, which is only read.

    Raises:
        UsageError: no dataset, nowhere to write, or something that is named is not there.
        OutputError: the dataset cannot be read, or the file not be written.
    """
    check_dataset(arguments.output)
    if len(arguments.recordings) > MOST_NAMED:
        raise UsageError(
            f"--recording is given {len(arguments.recordings)} times: expected {MOST_NAMED} at most, since "
            "each is decoded and drawn. Make several reports with --to."
        )
    target, name = _target(arguments)
    evaluation = None
    if arguments.references is not None:
        evaluation = evaluate(arguments.output, arguments.references)
    chosen = Chosen(arguments.recordings, arguments.run, evaluation)
    made = _made(arguments.output, chosen, now.isoformat())
    folder = folder_of(target)
    prepare(folder, target)
    written = 0
    with folder.writing(name) as file:
        for piece in pages_of(made):
            written += file.write(piece.encode())
    _show(console, made, f"{target}/{name}", written)
    return made


def _made(output: str, chosen: Chosen, made_at: str) -> Report:
    for _ in range(_LOOKS):
        try:
            with report_rows(output) as rows, listener() as ears:
                found = (read_status(output), read_runs(output), rows)
                return make_report(output, chosen, found, ears, made_at)
        except PartVanishedError:
            continue
        except OSError as error:
            raise OutputError(
                f"The sound of the recordings cannot be laid in the temporary folder ({error}). Free some "
                "space, or name another folder in TMPDIR."
            ) from error
    raise OutputError(f"{display_name(output)}: its parts vanish while they are read. Is it being deleted?")


def _target(arguments: ReportArguments) -> tuple[str, str]:
    """The folder of the file, and its name.

    Raises:
        UsageError: no file can be meant.
    """
    to = arguments.to
    if to is None:
        folder = "." if is_uri(arguments.output) else arguments.output
        return target_of(arguments.output, folder), DEFAULT_NAME
    folder, _, name = to.rpartition("/")
    if not name or (not is_uri(to) and Path(to).is_dir()):
        raise UsageError(
            f"--to {display_name(to) or 'is empty'}: expected a file, such as "
            f"{display_name(os.path.join(to, DEFAULT_NAME))}."  # noqa: PTH118
        )
    if not name.lower().endswith(_ENDINGS):  # so that no slip of the hand replaces a recording
        named = display_name(shown_address(to))
        raise UsageError(f"--to {named}: expected a name that ends in .html, such as {named}.html.")
    return target_of(arguments.output, folder or ("/" if to.startswith("/") else ".")), name


def _show(console: Console, made: Report, path: str, size_bytes: int) -> None:
    def say(text: str) -> None:
        console.print(page_text.shown(text), markup=False, highlight=False, soft_wrap=True)

    say(f"Report: {display_name(shown_address(path))} ({page_text.size(size_bytes)})")
    for shown in made.shown:
        notes = {panel.note for panel in shown.panels if panel.note}
        say(f"  {shown.name} ({shown.why}){': ' if notes else ''}{' '.join(sorted(notes))}")
    for damage in made.status.damaged:
        say(f"Cannot be read, and is not in it: {damage.file}: {damage.problem}")
