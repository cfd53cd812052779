from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.testing import test_pipeline as beam_testing
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.transforms.window import GlobalWindow

import transforms.segmenting  # noqa: F401 - registers the coder of pieces
from tests.transforms.dataset_samples import extent_of, failure_of, span_of, utterance_of
from transforms.assemble import Assembled, AssembleInStage, AssembleInStageFn, AssembleTranscripts
from transforms.records import Extent, Failure, Segment, Span, Stage, Status, Transcript, Utterance
from transforms.transcript import Piece

Found = tuple[str, Status, str, int]


def summary(transcript: Transcript) -> Found:
    return transcript.audio_uri, transcript.status, transcript.text, transcript.failed_segments


Assemble = Callable[[beam.Pipeline, list[Extent], list[Utterance], list[Failure], list[Span]], Assembled]


def over_a_shuffle(
    pipeline: beam.Pipeline,
    extents: list[Extent],
    utterances: list[Utterance],
    failures: list[Failure],
    unanswered: list[Span],
) -> Assembled:
    inputs = {
        "extents": pipeline | "Extents" >> beam.Create(extents),
        "utterances": pipeline | "Utterances" >> beam.Create(utterances),
        "failures": pipeline | "Failures" >> beam.Create(failures, reshuffle=False),
        "unanswered": pipeline | "Unanswered" >> beam.Create(unanswered, reshuffle=False),
    }
    assembled: Assembled = inputs | AssembleTranscripts()
    return assembled


def in_one_stage(pipeline: beam.Pipeline, *values: list[Any]) -> Assembled:
    return pieces_of(pipeline, [*chain(*reversed(values))]) | AssembleInStage()


def pieces_of(pipeline: beam.Pipeline, values: list[Any]) -> beam.PCollection[Piece]:
    return (
        pipeline
        | "Begin" >> beam.Create([None], reshuffle=False)
        | "Pieces" >> beam.FlatMap(lambda _: map(Piece, values)).with_output_types(Piece)
    )


def check(
    assemble: Assemble,
    extents: list[Extent],
    utterances: list[Utterance],
    failures: list[Failure],
    unanswered: list[Span],
    transcripts: list[Found],
    new_failures: list[tuple[str, int | None, Stage, str]],
) -> None:
    with beam_testing.TestPipeline(runner="FnApiRunner") as pipeline:
        outputs = assemble(pipeline, extents, utterances, failures, unanswered)
        assert_that(outputs.transcripts | "Summary" >> beam.Map(summary), equal_to(transcripts), label="main")
        codes = outputs.failures | "Codes" >> beam.Map(lambda f: (f.audio_uri, f.channel, f.stage, f.code))
        assert_that(codes, equal_to(new_failures), label="failures")


@pytest.mark.parametrize("assemble", [over_a_shuffle, in_one_stage])
def test_whole_partial_empty_and_lost(assemble: Assemble) -> None:
    check(
        assemble,
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
        failures=[
            failure_of("/partial", 1, start=10, end=20),
            failure_of("/cut off", 1),
            failure_of("/broken"),
        ],
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


@pytest.mark.parametrize("assemble", [over_a_shuffle, in_one_stage])
def test_channels_of_a_recording_are_apart(assemble: Assemble) -> None:
    right = extent_of("/a", segments=1, duration=10, covered=10)
    left = replace(right, channel=1)
    check(
        assemble,
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


def test_a_transcript_is_handed_on_as_soon_as_its_channel_is_whole() -> None:
    fn = AssembleInStageFn()
    fn.start_bundle()
    values: list[Extent | Utterance] = [
        utterance_of("/first", 1, text="b", start=10, end=20),
        extent_of("/first", segments=2, duration=20, covered=20),
        extent_of("/second", segments=1, duration=10, covered=10),
        utterance_of("/second", text="c", end=10),
        utterance_of("/first", text="a", end=10),
    ]
    made = [list(fn.process(Piece(value), GlobalWindow())) for value in values]
    assert [[summary(each) for each in some if isinstance(each, Transcript)] for some in made] == [
        [],
        [],
        [],
        [("/second", Status.COMPLETE, "c", 0)],
        [("/first", Status.COMPLETE, "a b", 0)],
    ]
    assert list(fn.finish_bundle()) == []


def test_what_was_put_together_takes_no_more_memory() -> None:
    fn = AssembleInStageFn()
    fn.start_bundle()

    def transcribe(count: int) -> None:
        for number in range(count):
            extent = extent_of(f"/{number}", segments=1, duration=10, covered=10)
            for value in (extent, utterance_of(f"/{number}", text="word " * 200, end=10)):
                list(fn.process(Piece(value), GlobalWindow()))

    transcribe(10)
    tracemalloc.start()
    transcribe(1_000)
    held_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held_bytes < 50_000


def test_a_channel_that_is_not_whole_at_the_end_of_its_bundle_is_told() -> None:
    fn = AssembleInStageFn()
    fn.start_bundle()
    assert list(fn.process(Piece(extent_of("/a", segments=2, duration=20, covered=20)), GlobalWindow())) == []
    assert list(fn.process(Piece(utterance_of("/a", end=10)), GlobalWindow())) == []
    [output] = fn.finish_bundle()
    assert isinstance(output, beam.pvalue.TaggedOutput)
    assert (output.tag, output.value.value.code) == ("failures", "SamplesUnaccounted")
    assert output.value.windows == (GlobalWindow(),)


def test_pieces_in_a_shuffle_are_refused() -> None:
    pipeline = beam.Pipeline(runner="FnApiRunner")
    _ = pieces_of(pipeline, [utterance_of("/a")]) | beam.Reshuffle() | AssembleInStage()
    with pytest.raises((TypeError, RuntimeError), match="a piece of /a would cross a shuffle"):
        pipeline.run()


def test_segments_that_were_not_called_for_are_no_pieces_yet() -> None:
    fn = AssembleInStageFn()
    fn.start_bundle()
    with pytest.raises(ValueError, match="Recognize"):
        list(fn.process(Piece(Segment(span_of("/a"))), GlobalWindow()))
