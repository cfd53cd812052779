from __future__ import annotations

import apache_beam as beam
import pytest
from apache_beam.testing.util import assert_that, equal_to

from pipeline.beam_yaml_stopped import WithoutAnswer, not_started, unanswered_failure
from transforms.records import Extent, Failure, Recording, Span, Stage
from transforms.stopping import StopReason, StopSignal

REASON = StopReason("AuthFailure", "The keys are refused.")


@pytest.mark.parametrize(
    ("asked", "came", "missing"),
    [
        ([None], [0, 1], []),
        ([None], [], [None]),
        ([None], [None], []),
        ([0, 1], [0], [1]),
        ([0, 1], [None], []),
        ([0, 1], [], [0, 1]),
    ],
)
def test_a_recording_is_missing_of_which_nothing_came(asked, came, missing) -> None:
    recordings = [Recording("/a", b"/a", channel=channel) for channel in asked]
    found = list(not_started(recordings, came, REASON))
    assert [each.channel for each in found] == missing
    assert {(each.code, each.stage, each.retryable) for each in found} <= {("AuthFailure", Stage.READ, True)}


def test_a_segment_that_was_not_called_for_tells_why(tmp_path) -> None:
    StopSignal(tmp_path).stop(REASON)
    span = Span("/a", 1, 0, 2, 16_000, 32_000, 16_000, "16k_en")
    failure = unanswered_failure(span, tmp_path)
    assert (failure.code, failure.message, failure.segment_index) == (*vars_of(REASON), 2)
    assert failure.retryable


def vars_of(reason: StopReason) -> tuple[str, str]:
    return reason.code, reason.message


def test_each_recording_has_an_extent_or_a_failure_or_gets_one(tmp_path) -> None:
    StopSignal(tmp_path).stop(REASON)
    recordings = [Recording(f"/{name}", f"/{name}".encode()) for name in "abc"]
    extent = Extent("/a", 1, 0, "16k_en", 16_000, 100, 100, 100, 1)
    failure = Failure("/b", Stage.DECODE, "NotAudio", "no audio", retryable=False)
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        given = {
            "recordings": pipeline | "Recordings" >> beam.Create(recordings),
            "extents": pipeline | "Extents" >> beam.Create([extent]),
            "failures": pipeline | "Failures" >> beam.Create([failure]),
        }
        missing = given | WithoutAnswer(tmp_path)
        told = missing | beam.Map(lambda failure: (failure.audio_uri, failure.code, failure.message))
        assert_that(told, equal_to([("/c", "AuthFailure", "The keys are refused.")]))
