"""Reads what the dataset card tells, and writes it into OUTPUT."""

from __future__ import annotations

from pipeline.card import CARD, DatasetFacts, card
from transforms.folders import Folder, dataset_folder, output_folder
from transforms.part_rows import count_rows, count_structs, digest_of, rows
from transforms.parts import Part, newest_parts
from transforms.schemas import Table


def write_card(output: str) -> bool:
    """Write the card, or renew what is ours in it.

    Args:
        output: OUTPUT, with its folders made.

    Returns:
        Whether there is one of ours now; False where a README.md of somebody's own stands there.

    Raises:
        OutputError: the dataset could not be read, or the card not be written.
    """
    folder = output_folder(output)
    existing = None
    if CARD in folder.names():
        with folder.open(CARD) as file:
            existing = file.read()
    try:
        text = card(_facts(output), None if existing is None else existing.decode("utf-8"))
    except UnicodeDecodeError:
        return False
    if text is not None and text.encode("utf-8") != existing:
        folder.put(CARD, text.encode("utf-8"))
    return text is not None


def _facts(output: str) -> DatasetFacts:
    recordings: set[bytes] = set()
    engines: set[str] = set()
    channels = audio_ms = speech_ms = 0
    for folder, part in _parts(output, Table.TRANSCRIPTS):
        for uri, engine, duration, speech in rows(
            folder, part, ("audio_uri", "engine", "duration_ms", "speech_ms")
        ):
            recordings.add(digest_of(uri))
            engines.add(engine)
            channels += 1
            audio_ms += duration
            speech_ms += speech
    segments = sounding = 0
    for folder, part in _parts(output, Table.SEGMENTS):
        segments += count_rows(folder, part)
        sounding += count_structs(folder, part, "audio", "path")
    return DatasetFacts(
        recordings=len(recordings),
        channels=channels,
        segments=segments,
        sounding=sounding,
        failures=sum(count_rows(*each) for each in _parts(output, Table.FAILURES)),
        audio_ms=audio_ms,
        speech_ms=speech_ms,
        engines=engines,
    )


def _parts(output: str, table: Table) -> list[tuple[Folder, Part]]:
    folder = dataset_folder(output, table.value)
    return [(folder, part) for part in newest_parts(folder.names())]
