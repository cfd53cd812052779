"""Transcribe recordings in a Beam pipeline of your own, and do with the texts what you like.

python docs/examples/own_pipeline.py ENDPOINT RECORDING [RECORDING ...]
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import apache_beam as beam

from transforms.client import ClientSettings
from transforms.cut_settings import CutSettings
from transforms.engines import EngineChoice
from transforms.pace import PacePolicy
from transforms.recognize import Recognize, RecognizeSettings
from transforms.records import Failure, Recording, Utterance
from transforms.request import RequestParameters
from transforms.retry import RetryPolicy
from transforms.segmenting import NormalizeAndCut
from transforms.stopping import StopReason, StopSignal


def main(endpoint: str, paths: Sequence[str]) -> StopReason | None:
    """Print a line for each segment and for each failure; returns why calls were stopped, if they were."""
    # What the workers of a run share: the pace of the calls, and the reason to stop.
    with tempfile.TemporaryDirectory() as folder:
        cutting = CutSettings(engines=EngineChoice(default="16k_en"), coordination=Path(folder))
        calling = RecognizeSettings(
            client=ClientSettings(endpoint=endpoint),
            parameters=RequestParameters(word_info=1),
            pace=PacePolicy(quota_per_second=25),
            retry=RetryPolicy(),
            coordination=Path(folder),
        )
        with beam.Pipeline(runner="FnApiRunner") as pipeline:
            recordings = pipeline | beam.Create(paths) | beam.Map(recording_of)
            cut = recordings | NormalizeAndCut(cutting)
            heard = cut.segments | Recognize(calling)  # next to NormalizeAndCut: no shuffle between
            failures = (cut.failures, heard.failures) | beam.Flatten()
            _ = heard.utterances | "Texts" >> beam.Map(line_of) | "Print texts" >> beam.Map(print)
            _ = failures | "Reasons" >> beam.Map(reason_of) | "Print reasons" >> beam.Map(print)
        return StopSignal(Path(folder)).reason()


def recording_of(path: str) -> Recording:
    """A local file as a recording."""
    absolute = Path(path).resolve()
    return Recording(audio_uri=str(absolute), location=bytes(absolute))


def line_of(utterance: Utterance) -> str:
    """Where a segment begins, and its text."""
    span = utterance.span
    return f"{Path(span.audio_uri).name} {span.start_sample / span.sample_rate:.1f} s: {utterance.text}"


def reason_of(failure: Failure) -> str:
    """Why a recording or segment has no text."""
    return f"{failure.audio_uri}: {failure.code}: {failure.message}"


if __name__ == "__main__":
    stopped = main(sys.argv[1], sys.argv[2:])
    if stopped is not None:
        sys.exit(f"Stopped before the end. {stopped.code}: {stopped.message}")
