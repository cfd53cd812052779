from __future__ import annotations

from dataclasses import replace

import apache_beam as beam
from apache_beam.testing import test_pipeline as beam_testing
from apache_beam.testing.util import assert_that, equal_to

from tests.transforms.dataset_samples import extent_of, failure_of, span_of, utterance_of
from transforms.assemble import AssembleTranscripts
from transforms.records import Extent, Failure, Span, Stage, Status, Transcript, Utterance

Found = tuple[str, Status, str, int]


def summary(transcript: Transcript) -> Found:
    return transcript.audio_uri, transcript.status, transcript.text, transcript.failed_segments


def check(
    extents: list[Extent],
    utterances: list[Utterance],
    failures: list[Failure],
    unanswered: list[Span],
    transcripts: list[Found],
    new_failures: list[tuple[str, int | None, Stage, str]],
) -> None:
    with beam_testing.TestPipeline(runner="FnApiRunner") as pipeline:
        inputs = {
            "extents": pipeline | "Extents" >> beam.Create(extents),
            "utterances": pipeline | "Utterances" >> beam.Create(utterances),
            "failures": pipeline | "Failures" >> beam.Create(failures, reshuffle=False),
            "unanswered": pipeline | "Unanswered" >> beam.Create(unanswered, reshuffle=False),
        }
        outputs = inputs | "Assemble transcripts" >> AssembleTranscripts()
        assert_that(outputs.transcripts | "Summary" >> beam.Map(summary), equal_to(transcripts), label="main")
        codes = outputs.failures | "Codes" >> beam.Map(lambda f: (f.audio_uri, f.channel, f.stage, f.code))
        assert_that(codes, equal_to(new_failures), label="failures")


def test_whole_partial_empty_and_lost() -> None:
    check(
        extents=[
            extent_of("/whole", segments=2, duration=30, covered=20),
            extent_of("/partial", segments=2, duration=20, covered=20),
            extent_of("/silent", segments=0, duration=20, covered=0),
            extent_of("/hole", segments=1, duration=20, covered=20),
            extent_of("/never called", segments=1, duration=20, covered=20),
            extent_of("/stopped", segments=2, duration=20, covered=20),
        ],
        utterances=[
            utterance_of("/whole", 1, text="b", start=20, end=30),
            utterance_of("/whole", 0, text="a", start=0, end=10),
            utterance_of("/partial", 0, text="a", start=0, end=10),
            utterance_of("/hole", 0, text="a", start=0, end=10),
            utterance_of("/stopped", 0, text="a", start=0, end=10),
            utterance_of("/cut off", 0, text="a", start=0, end=10),
        ],
        failures=[failure_of("/partial", 1, start=10, end=20), failure_of("/cut off"), failure_of("/broken")],
        unanswered=[
            span_of("/never called", 0, start=0, end=20),
            span_of("/stopped", 1, start=10, end=20),
        ],
        transcripts=[
            ("/whole", Status.COMPLETE, "a b", 0),
            ("/partial", Status.PARTIAL, "a", 1),
            ("/silent", Status.EMPTY, "", 0),
            ("/stopped", Status.PARTIAL, "a", 1),
        ],
        new_failures=[("/hole", 0, Stage.WRITE, "SamplesUnaccounted")],
    )


def test_channels_of_a_recording_are_apart() -> None:
    right = extent_of("/a", segments=1, duration=10, covered=10)
    left = replace(right, channel=1)
    check(
        extents=[left, right],
        utterances=[
            utterance_of("/a", text="left", end=10, channel=1),
            utterance_of("/a", text="right", end=10),
        ],
        failures=[],
        unanswered=[],
        transcripts=[("/a", Status.COMPLETE, "left", 0), ("/a", Status.COMPLETE, "right", 0)],
        new_failures=[],
    )
