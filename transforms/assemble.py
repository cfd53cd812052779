"""Puts transcripts together once every segment of a channel has answered or failed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.pvalue import TaggedOutput

from transforms import codes
from transforms.records import Extent, Failure, Span, Stage, Transcript, Utterance
from transforms.transcript import HoleError, assemble, one_extent
from transforms.typed import TypedTransform

ChannelKey = tuple[str, int]
"""audio_uri and channel."""


class Assembled(NamedTuple):
    """What `AssembleTranscripts` puts out."""

    transcripts: beam.PCollection[Transcript]
    failures: beam.PCollection[Failure]


@beam.typehints.with_input_types(extents=Extent, utterances=Utterance, failures=Failure, unanswered=Span)
class AssembleTranscripts(TypedTransform):
    """Make one `Transcript` for each channel that was read to its end.

    Takes ``{"extents": PCollection[Extent], "utterances": PCollection[Utterance],
    "failures": PCollection[Failure], "unanswered": PCollection[Span]}`` and returns
    `Assembled`; its ``.failures`` are those of channels whose segments do not add up.
    Channels of which no segment was called before the run was stopped have neither. Texts
    are all that crosses its shuffle; words and sound do not.

    ``{"extents": cut.extents, **heard._asdict()} | AssembleTranscripts()``
    """

    advice = (
        "AssembleTranscripts takes the extents of NormalizeAndCut, and the utterances, failures and "
        "unanswered spans of Recognize, each under its name."
    )

    def expand(self, inputs: Mapping[str, beam.PCollection]) -> Assembled:
        """See the class."""
        keyed = {
            "extents": inputs["extents"] | "Key extents" >> beam.Map(_key_extent),
            "utterances": inputs["utterances"] | "Key utterances" >> beam.Map(_key_utterance),
            "failures": inputs["failures"] | "Key segment failures" >> beam.FlatMap(_key_failure),
            "unanswered": inputs["unanswered"] | "Key unanswered" >> beam.Map(_key_span),
        }
        step = beam.ParDo(_Assemble()).with_output_types(Transcript, failures=Failure)
        outputs = (
            keyed
            | "By recording and channel" >> beam.CoGroupByKey()
            | "Put together" >> step.with_outputs("failures", main="transcripts")
        )
        return Assembled(outputs.transcripts, outputs.failures)


def _key_extent(extent: Extent) -> tuple[ChannelKey, Extent]:
    return (extent.audio_uri, extent.channel), extent


def _key_utterance(utterance: Utterance) -> tuple[ChannelKey, Utterance]:
    return (utterance.span.audio_uri, utterance.span.channel), replace(utterance, words=(), flac=None)


def _key_failure(failure: Failure) -> Iterator[tuple[ChannelKey, Failure]]:
    # The failure of a whole recording leaves no transcript to put together.
    if failure.channel is not None and failure.segment_index is not None:
        yield (failure.audio_uri, failure.channel), failure


def _key_span(span: Span) -> tuple[ChannelKey, Span]:
    return (span.audio_uri, span.channel), span


class _Assemble(beam.DoFn):
    def __init__(self) -> None:
        self._unaccounted = Metrics.counter("beamscribe", "channels_unaccounted")
        self._without_extent = Metrics.counter("beamscribe", "channels_not_read_to_their_end")

    def process(
        self, element: tuple[ChannelKey, Mapping[str, Iterable[Any]]]
    ) -> Iterator[Transcript | TaggedOutput]:
        _, groups = element
        extents: list[Extent] = list(groups["extents"])
        if not extents:  # Its recording failed half-way, and is among the failures.
            self._without_extent.inc()
            return
        utterances, failures, unanswered = (
            list(groups[name]) for name in ("utterances", "failures", "unanswered")
        )
        if unanswered and not utterances and not failures:
            return
        try:
            yield assemble(one_extent(extents), utterances, failures, unanswered)
        except HoleError as error:
            self._unaccounted.inc()
            yield TaggedOutput("failures", _failure_of(extents[0], error))


def _failure_of(extent: Extent, error: HoleError) -> Failure:
    return Failure(
        audio_uri=extent.audio_uri,
        stage=Stage.WRITE,
        code=codes.SAMPLES_UNACCOUNTED,
        message=str(error),
        retryable=False,
        audio_crc32c=extent.audio_crc32c,
        channel=extent.channel,
    )
