"""What is in a recording that was cut for a plan: segments, what of them is paid, what is to be."""

from __future__ import annotations

from pipeline.payload_meter import PayloadMeter
from pipeline.plan_contents import Contents, Due
from transforms.answer_book import recorded_reply
from transforms.answer_record import AnswerRecord
from transforms.calling import Ending
from transforms.cut_recording import CutRecording
from transforms.errors import RecordingError
from transforms.pass_on import PassedOn
from transforms.records import Failure, Segment
from transforms.request import checked_url

_PREFIX_BYTES = 8


class ContentsCounter:
    """Counts what is in recordings.

    Args:
        record: what was paid for before; None if nothing was.
        ask_again: whether segments that were refused for good are called for again.
        meter: tells what segments are sent as.
    """

    def __init__(self, record: AnswerRecord | None, meter: PayloadMeter, *, ask_again: bool) -> None:
        self._record = record
        self._ask_again = ask_again
        self._meter = meter

    def contents_of(self, result: CutRecording | PassedOn | Failure) -> Contents:
        """What is in a recording that was cut, passed on, or could not be.

        Raises:
            OutputError: the record cannot be read.
        """
        if isinstance(result, Failure):
            return Contents(failure=result)
        lengths = [each.duration_samples / each.sample_rate for each in result.extents]
        speech = sum(each.speech_samples / each.sample_rate for each in result.extents)
        replies = {Ending.ANSWERED: 0, Ending.EMPTY: 0, Ending.FAILED: 0}
        due = []
        segments = 0
        failure = result.damage
        for segments, segment in enumerate(result.segments(), start=1):  # noqa: B007 - counted
            known = self._known(segment)
            if known is not None:
                replies[known] += 1
                continue
            try:
                due.append(self._due(segment))
            except RecordingError as error:
                failure = _failure_of(segment, error)
        return Contents(
            seconds=max(lengths, default=0.0),
            channel_seconds=sum(lengths),
            speech_seconds=speech,
            segments=segments,
            paid_before=replies[Ending.ANSWERED] + replies[Ending.EMPTY],
            refused_before=replies[Ending.FAILED],
            due=tuple(due),
            failure=failure,
        )

    def _known(self, segment: Segment) -> Ending | None:
        """How its call ended, if it need not be made."""
        if self._record is None or segment.key is None:
            return None
        reply = recorded_reply(self._record, segment.key, ask_again=self._ask_again)
        return None if reply is None else reply.ending

    def _due(self, segment: Segment) -> Due:
        assert segment.key is not None, "what is cut or passed on has a key"
        key = int.from_bytes(segment.key[:_PREFIX_BYTES], "big")
        if segment.url is not None:
            checked_url(segment.url)
            return Due(key, 0.0, 0.0)
        payload = self._meter.payload_of(segment)
        return Due(key, payload.bytes, payload.encode_seconds)


def _failure_of(segment: Segment, error: RecordingError) -> Failure:
    return Failure(segment.span.audio_uri, error.stage, error.code, error.message, error.retryable)
