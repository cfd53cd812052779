"""The texts of a dataset's transcripts, also while a run writes to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.dataset_check import check_dataset
from transforms.addresses import display_name
from transforms.folders import OutputError, dataset_folder
from transforms.part_rows import rows
from transforms.parts import Part
from transforms.schemas import Table

_TABLE = Table.TRANSCRIPTS.value
_BATCH_ROWS = 256  # a text may be that of hours
_COLUMNS = ("audio_uri", "channel", "run_id", "status", "text")


@dataclass(frozen=True, slots=True)
class TranscriptText:
    """What is compared of a row of ``transcripts``."""

    audio_uri: str
    channel: int
    run_id: str
    status: str
    text: str


def read_transcripts(output: str) -> Iterator[TranscriptText]:
    """Read the transcripts of a dataset, in no order, a part at a time.

    While a run replaces rows, or after it was killed, there may be several of one
    recording and channel: that of the newest run (`run_id`) is the one to take.

    Args:
        output: OUTPUT: a local path or a URI.

    Raises:
        UsageError: it is no dataset, or one of another schema version.
        OutputError: a part is damaged; the message names it.
    """
    folder = dataset_folder(output, _TABLE)
    check_dataset(output)
    read: set[Part] = set()
    while parts := {part for name in folder.names() if (part := Part.of_name(name))} - read:
        for part in sorted(parts, key=lambda part: part.name):
            read.add(part)
            try:
                yield from (
                    TranscriptText(*values) for values in rows(folder, part, _COLUMNS, batch_rows=_BATCH_ROWS)
                )
            except OutputError as error:
                # A run that ends puts another part in its place first: the next round finds it.
                if not isinstance(error.__cause__, FileNotFoundError):
                    raise OutputError(f"{display_name(output)}: {_TABLE}/{error}") from error
