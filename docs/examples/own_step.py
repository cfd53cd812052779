"""A step of your own between cutting and calling: what is short or faint is not paid for.

python docs/examples/own_step.py ENDPOINT RECORDING [RECORDING ...]
"""

from __future__ import annotations

import sys

import apache_beam as beam

from transforms import NormalizeAndCut, Recognize, RecordingsFromPaths, Segment, open_run


def worth_a_call(segment: Segment) -> bool:
    """At least a second long and not fainter than -50 dBFS; its audio is an AudioSegment."""
    return segment.span.samples >= segment.span.sample_rate and segment.audio.dBFS > -50


def main(endpoint: str, paths: list[str]) -> None:
    """Print the texts of the segments that are left."""
    with open_run(endpoint=endpoint, engine="16k_en") as run, beam.Pipeline(runner="FnApiRunner") as pipeline:
        recordings = pipeline | beam.Create(paths) | RecordingsFromPaths()
        cut = recordings | NormalizeAndCut(run.cutting)
        kept = cut.segments | "Worth a call" >> beam.Filter(worth_a_call)  # fused with what is beside it
        heard = kept | Recognize(run.recognition)
        _ = heard.utterances | "Texts" >> beam.Map(lambda each: print(each.text))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
