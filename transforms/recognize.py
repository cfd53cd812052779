"""Recognize: segments in, what was said in them out.

The rate-limited DoFn. Many calls are in flight on threads of its own, paced by
one limiter for the whole process group; answers are handed on inside
``process()`` as they come. Nothing live is pickled: client, limiter and secret
are made where the work is done.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import apache_beam as beam

from transforms import formats, request
from transforms.answer_book import AnswerBook, borrowed_book, give_back
from transforms.beam_counts import count
from transforms.calling import Caller, Ending, Reply, Tally
from transforms.client import PreparedCall, SentenceClient
from transforms.credentials import EnvironmentCredentials
from transforms.crew import CrewFn, Output, or_dead_letter
from transforms.encode import encode_in_slices
from transforms.folders import OutputError
from transforms.in_flight import borrowed_places, give_back_places
from transforms.meter_files import borrowed_meter, give_back_meter
from transforms.own_sound import measured
from transforms.reading import Reading
from transforms.recognize_settings import RecognizeSettings
from transforms.records import Extent, Failure, Segment, Span, Stage, Utterance
from transforms.retry import RetryQuota
from transforms.shared_budget import CallBudget, open_budget
from transforms.shared_quota import limiter_of
from transforms.stopping import OUTPUT_FAILED, StopReason, StopSignal
from transforms.transcript import Piece
from transforms.typed import TypedTransform
from transforms.utterance import Heard, failure_of, result_of

FAILURES = "failures"
UNANSWERED = "unanswered"
PIECES = "pieces"


@dataclass(frozen=True, slots=True)
class Settled:
    """What came of a segment, with all that is counted of it."""

    value: Utterance | Failure | Span
    counts: Reading


class RecognizeFn(CrewFn[Segment, Settled]):
    """Calls the service on threads of its own; see `Recognize`."""

    def __init__(self, settings: RecognizeSettings) -> None:
        super().__init__(threads=settings.concurrency, ahead=0)
        self._settings = settings

    def setup(self) -> None:
        """Make what is live: client, limiter, stop signal, crew."""
        super().setup()
        settings = self._settings
        stop = StopSignal(settings.coordination)
        self._stop = stop
        self._meter = borrowed_meter(settings.coordination)
        self._meter.meter.follow_segments()
        self._limiter = limiter_of(settings.coordination, settings.pace, settings.shared_quota)
        self._client = SentenceClient(settings.client, EnvironmentCredentials())
        self._encoding = threading.BoundedSemaphore(os.cpu_count() or 1)
        self._places = borrowed_places(
            settings.coordination, settings.process_concurrency or settings.concurrency
        )
        self._book: AnswerBook | None = None
        self._budget: CallBudget | None = None
        if settings.state is not None:
            self._book = borrowed_book(settings.state, settings.coordination)
            self._budget = open_budget(settings.state, settings.chain, settings.max_calls)
        self._caller = Caller(
            self._client,
            self._limiter,
            stop,
            settings.retry,
            RetryQuota(),
            budget=self._budget,
            meter=self._meter.meter,
        )

    def teardown(self) -> None:
        """Let it go, when no call needs it any more."""
        if self._crew.busy:  # a runner may repeat the bundle: nobody else stops
            self._stop.stop_here(StopReason("BundleBroke", "the bundle broke while calls were in flight"))
        super().teardown()
        give_back_meter(self._meter)
        self._client.close()
        self._limiter.close()
        give_back_places(self._places)
        if self._book is not None:
            give_back(self._book)
        if self._budget is not None:
            self._budget.close()

    def process(
        self,
        element: Segment | Piece,
        timestamp: Any = beam.DoFn.TimestampParam,
        window: Any = beam.DoFn.WindowParam,
    ) -> Iterator[Any]:
        """Recognize a segment; an extent is only handed on."""
        value = element.value if isinstance(element, Piece) else element
        if isinstance(value, Extent):
            yield beam.pvalue.TaggedOutput(PIECES, element)
        else:
            assert isinstance(value, Segment), "no other pieces come before the call"
            yield from super().process(value, timestamp, window)

    def task(self, element: Segment) -> Callable[[], Settled]:
        """Settle the segment. Its sound is let go as soon as its call is prepared."""
        return partial(self._settle, element.span, element.key, [element])

    def outputs(self, result: Settled) -> Iterator[Output]:
        """An utterance, a failure, or the span of a segment that was never called; a piece all the same."""
        count(result.counts)
        if isinstance(result.value, Utterance):
            yield Output(result.value)
        elif isinstance(result.value, Failure):
            yield Output(result.value, FAILURES)
        else:
            yield Output(result.value, UNANSWERED)
        yield Output(Piece(result.value), PIECES)

    def finish_bundle(self) -> Iterator[Any]:
        """Hand all on; what was counted can be seen then."""
        yield from super().finish_bundle()
        self._meter.write()

    def _settle(self, span: Span, key: bytes | None, parcel: list[Segment]) -> Settled:
        reply = Reply(Ending.STOPPED, Tally())

        def call() -> Utterance | Failure | Span:
            nonlocal reply
            heard = _heard_of(parcel[0], self._settings)
            with self._encoding:
                kept = measured(parcel[0], include_audio=self._settings.include_audio)
            with self._places:  # until what is paid for is on record
                reply = self._reply_for(key, parcel)
            result = result_of(heard, reply)
            if kept is None or not isinstance(result, Utterance):
                return result
            with self._encoding:
                return kept.put_into(result)

        value = or_dead_letter(call, stage=Stage.RECOGNIZE, bury=partial(failure_of, span))
        return Settled(value, self._counted(span, value, reply) + reply.tally.counts)

    def _counted(self, span: Span, value: Utterance | Failure | Span, reply: Reply) -> Reading:
        """What its end adds to the counts of the run; of its calls the meter knows."""
        meter = self._meter.meter
        counts = Reading(
            segments_recognized=isinstance(value, Utterance),
            segments_failed=isinstance(value, Failure),
            segments_unanswered=isinstance(value, Span),
            reused_answers=reply.reused,
            recordings_done=meter.settled((span.audio_uri, span.channel), called=value is not span),
        )
        if isinstance(value, Failure):
            counts = replace(counts, failures={value.code: 1})
            self._meter.failed(value)
        meter.add(replace(counts, throttled_ms=reply.tally.throttled_ms))
        return counts

    def _reply_for(self, key: bytes | None, parcel: list[Segment]) -> Reply:
        """The reply for the segment in the parcel, which alone holds its sound until it is prepared."""
        made = Reply(Ending.STOPPED, Tally())

        def call() -> Reply:
            nonlocal made
            if self._stop.reason() is None:
                made = self._caller.settle(self._prepare(parcel.pop()))
            return made

        if self._book is None or key is None:
            return call()
        try:
            return self._book.settle(key, call, ask_again=self._settings.ask_again)
        except OutputError as error:
            self._stop.stop(StopReason(OUTPUT_FAILED, str(error)))
            return Reply(Ending.STOPPED, made.tally)

    def _prepare(self, segment: Segment) -> PreparedCall:
        if segment.url is not None:
            return self._prepare_url(segment.span.engine, segment.url)
        with self._encoding:  # more at once than cores would be late all the same
            return self._prepare_sound(segment)

    def _prepare_sound(self, segment: Segment) -> PreparedCall:
        """A call with its body; the sound is let go when this returns, before another one's turn comes."""
        settings = self._settings
        voice_format = _voice_format(segment, settings)
        assert segment.sound is not None, "it has no address"
        payload = encode_in_slices(
            segment.sound,
            voice_format,
            name=segment.span.audio_uri,
            max_payload_bytes=settings.max_payload_bytes,
        )
        engine, fixed = segment.span.engine, settings.parameters
        body = request.json_body(
            fixed,
            engine=engine,
            voice_format=voice_format,
            audio=payload.slices,
            size_bytes=payload.size_bytes,
        )
        return self._client.prepare(body)

    def _prepare_url(self, engine: str, url: str) -> PreparedCall:
        settings = self._settings
        voice_format = settings.voice_format
        if voice_format == "auto":
            voice_format = request.voice_format_of_url(url) or "wav"
        if settings.client.signature == "v1":
            return self._client.prepare_v1(
                request.v1_parameters(settings.parameters, engine=engine, voice_format=voice_format, url=url)
            )
        body = request.json_body_url(settings.parameters, engine=engine, voice_format=voice_format, url=url)
        return self._client.prepare([body])


class Recognized(NamedTuple):
    """What `Recognize` puts out.

    Attributes:
        unanswered: the spans of a run that was stopped.
        pieces: the others in one, with the extents that came with the segments.
    """

    utterances: beam.PCollection[Utterance]
    failures: beam.PCollection[Failure]
    unanswered: beam.PCollection[Span]
    pieces: beam.PCollection[Piece]


@beam.typehints.with_input_types(Segment | Piece)
class Recognize(TypedTransform):
    """Call the service for segments, at the quota's pace: ``PCollection[Segment] -> Recognized``.

    ``.utterances`` are texts with their words; one with an empty text where nothing was said.
    ``.failures`` are the dead letters of segments that were refused, or given up after
    their repeats; ``.unanswered`` the spans that nobody was called for since the run was stopped.
    Every segment comes out of exactly one of the three. Given the pieces of
    `segmenting.NormalizeAndCut` it has ``.pieces`` for `assemble.AssembleInStage`.

    ``heard = cut.segments | Recognize(run.recognition)``

    Args:
        settings: how; `run.open_run` has them ready. With only the folder that the
            processes of the run share, the real service is called at 25 a second, and
            no record of the answers is kept.
    """

    advice = "Recognize takes Segment: NormalizeAndCut makes them, and they come to it without a shuffle."

    def __init__(self, settings: RecognizeSettings) -> None:
        super().__init__()
        self._settings = settings

    def expand(self, segments: beam.PCollection[Segment | Piece]) -> Recognized:
        """Wire it."""
        step = beam.ParDo(RecognizeFn(self._settings))
        typed = step.with_output_types(Utterance, **{FAILURES: Failure, UNANSWERED: Span, PIECES: Piece})
        outputs = segments | "Call at the quota's pace" >> typed.with_outputs(
            FAILURES, UNANSWERED, PIECES, main="utterances"
        )
        return Recognized(outputs.utterances, outputs[FAILURES], outputs[UNANSWERED], outputs[PIECES])


def _heard_of(segment: Segment, settings: RecognizeSettings) -> Heard:
    if segment.sound is None:
        return Heard(segment.span)
    voice_format = _voice_format(segment, settings)
    return Heard(segment.span, segment.sent, formats.DELAY_SAMPLES[voice_format])


def _voice_format(segment: Segment, settings: RecognizeSettings) -> str:
    """What a segment is sent as."""
    assert segment.sound is not None, "only sound is encoded"
    return formats.sent_as(
        settings.voice_format, segment.sound.samples, segment.span.sample_rate, settings.max_payload_bytes
    )
