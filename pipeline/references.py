"""References of a manifest: what was said in the recordings that it names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from transforms import manifest
from transforms.errors import UsageError


@dataclass(frozen=True, slots=True)
class Reference:
    """What was said in a recording, or in one of its channels.

    Attributes:
        audio_uri: the recording's name in the dataset.
        channel: counted from 0; None where the manifest does not tell.
        language: as the manifest writes it.
        text: what was said; empty where the manifest does not tell.
    """

    audio_uri: str
    channel: int | None
    language: str | None
    text: str


def read_references(path_or_uri: str) -> Iterator[Reference]:
    """Read the references of a manifest, in its order and in the memory of a few rows.

    Args:
        path_or_uri: CSV, JSONL or Parquet with columns ``audio`` and ``reference``.

    Raises:
        UsageError: see `manifest.read_references`; it names the argument.
    """
    try:
        for recording, text in manifest.read_references(path_or_uri):
            yield Reference(recording.audio_uri, recording.channel, recording.language, text)
    except UsageError as error:
        raise UsageError(f"--references: {error}") from error
