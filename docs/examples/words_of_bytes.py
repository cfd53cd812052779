"""Recognize recordings whose bytes come from anywhere, here out of a zip archive.

python docs/examples/words_of_bytes.py ENDPOINT ARCHIVE [ARCHIVE ...]
"""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Iterator

import apache_beam as beam

from transforms import NormalizeAndCut, Recognize, RecordingsFromBytes, Utterance, open_run


def files_in(archive: str) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file of an archive; the type tells Beam what comes out."""
    with zipfile.ZipFile(archive) as opened:
        for name in opened.namelist():
            yield name, opened.read(name)


def words_of(utterance: Utterance) -> Iterator[str]:
    """A line for each word: when it is said, and where."""
    rate = utterance.span.sample_rate
    for word in utterance.words:
        yield f"{utterance.span.audio_uri} {word.start_sample / rate:7.2f} s {word.word}"


def main(endpoint: str, archives: list[str]) -> None:
    """Print the words of all recordings."""
    with open_run(endpoint=endpoint, engine="16k_en") as run, beam.Pipeline(runner="FnApiRunner") as pipeline:
        recordings = pipeline | beam.Create(archives) | beam.FlatMap(files_in) | RecordingsFromBytes()
        heard = (recordings | NormalizeAndCut(run.cutting)).segments | Recognize(run.recognition)
        _ = heard.utterances | "Words" >> beam.FlatMap(words_of) | "Print" >> beam.Map(print)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
