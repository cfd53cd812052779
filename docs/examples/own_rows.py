"""Write rows of your own as a table of the dataset: here the texts of another recognizer.

python docs/examples/own_rows.py TEXTS.csv OUTPUT
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from pathlib import Path

import apache_beam as beam

from transforms import Span, Table, Utterance, WriteRows, create_dataset

RATE = 16_000  # samples in a second, in which times are counted


def utterances_of(path: str) -> Iterator[Utterance]:
    """An utterance for each line; the type tells Beam what comes out."""
    with Path(path).open(encoding="utf-8", newline="") as file:
        for index, line in enumerate(csv.DictReader(file)):
            start, end = (round(float(line[name]) * RATE) for name in ("start_s", "end_s"))
            span = Span(line["audio"], None, 0, index, start, end, RATE, engine="another")
            yield Utterance(span, line["text"], (), request_id="", attempts=1, recognized_at_us=0)


def main(path: str, output: str) -> None:
    """Write them as parts that appear whole or not at all."""
    create_dataset(output)
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        utterances = pipeline | beam.Create([path]) | beam.FlatMap(utterances_of)
        _ = utterances | WriteRows(Table.SEGMENTS, output, run_id="by-hand")


if __name__ == "__main__":
    main(*sys.argv[1:])
