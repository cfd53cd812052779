"""Transcribe files in a pipeline of your own.

python docs/examples/transcripts_of_paths.py ENDPOINT RECORDING [RECORDING ...]
"""

from __future__ import annotations

import sys

import apache_beam as beam

from transforms import (
    Assembled,
    AssembleTranscripts,
    NormalizeAndCut,
    Recognize,
    Recording,
    RecordingsFromPaths,
    Run,
    open_run,
)


def transcribe(recordings: beam.PCollection[Recording], run: Run) -> Assembled:
    """The transcripts of recordings, and all that failed on the way to them."""
    cut = recordings | NormalizeAndCut(run.cutting)
    heard = cut.segments | Recognize(run.recognition)  # next to NormalizeAndCut: no shuffle between
    whole = {"extents": cut.extents, **heard._asdict()} | AssembleTranscripts()
    return Assembled(whole.transcripts, (cut.failures, heard.failures, whole.failures) | beam.Flatten())


def main(endpoint: str, paths: list[str]) -> None:
    """Print the text of each recording, or why there is none."""
    with open_run(endpoint=endpoint, engine="16k_en") as run, beam.Pipeline(runner="FnApiRunner") as pipeline:
        found = transcribe(pipeline | beam.Create(paths) | RecordingsFromPaths(), run)
        _ = found.transcripts | "Texts" >> beam.Map(lambda each: print(f"{each.audio_uri}: {each.text}"))
        _ = found.failures | "Reasons" >> beam.Map(lambda each: print(f"{each.code}: {each.message}"))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
