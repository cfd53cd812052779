"""Recognize sound that is there as pydub AudioSegments already, one text for each.

python docs/examples/texts_of_sounds.py ENDPOINT WAV [WAV ...]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace

import apache_beam as beam
from pydub import AudioSegment

from transforms import NormalizeAndCut, Recognize, RecordingsFromSounds, open_run


def pieces_of(path: str) -> Iterator[tuple[str, AudioSegment]]:
    """The first five seconds, and the next, each with a name of its own."""
    sound = AudioSegment.from_wav(path)
    for start_ms in (0, 5000):
        yield f"{path} from {start_ms} ms", sound[start_ms : start_ms + 5000]


def main(endpoint: str, paths: list[str]) -> None:
    """Print the text of each piece."""
    with open_run(endpoint=endpoint, engine="16k_en") as run, beam.Pipeline(runner="FnApiRunner") as pipeline:
        sounds = pipeline | beam.Create(paths) | beam.FlatMap(pieces_of)
        whole = replace(run.cutting, skip_silence=False)  # what is short enough for a call stays one piece
        cut = sounds | RecordingsFromSounds() | NormalizeAndCut(whole)
        heard = cut.segments | Recognize(run.recognition)
        _ = heard.utterances | "Texts" >> beam.Map(lambda each: print(f"{each.span.audio_uri}: {each.text}"))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
