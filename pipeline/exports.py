"""``python -m pipeline export OUTPUT``: transcripts in the forms that people open.

Files are written one recording after the other, each in place of one of the same name. Files of
recordings that are no longer in the dataset stay, and are told of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain
from typing import IO

from rich.console import Console

from pipeline.config_errors import nearest_key, shown
from pipeline.export_choice import ChannelExport, RecordingExport
from pipeline.export_earlier import EarlierFiles, earlier_files
from pipeline.export_files import folder_of, prepare, put_whole, target_of
from pipeline.export_forms import OF_EACH, csv_line, json_line, texts
from pipeline.export_names import export_stem
from pipeline.export_rows import TRANSCRIPT_COLUMNS, recordings_of
from pipeline.outcome import ExitCode
from pipeline.plain import plain, shown_address
from transforms.addresses import display_name
from transforms.errors import UsageError
from transforms.folders import Folder

FORMATS = (*OF_EACH, "jsonl", "csv")
"""The known formats: one file a recording and channel; of jsonl and csv one for all of them."""

MOST_NAMED = 20
"""Recordings, and files that are left, which are named at the end; all are counted."""

_OF_ALL: Mapping[str, Callable[[ChannelExport], str]] = {
    "jsonl": json_line,
    "csv": lambda export: csv_line(export.columns[name] for name in TRANSCRIPT_COLUMNS),
}
# Without a byte order mark spreadsheets take UTF-8 for the machine's old character set.
_HEADS = {"jsonl": "", "csv": "\ufeff" + csv_line(TRANSCRIPT_COLUMNS)}


@dataclass(frozen=True, slots=True)
class ExportArguments:
    """What the command line asks for.

    Attributes:
        output: OUTPUT of a run: a local path or a URI.
        formats: names out of `FORMATS`, each item one or several divided by commas.
        to: folder for the files, a local path or a URI; None for ``OUTPUT/exports``.
    """

    output: str
    formats: tuple[str, ...]
    to: str | None = None


@dataclass(slots=True)
class Exported:
    """What was exported.

    Attributes:
        target: the folder.
        files: how many were written, by format.
        recordings: of which something was written.
        incomplete: how many recordings are not there, or not whole.
        problems: of the first `MOST_NAMED` of them, address and what is said of it.
        left: how many files lie there of recordings that the dataset does not have.
        left_names: the first `MOST_NAMED` of them.
    """

    target: str
    files: dict[str, int]
    recordings: int = 0
    incomplete: int = 0
    problems: list[tuple[str, str]] = field(default_factory=list)
    left: int = 0
    left_names: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> ExitCode:
        """SOME_FAILED if a recording is not there, or not whole."""
        return ExitCode.SOME_FAILED if self.incomplete else ExitCode.DONE


def export(arguments: ExportArguments, console: Console) -> Exported:
    """Writes the transcripts of a dataset in other forms, and prints what was written and what is missing.

    Raises:
        UsageError: an unknown format, no dataset, or a folder that is not for exports.
        OutputError: the dataset cannot be read (then nothing is written), or a file not be written.
    """
    formats = parse_formats(arguments.formats)
    exported = Exported(target_of(arguments.output, arguments.to), dict.fromkeys(formats, 0))
    found = recordings_of(arguments.output)
    first = next(found, None)  # all is read by now
    folders = {name: folder_of(exported.target, name) for name in formats if name in OF_EACH}
    for folder in (*folders.values(), folder_of(exported.target)):
        prepare(folder, exported.target)
    with earlier_files() as earlier, ExitStack() as tables:
        for name, folder in folders.items():
            earlier.find(folder, name)
        sinks = {
            name: tables.enter_context(folder_of(exported.target).writing(f"transcripts.{name}"))
            for name in formats
            if name in _OF_ALL
        }
        for name, sink in sinks.items():
            sink.write(_HEADS[name].encode())
            exported.files[name] = 1
        for recording in chain([first] if first else [], found):
            _write(recording, folders, sinks, exported, earlier)
        exported.left, exported.left_names = earlier.count(), earlier.first(MOST_NAMED)
    _show(console, exported)
    return exported


def parse_formats(given: Sequence[str]) -> tuple[str, ...]:
    """The formats that are named, each once, in the order of `FORMATS`.

    Args:
        given: each one name, or several divided by commas.

    Raises:
        UsageError: a name is none of them, or there is none.
    """
    named = {name.strip().lower().removeprefix(".") for each in given for name in each.split(",")} - {""}
    for name in sorted(named - set(FORMATS)):
        raise UsageError(
            f"--format {shown(name)}: expected some of {', '.join(FORMATS)}. "
            f"Did you mean {nearest_key(name, FORMATS)}?"
        )
    if not named:
        raise UsageError(f"--format: expected some of {', '.join(FORMATS)}, divided by commas.")
    return tuple(name for name in FORMATS if name in named)


def _write(
    recording: RecordingExport,
    folders: Mapping[str, Folder],
    sinks: Mapping[str, IO[bytes]],
    exported: Exported,
    earlier: EarlierFiles,
) -> None:
    for channel in recording.channels:
        stem = export_stem(recording.audio_uri, channel.channel)
        for name, text in texts(channel, folders):
            put_whole(folders[name], f"{stem}.{name}", text.encode())
            earlier.written(f"{name}/{stem}.{name}")
            exported.files[name] += 1
        for name, sink in sinks.items():
            sink.write(_OF_ALL[name](channel).encode())
    exported.recordings += bool(recording.channels)
    if recording.problems:
        exported.incomplete += 1
        if len(exported.problems) < MOST_NAMED:
            exported.problems.append((recording.audio_uri, "; ".join(recording.problems)))


def _show(console: Console, exported: Exported) -> None:
    def say(text: str) -> None:
        console.print(plain(text), markup=False, highlight=False, soft_wrap=True)

    files = ", ".join(f"{count} {name}" for name, count in exported.files.items())
    target = shown_address(display_name(exported.target))
    say(f"Recordings exported to {target}: {exported.recordings} ({files})")
    if exported.incomplete:
        say(f"Recordings that are not whole, or have nothing to export: {exported.incomplete}")
        for audio_uri, problem in exported.problems:
            say(f"  {shown_address(audio_uri)}: {problem}")
        if exported.incomplete > len(exported.problems):
            say(f"  (only {MOST_NAMED} are shown; `failures` and the column `status` have them all)")
    if exported.left:
        say(f"Files of earlier exports, of recordings that this dataset does not have: {exported.left} left")
        for name in exported.left_names:
            say(f"  {shown_address(name)}")
