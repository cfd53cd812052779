"""The dataset card: README.md in OUTPUT, as people and Hugging Face read it. Pure.

What stands between two marks is written anew by every run; all else belongs to whoever
edits it. The header, by which Hugging Face knows the tables, is renewed as long as nobody
has touched it: the first mark has its digest. A README.md without the marks is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from hashlib import blake2b

from transforms.engines import language_of
from transforms.schemas import Table, columns_markdown, schema_of

CARD = "README.md"

_BEGIN = "<!-- beamscribe: begin {digest}. The next run replaces what stands from here to the end mark. -->\n"
_END = "<!-- beamscribe: end -->\n"
_BLOCK = re.compile(
    r"<!-- beamscribe: begin (?P<digest>[0-9a-f]{16})\..*?<!-- beamscribe: end -->\n", re.DOTALL
)
_HEADER = re.compile(r"\A---\n.*?^---\n", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class DatasetFacts:
    """What a card tells of a dataset.

    Attributes:
        recordings: with a transcript.
        channels: transcripts.
        segments: rows of ``segments``.
        sounding: those of them that have their sound.
        failures: rows of ``failures``.
        audio_ms: length of all channels.
        speech_ms: how much of it was taken for speech.
        engines: that transcribed them.
    """

    recordings: int
    channels: int
    segments: int
    sounding: int
    failures: int
    audio_ms: int
    speech_ms: int
    engines: Collection[str]


def card(facts: DatasetFacts, existing: str | None = None) -> str | None:
    """The text of the card.

    Args:
        facts: what the dataset holds now.
        existing: the text of the README.md that is there; None if there is none.

    Returns:
        The new text; None if the one that is there is somebody's own, and stays.
    """
    header = _header(facts)
    if existing is None:
        return f"{header}\n# Transcribed recordings\n\n{_block(facts, header)}"
    ours = _BLOCK.search(existing)
    if ours is None:
        return None
    found = _HEADER.match(existing)
    if found is None or _digest(found[0]) != ours["digest"]:
        header = found[0] if found else ""
        block = _block(facts, None)
    else:
        block = _block(facts, header)
    end_of_header = found.end() if found else 0
    return header + existing[end_of_header : ours.start()] + block + existing[ours.end() :]


def _block(facts: DatasetFacts, header: str | None) -> str:
    """What is between the marks; without a header of ours no digest fits."""
    digest = "0" * 16 if header is None else _digest(header)
    return (
        _BEGIN.format(digest=digest)
        + _BODY.format(counts=_counts(facts), columns=columns_markdown(schema_of(Table.SEGMENTS)))
        + _END
    )


def _digest(header: str) -> str:
    return blake2b(header.encode(), digest_size=8).hexdigest()


def _header(facts: DatasetFacts) -> str:
    languages = sorted({language for engine in facts.engines if (language := language_of(engine))})
    lines = ["---", "license: unknown"]
    if languages:
        lines += ["language:", *(f"- {language}" for language in languages)]
    lines += ["task_categories:", "- automatic-speech-recognition", "configs:"]
    for table in Table:
        lines += [f"- config_name: {table.value}"]
        lines += ["  default: true"] if table is Table.SEGMENTS else []
        lines += ["  data_files:", "  - split: train", f"    path: {table.value}/*.parquet"]
    return "\n".join([*lines, "---", ""])


def _counts(facts: DatasetFacts) -> str:
    rows = (
        ("recordings", f"{facts.recordings:,}"),
        ("transcripts, one for each channel", f"{facts.channels:,}"),
        ("segments", f"{facts.segments:,}, {facts.sounding:,} of them with their sound"),
        (
            "length",
            f"{facts.audio_ms / 3_600_000:,.2f} h, of which {facts.speech_ms / 3_600_000:,.2f} h speech",
        ),
        ("rows of failures", f"{facts.failures:,}"),
        ("engines", ", ".join(f"`{engine}`" for engine in sorted(facts.engines)) or "none"),
    )
    return "\n".join(["| what | how much |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)])


_BODY = """
Recordings transcribed by Beamscribe with Tencent Cloud's SentenceRecognition. Nobody has checked the texts:
they are what a machine heard.

{counts}

## Load it

`segments` has a row for each segment of at most a minute, `transcripts` one for each recording and channel,
`failures` one for what could not be transcribed. A table without rows cannot be loaded.

```python
from datasets import load_dataset

segments = load_dataset("path/to/this/folder", "segments", split="train")
```

`audio` is an Audio feature; decoding it needs `torchcodec`. Without that,
`segments.cast_column("audio", Audio(decode=False))` gives the bytes of FLAC files, which `soundfile` reads.

## How it was made

Recordings were decoded, their channels mixed or split, resampled to the engine's rate (16 or 8 kHz) and cut
in pauses. The sound of a row is that of its own times, `start_ms` to `end_ms`, 16-bit mono, losslessly
compressed. `speech_ms`, `level_dbfs` and `clipped_share` help to leave out poor rows. Options, counts and
cost of every run are in `runs/`.

## Columns of segments

{columns}
## Before you publish it

The licence is that of the recordings, which Beamscribe cannot know. `audio_uri` holds their addresses, such
as the names of local folders, and voices are personal data.

"""
