"""What ``plan`` tells of a run that has not begun; the names are the keys of ``--json``. Pure."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Generic, TypeVar

from pipeline.sampling import Figure
from pipeline.standing_facts import AtWork

Number = TypeVar("Number")


@dataclass(frozen=True, slots=True)
class Amounts(Generic[Number]):
    """What is found in one recording, or in all of them.

    Attributes:
        failed: recordings that cannot be read or decoded, or only in part.
        audio_seconds: how long the recordings are.
        channel_seconds: of sound to be cut; more where channels are split.
        speech_seconds: of it.
        segments: into which it is cut.
        paid_before: of them: their answers are recorded.
        refused_before: of them: the service will not take them, and is not asked again.
        equal: of them: the call for an equal one is enough.
        calls: to be paid, one for each of the other segments.
        payload_bytes: of these calls, before base64.
        machine_seconds: of all decode processes together: reading, decoding, cutting, encoding.
    """

    failed: Number
    audio_seconds: Number
    channel_seconds: Number
    speech_seconds: Number
    segments: Number
    paid_before: Number
    refused_before: Number
    equal: Number
    calls: Number
    payload_bytes: Number
    machine_seconds: Number


@dataclass(frozen=True, slots=True)
class Recordings:
    """The recordings of the input.

    Attributes:
        found: all of them.
        transcribed_before: that need no reading: nothing has changed since.
        failed_before: likewise, with something that failed for good.
        to_read: the others, which the run reads or passes on.
        by_address: of these: passed on to the service, unread.
        read_now: that were read for this plan.
        downloaded_now: of these: not on this machine.
        other_files: files of the named folders that are no recordings.
    """

    found: int
    transcribed_before: int
    failed_before: int
    to_read: int
    by_address: int
    read_now: int
    downloaded_now: int
    other_files: int


@dataclass(frozen=True, slots=True)
class Sample:
    """How the figures were estimated.

    Attributes:
        asked: recordings that were to be read.
        read: that were.
        all_of: out of so many.
        largest: of those that were read: the largest, of which none was left to chance.
        without_size: recordings whose size the listing does not tell: the intervals are wider.
        seed: of chance.
    """

    asked: int
    read: int
    all_of: int
    largest: int
    without_size: int
    seed: int


class Binds(str, Enum):
    """What a run waits for most of its time."""

    QUOTA = "the quota"
    MACHINE = "this machine"


@dataclass(frozen=True, slots=True)
class Duration:
    """How long a run takes: reading and calling go on at once, so the longer of the two.

    Attributes:
        calling_seconds: the calls at the configured rate.
        machine_seconds: reading, decoding, cutting and encoding on this machine.
        calls_per_second: the rate, a little below ``recognition.requests_per_second``.
        call_seconds_at_most: that a call may take if ``recognition.concurrency`` is to allow that rate.
        times_real_time: seconds of audio for each second of this machine's; None without audio.
        decode_processes: at work at once.
    """

    seconds: Figure
    calling_seconds: Figure
    machine_seconds: Figure
    binds: Binds
    calls_per_second: float
    call_seconds_at_most: float
    times_real_time: float | None
    decode_processes: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What the calls cost, by the calls of each day at the pace of the run.

    Attributes:
        calls_per_day: at that pace, if it goes on all day.
        read_on: when somebody read the prices at ``source``.
        free_calls_per_month: not deducted.
    """

    amount: str
    low: str
    high: str
    currency: str
    calls_per_day: int
    read_on: str
    source: str
    free_calls_per_month: int


class Stops(str, Enum):
    """Whether the budget ends the run."""

    YES = "yes"
    NO = "no"
    PERHAPS = "perhaps"


@dataclass(frozen=True, slots=True)
class BudgetOutlook:
    """The wall of ``budget.max_calls`` and ``budget.max_cost``.

    Attributes:
        max_calls: the lower of the two, in calls.
        spent: counted by the unfinished run that this one would continue.
        share: of the calls to be paid that it allows, at most 1.
    """

    max_calls: int
    spent: int
    stops: Stops
    share: float


@dataclass(frozen=True, slots=True)
class FailedRecording:
    """A recording that cannot be transcribed, or not whole; its address without what may be secret."""

    code: str
    name: str
    audio_uri: str
    stage: str
    message: str
    retryable: bool


@dataclass(frozen=True, slots=True)
class FailedCode:
    """How many of the recordings that were read failed with a code."""

    code: str
    recordings: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would do, short of a call.

    Attributes:
        output: as it was given; None without one.
        at_work: whether a run is at work there now; None without an output.
        recordings: of the input.
        sample: None if all recordings were read.
        amounts: what is in them.
        payload_is_exact: whether no encoded size was estimated.
        failed_codes: of the recordings that were read now, the commonest first.
        failed: some of them.
        exit_code: of this command.
    """

    output: str | None
    at_work: AtWork | None
    recordings: Recordings
    sample: Sample | None
    amounts: Amounts[Figure]
    payload_is_exact: bool
    duration: Duration
    cost: Cost
    budget: BudgetOutlook | None
    failed_codes: tuple[FailedCode, ...]
    failed: tuple[FailedRecording, ...]
    exit_code: int

    def as_json(self) -> str:
        """One JSON object in ASCII."""
        return json.dumps(asdict(self), indent=2) + "\n"
