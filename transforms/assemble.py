"""Puts transcripts together once every segment of a channel has answered or failed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.window import BoundedWindow
from apache_beam.utils.windowed_value import WindowedValue

from transforms import codes
from transforms.records import Extent, Failure, Span, Stage, Transcript, Utterance
from transforms.transcript import Gathering, HoleError, Piece
from transforms.typed import TypedTransform

FAILURES = "failures"

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
        return _put_together(keyed | "By recording and channel" >> beam.CoGroupByKey(), _AssembleGroup())


@beam.typehints.with_input_types(Piece)
class AssembleInStage(TypedTransform):
    """`AssembleTranscripts` without a shuffle: ``PCollection[Piece] -> Assembled``.

    All pieces of a channel come of one recording, so they are in one bundle of the stage
    that read it: a transcript is handed on as soon as its channel is whole, and let go. No
    Reshuffle may lie between here and `segmenting.NormalizeAndCut`; a coder refuses it.

    ``(cut.pieces | Recognize(run.recognition)).pieces | AssembleInStage()``
    """

    advice = "AssembleInStage takes the pieces of Recognize."

    def expand(self, pieces: beam.PCollection[Piece]) -> Assembled:
        """See the class."""
        return _put_together(pieces, AssembleInStageFn())


def _put_together(elements: beam.PCollection, fn: beam.DoFn) -> Assembled:
    step = beam.ParDo(fn).with_output_types(Transcript, **{FAILURES: Failure})
    outputs = elements | "Put together" >> step.with_outputs(FAILURES, main="transcripts")
    return Assembled(outputs.transcripts, outputs[FAILURES])


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


class _Assembling(beam.DoFn):
    """Makes the transcript of a channel; see `AssembleTranscripts`."""

    def __init__(self) -> None:
        self._unaccounted = Metrics.counter("beamscribe", "channels_unaccounted")
        self._without_extent = Metrics.counter("beamscribe", "channels_not_read_to_their_end")

    def _made_of(self, gathering: Gathering) -> Iterator[Transcript | Failure]:
        if not gathering.extents:  # Its recording failed half-way, and is among the failures.
            self._without_extent.inc()
            return
        if gathering.is_untouched:
            return
        try:
            yield gathering.transcript()
        except HoleError as error:
            self._unaccounted.inc()
            yield _failure_of(gathering.extents[0], error)


class _AssembleGroup(_Assembling):
    def process(
        self, element: tuple[ChannelKey, Mapping[str, Iterable[Any]]]
    ) -> Iterator[Transcript | TaggedOutput]:
        gathering = Gathering()
        for values in element[1].values():
            for value in values:
                gathering.take(value)
        for made in self._made_of(gathering):
            yield made if isinstance(made, Transcript) else TaggedOutput(FAILURES, made)


class AssembleInStageFn(_Assembling):
    """Holds the pieces of each channel until it is whole; see `AssembleInStage`."""

    def start_bundle(self) -> None:
        """With nothing gathered."""
        self._open: dict[tuple[BoundedWindow, tuple[str, int | None]], Gathering] = {}

    def process(
        self, piece: Piece, window: Any = beam.DoFn.WindowParam
    ) -> Iterator[Transcript | TaggedOutput]:
        """One more piece; what comes of its channel if that is the last one."""
        key = window, piece.channel
        gathering = self._open.setdefault(key, Gathering())
        gathering.take(piece.value)
        if gathering.is_whole:
            del self._open[key]
            for made in self._made_of(gathering):
                yield made if isinstance(made, Transcript) else TaggedOutput(FAILURES, made)

    def finish_bundle(self) -> Iterator[WindowedValue | TaggedOutput]:
        """What is not whole by now will never be."""
        for (window, _), gathering in self._open.items():
            for made in self._made_of(gathering):
                value = WindowedValue(made, window.max_timestamp(), (window,))
                yield value if isinstance(made, Transcript) else TaggedOutput(FAILURES, value)
        self._open = {}


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
