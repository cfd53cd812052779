"""What ``status`` tells of a dataset; the names are the keys of ``--json``. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import Enum

ONLY_LISTING_TELLS = (
    "new recordings",
    "changed recordings",
    "removed recordings, which are not tried again",
    "other options than before",
)
"""What a dataset cannot know of its own next run."""


class Working(str, Enum):
    """Whether a run is going on; unknown where its process is on another machine."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class RunState(str, Enum):
    """How a run stands."""

    GOING_ON = "going on"
    FINISHED = "finished"
    STOPPED = "stopped"
    KILLED = "killed"
    """Also one that broke off with exit code 1."""
    UNKNOWN = "unknown"
    """It has not ended, and its process cannot be looked for from here."""


@dataclass(frozen=True, slots=True)
class Recordings:
    """Recordings, each counted once; ``failed_since`` are counted among the others too.

    Attributes:
        known: all that the dataset has a row of.
        complete: every channel is transcribed; in some of them somebody speaks.
        partial: something of it has no transcript.
        empty: transcribed, and nothing is said in it.
        failed: failed as a whole; nothing of it is transcribed.
        unfinished: segments or failures of it are there, and a run that was killed, or
            goes on, has not come to its end.
        failed_since: transcribed by an earlier run; the latest failed to.
    """

    known: int
    complete: int
    partial: int
    empty: int
    failed: int
    unfinished: int
    failed_since: int


@dataclass(frozen=True, slots=True)
class Channels:
    """Rows of ``transcripts`` by their status."""

    known: int
    complete: int
    partial: int
    empty: int


@dataclass(frozen=True, slots=True)
class Segments:
    """Segments; ``never_called`` are those that a stopped run did not come to."""

    answered: int
    failed: int
    never_called: int


@dataclass(frozen=True, slots=True)
class Sound:
    """Lengths in seconds; a run writes its transcripts, and so the first three, when it ends.

    Attributes:
        audio_seconds: length of the recordings that have transcripts.
        channel_seconds: the same, each channel that was split off for itself.
        speech_seconds: what of these channels was taken for speech.
        begun_seconds: length of the answered segments of runs that have not ended.
    """

    audio_seconds: float
    channel_seconds: float
    speech_seconds: float
    begun_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Example:
    """A failure, as shown: addresses without passwords and queries; times are null for whole recordings."""

    name: str
    audio_uri: str
    channel: int | None
    segment_index: int | None
    start_ms: int | None
    stage: str
    message: str
    retryable: bool


@dataclass(frozen=True, slots=True)
class CodeCount:
    """The failures of one code; ``passing`` of them are worth another try, ``segments`` concern one."""

    code: str
    failures: int
    recordings: int
    segments: int
    passing: int
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True, slots=True)
class FailureCounts:
    """Failures of the latest attempts, the commonest code first."""

    failures: int
    recordings: int
    passing: int
    for_good: int
    by_code: tuple[CodeCount, ...]


@dataclass(frozen=True, slots=True)
class Money:
    """An amount as a decimal number, and its ISO 4217 code."""

    amount: str
    currency: str


@dataclass(frozen=True, slots=True)
class Spending:
    """What all runs have called for and paid.

    Attributes:
        runs: all of them.
        runs_without_counts: of these, runs that were killed, broke off or still go on.
        calls: made by runs that told.
        billed_calls: as the runs told, and ``billed_uncounted``.
        billed_uncounted: billed, or perhaps billed, by runs without counts since the
            last run that finished: from the count that the budget is kept by.
        runs_unknown: runs without counts of whose calls nothing is known.
        reused_answers: segments that needed no call, since the answer was paid for.
        throttled_seconds: waited by calls that the service refused for frequency.
        cost: of the billed calls, by currency.
    """

    runs: int
    runs_without_counts: int
    calls: int
    billed_calls: int
    billed_uncounted: int
    runs_unknown: int
    reused_answers: int
    throttled_seconds: float
    cost: tuple[Money, ...]


@dataclass(frozen=True, slots=True)
class SoFar:
    """What a run that has not ended last told of itself, every ``output.progress_seconds``.

    Attributes:
        at: when, ISO 8601.
        recordings: found that it has to deal with; all of them once ``is_listed``.
        segments_done: answered or failed.
        failures: of recordings and segments, by code; their rows may not be there yet.
    """

    at: str
    recordings: int
    is_listed: bool
    recordings_done: int
    segments_done: int
    calls: int
    billed_calls: int
    failures: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LastRun:
    """The newest run.

    Attributes:
        so_far: None once it has ended, or while it has told nothing.
        replacing: it had written all its rows, and was replacing older ones.
        files: recordings found; None until it has ended.
        files_not_started: of these, left because it was stopped.
        segments_not_called: cut, and left because it was stopped; those of recordings none of
            whose segments was called have no row.
        transcripts: rows of it in the dataset now; likewise ``segments`` and ``failures``.
    """

    run_id: str
    state: RunState
    started_at: str
    ended_at: str | None
    exit_code: int | None
    stopped: str | None
    replacing: bool
    files: int | None
    files_not_started: int | None
    segments_not_called: int | None
    transcripts: int
    segments: int
    failures: int
    so_far: SoFar | None = None


@dataclass(frozen=True, slots=True)
class AtWork:
    """Who is writing to the dataset now, and on which machine."""

    working: Working
    run_id: str | None = None
    pid: int | None = None
    host: str | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What the next run does with the recordings that the dataset knows, if they are as they were.

    Each is counted once, under the first that holds of the last four.

    Attributes:
        skipped: transcribed, and not read again.
        still_failing: failed for good, wholly or in part: read again with
            ``input.retry_failed=all`` only.
        continued: not finished by a run that was killed or stopped.
        tried_again: something of it failed for a passing reason.
        without_mark: its store tells no size, so that every run reads it.
        looked_at_again: it failed for a reason that may be gone, such as a missing file.
    """

    skipped: int
    still_failing: int
    continued: int
    tried_again: int
    without_mark: int
    looked_at_again: int


@dataclass(frozen=True, slots=True)
class NextRun:
    """What the next run would do, as far as the dataset alone tells.

    Attributes:
        possible: nobody else is at work, and nothing that it has to read is damaged.
        continues: the budget counts on from the run before.
        finishes_replacing: it first finishes what was killed while rows were replaced.
        nothing_to_do: none of the known recordings has to be read, and no run left any.
        failures_tried_again: failures that it tries again by default.
        failures_tried_again_with_all: likewise with ``input.retry_failed=all``.
        recordings: what it does with each.
        only_listing_tells: what is not known here.
    """

    possible: bool
    continues: bool
    finishes_replacing: bool
    nothing_to_do: bool
    failures_tried_again: int
    failures_tried_again_with_all: int
    recordings: Reading
    only_listing_tells: tuple[str, ...] = ONLY_LISTING_TELLS


@dataclass(frozen=True, slots=True)
class Damage:
    """A file of the dataset that cannot be read, left out of all counts."""

    file: str
    problem: str


@dataclass(frozen=True, slots=True)
class DatasetStatus:
    """All that ``status`` tells; ``last_run`` is None where no run has said anything yet."""

    output: str
    schema_version: str
    at_work: AtWork
    last_run: LastRun | None
    recordings: Recordings
    channels: Channels
    segments: Segments
    sound: Sound
    failures: FailureCounts
    spending: Spending
    next_run: NextRun
    damaged: tuple[Damage, ...]

    def as_json(self) -> str:
        """One JSON object, in ASCII, so that every terminal and pipe carries it."""
        return json.dumps(asdict(self), indent=2) + "\n"
