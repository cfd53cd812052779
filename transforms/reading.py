"""What a run has counted so far, or a part of it: one record, that adds up. Pure.

The same names stand in Beam's metrics, in the lines of ``--json-log`` and in the
timeline of ``runs/``. Beam's metrics hold what a finished bundle has counted; a reading
is of this moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any


def _unit(unit: str) -> int:
    """A count with its unit, which the documentation names."""
    default: int = field(default=0, metadata={"unit": unit})
    return default


@dataclass(frozen=True, slots=True)
class Reading:
    """Counts since the start; the last three are of this moment.

    Attributes:
        recordings_found: listed so far.
        recordings_listed: listings that have ended; none means that more will be found.
        other_files: files of the named folders that are no recordings.
        recordings_skipped: transcribed before, and left unread.
        recordings_still_failing: failed for good before, and left unread.
        recordings_read: decoded and cut.
        recordings_damaged: of these, such as hold more than could be decoded.
        recordings_failed: failed as a whole, or damaged.
        recordings_not_started: left because the run was stopped.
        recordings_done: failed as a whole, or all of whose segments are answered or failed.
        chapters_heard: of long recordings that several workers share, listened to.
        segments_cut: what the recordings were cut into.
        segments_recognized: answered, by a call or from the record of paid answers.
        segments_failed: without an answer for good, or after all repeats.
        segments_unanswered: never called because the run was stopped.
        reused_answers: of the recognized, those that needed no call.
        calls_started: calls, counted when they are made.
        calls: calls that have ended, refused ones included.
        calls_answered: that brought text.
        calls_throttled: refused because calls came too often.
        billed_calls: answered, or possibly recognized without an answer reaching us.
        throttled_ms: waited by calls that were refused for frequency.
        audio_ms: length of what was decoded.
        speech_ms: how much of it was taken for speech.
        decode_ms: time that recordings took to be read, decoded and cut, added up.
        quota_wait_ms: time that calls waited for their turn, added up.
        call_ms: time that calls took, added up.
        pause_ms: time that calls paused before they were repeated, added up.
        retries: how often a call was repeated, by the code that caused it.
        failures: recordings and segments that failed, by code.
        latency: answered calls by how long they took, in the steps of `latency`.
        decoding: recordings that are being decoded.
        waiting_for_quota: calls that wait for their turn.
        in_flight: calls that wait for their answer.
    """

    recordings_found: int = _unit("recordings")
    recordings_listed: int = _unit("listings")
    other_files: int = _unit("files")
    recordings_skipped: int = _unit("recordings")
    recordings_still_failing: int = _unit("recordings")
    recordings_read: int = _unit("recordings")
    recordings_damaged: int = _unit("recordings")
    recordings_failed: int = _unit("recordings")
    recordings_not_started: int = _unit("recordings")
    recordings_done: int = _unit("recordings")
    chapters_heard: int = _unit("chapters")
    segments_cut: int = _unit("segments")
    segments_recognized: int = _unit("segments")
    segments_failed: int = _unit("segments")
    segments_unanswered: int = _unit("segments")
    reused_answers: int = _unit("segments")
    calls_started: int = _unit("calls")
    calls: int = _unit("calls")
    calls_answered: int = _unit("calls")
    calls_throttled: int = _unit("calls")
    billed_calls: int = _unit("calls")
    throttled_ms: int = _unit("milliseconds")
    audio_ms: int = _unit("milliseconds")
    speech_ms: int = _unit("milliseconds")
    decode_ms: int = _unit("milliseconds")
    quota_wait_ms: int = _unit("milliseconds")
    call_ms: int = _unit("milliseconds")
    pause_ms: int = _unit("milliseconds")
    retries: Mapping[str, int] = field(default_factory=dict)
    failures: Mapping[str, int] = field(default_factory=dict)
    latency: Mapping[int, int] = field(default_factory=dict)
    decoding: int = _unit("recordings, now")
    waiting_for_quota: int = _unit("calls, now")
    in_flight: int = _unit("calls, now")

    @property
    def segments_done(self) -> int:
        """Segments that are answered or failed."""
        return self.segments_recognized + self.segments_failed

    @property
    def recordings_left(self) -> int:
        """Recordings of those found that are still to be read or being read."""
        whole = self.recordings_failed - self.recordings_damaged
        passed_over = self.recordings_skipped + self.recordings_still_failing + self.recordings_not_started
        return self.recordings_found - passed_over - self.recordings_read - whole

    def __add__(self, other: Reading) -> Reading:
        return _combined(self, other, 1)

    def __sub__(self, earlier: Reading) -> Reading:
        """What has come to it since an earlier one of the same process."""
        return _combined(self, earlier, -1)


@dataclass(frozen=True, slots=True)
class MeterReading:
    """What one process has counted.

    Attributes:
        process: its name; a process that takes its place has another one.
        begun_at: when it began to count, seconds of the host's monotonic clock.
        at: when it had counted so much.
    """

    process: str
    begun_at: float
    at: float
    counts: Reading


NUMBERS = tuple(each.name for each in fields(Reading) if "unit" in each.metadata)
"""The names of what is one number."""

NOW = ("decoding", "waiting_for_quota", "in_flight")
"""Those that are of one moment, and go down too."""


def as_fields(reading: Reading) -> dict[str, Any]:
    """A reading as JSON can hold it."""
    return {each.name: _plain(getattr(reading, each.name)) for each in fields(Reading)}


def of_fields(told: Mapping[str, Any]) -> Reading:
    """The reading that `as_fields` told of; names that it does not know are passed over.

    Raises:
        TypeError, ValueError, AttributeError: it holds something else.
    """
    numbers = {name: int(told.get(name, 0)) for name in NUMBERS}
    latency = {int(step): int(calls) for step, calls in told.get("latency", {}).items()}
    return Reading(
        **numbers,
        retries=dict(told.get("retries", {})),
        failures=dict(told.get("failures", {})),
        latency=latency,
    )


def _plain(value: int | Mapping[Any, int]) -> int | dict[str, int]:
    return value if isinstance(value, int) else {str(name): count for name, count in sorted(value.items())}


def _combined(first: Reading, second: Reading, sign: int) -> Reading:
    numbers = {name: getattr(first, name) + sign * getattr(second, name) for name in NUMBERS}
    return Reading(
        **numbers,
        retries=_merged(first.retries, second.retries, sign),
        failures=_merged(first.failures, second.failures, sign),
        latency=_merged(first.latency, second.latency, sign),
    )


def _merged(first: Mapping[Any, int], second: Mapping[Any, int], sign: int) -> Mapping[Any, int]:
    if not second:
        return first
    both = {name: first.get(name, 0) + sign * second.get(name, 0) for name in {**first, **second}}
    return {name: count for name, count in both.items() if count}
