"""Prints a `DatasetStatus` for people."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone

from rich.console import Console
from rich.table import Table as Grid

from pipeline.failure_text import show_indented, show_places
from pipeline.page_text import many
from pipeline.plain import plain
from pipeline.progress_text import codes_of
from pipeline.standing_facts import (
    AtWork,
    DatasetStatus,
    Example,
    FailureCounts,
    LastRun,
    NextRun,
    RunState,
    Spending,
    Working,
)


def show_status(console: Console, found: DatasetStatus) -> None:
    """Print it: what is there, what failed, what it has cost, what the next run does."""
    _say(console, [f"Dataset {found.output}"])
    _say(console, [*_now(found.at_work, found.last_run)])
    console.print(_counts(found))
    _say(console, [*_sound(found)])
    if found.failures.failures:
        _show_failures(console, found.failures)
    _say(console, [*_spending(found.spending)])
    for damage in found.damaged:
        _say(console, [f"Cannot be read, and is not counted here: {damage.file}: {damage.problem}"])
    _say(console, [*_next(found)])


def _say(console: Console, lines: list[str]) -> None:
    console.print("\n".join(map(plain, lines)), markup=False, highlight=False, soft_wrap=True)


def _now(working: AtWork, last: LastRun | None) -> Iterator[str]:
    if working.working is Working.YES:
        yield f"A run is going on: {working.run_id}, process {working.pid} on {working.host}."
    elif working.working is Working.UNKNOWN:
        where = f" ({working.run_id}, process {working.pid} on {working.host})" if working.run_id else ""
        yield f"Whether a run is going on cannot be told from this machine{where}."
    else:
        yield "No run is going on."
    if last is None:
        yield "No run has left a record."
        return
    yield f"Last run {last.run_id}: {_ended(last)}"
    if last.state is not RunState.FINISHED:
        written = (
            f"  It has written {many(last.transcripts, 'transcript')}, {many(last.segments, 'segment')} and "
            f"{many(last.failures, 'failure')}"
        )
        yield f"{written} so far." if last.state is RunState.GOING_ON else f"{written}."
        yield from _so_far(last)
    if last.stopped:
        yield f"  {last.stopped}"


def _so_far(last: LastRun) -> Iterator[str]:
    """What it had done when it last said so; rows come later, when they fill a part."""
    told = last.so_far
    if told is None:
        return
    yield (
        f"  By {_time(told.at)} it had done {told.recordings_done:,} of {many(told.recordings, 'recording')}"
        f"{'' if told.is_listed else ' found so far'}, with {many(told.segments_done, 'segment')} and "
        f"{many(told.calls, 'call')}, {told.billed_calls:,} billed"
        f"{f'; failed: {codes_of(told.failures)}' if told.failures else ''}."
    )


def _ended(last: LastRun) -> str:
    began = f"began {_time(last.started_at)}" if last.started_at else "has just begun"
    if last.replacing and last.state is not RunState.FINISHED:
        began += ", has written all its rows and was replacing older ones"
    if last.state is RunState.GOING_ON:
        return f"{began}, goes on."
    if last.state is RunState.UNKNOWN:
        return f"{began}, has not said that it ended."
    if last.state is RunState.KILLED:
        return f"{began}, never ended: it was killed, or broke off with exit code 1."
    word = "ended" if last.state is RunState.FINISHED else "stopped before the end"
    left = f", {many(last.files_not_started, 'recording')} not started" if last.files_not_started else ""
    if last.segments_not_called:
        left += f", {many(last.segments_not_called, 'segment')} not called"
    return f"{began}, {word} {_time(last.ended_at or '')} with exit code {last.exit_code}{left}."


def _counts(found: DatasetStatus) -> Grid:
    grid = Grid(box=None, pad_edge=False)
    for head in ("", "recordings", "channels", "segments"):
        # On a narrow terminal the names of the rows are folded, never the numbers cut.
        grid.add_column(head, justify="right" if head else "left", no_wrap=bool(head), overflow="fold")
    recordings, channels, segments = found.recordings, found.channels, found.segments
    rows: list[tuple[str, int, int | None, int | None]] = [
        ("complete", recordings.complete, channels.complete, segments.answered),
        ("partial", recordings.partial, channels.partial, None),
        ("empty (nothing said)", recordings.empty, channels.empty, None),
        ("failed", recordings.failed, None, segments.failed),
        ("unfinished, or never called", recordings.unfinished, None, segments.never_called),
    ]
    rows.append(
        ("all", recordings.known, channels.known, segments.answered + segments.failed + segments.never_called)
    )
    for name, *numbers in rows:
        grid.add_row(name, *("" if number is None else f"{number:,}" for number in numbers))
    return grid


def _sound(found: DatasetStatus) -> Iterator[str]:
    sound = found.sound
    line = f"{_length(sound.audio_seconds)} of audio"
    if sound.channel_seconds != sound.audio_seconds:
        line += f", {_length(sound.channel_seconds)} in channels"
    yield f"{line} transcribed, {_length(sound.speech_seconds)} of it speech"
    if sound.begun_seconds:
        yield f"{_length(sound.begun_seconds)} in segments of runs that have not written their transcripts"
    if found.recordings.failed_since:
        yield (
            f"{found.recordings.failed_since:,} of these recordings failed in the latest attempt; "
            "what was transcribed before stays."
        )


def _show_failures(console: Console, failures: FailureCounts) -> None:
    """Each code with its examples; a table has no room for messages at 80 columns."""
    title = (
        f"{many(failures.failures, 'failure')} of {many(failures.recordings, 'recording')}: "
        f"{failures.passing:,} passing, {failures.for_good:,} for good"
    )
    show_indented(console, title, 0, style="bold")
    for each in failures.by_code:
        passing = f", {each.passing:,} of them passing" if each.passing else ""
        show_indented(console, f"{each.code}: {each.failures:,}{passing}", 2, style="bold")
        places = (
            (example.audio_uri + _segment(example), example.message.replace(example.audio_uri, example.name))
            for example in each.examples
        )
        show_places(console, places, indent=4)


def _segment(example: Example) -> str:
    if example.segment_index is None:
        return ""
    channel = f"channel {example.channel}, " if example.channel else ""
    return f", {channel}segment {example.segment_index}"


def _spending(spent: Spending) -> Iterator[str]:
    calls = many(spent.calls + spent.billed_uncounted, "call")
    calls += " at least" if spent.runs_without_counts else ""
    cost = ", ".join(f"{money.amount} {money.currency}" for money in spent.cost)
    yield (
        f"{many(spent.runs, 'run')}: {calls}, {spent.billed_calls:,} billed: {cost}; "
        f"{many(spent.reused_answers, 'answer')} reused"
        + (f"; {spent.throttled_seconds:,.1f} s throttled" if spent.throttled_seconds else "")
    )
    if spent.billed_uncounted:
        yield f"  {spent.billed_uncounted:,} of these at most are of runs that have told no counts."
    if spent.runs_unknown:
        yield f"  Calls of {many(spent.runs_unknown, 'run')} that never ended are not among them."


def _next(found: DatasetStatus) -> Iterator[str]:
    following, recordings = found.next_run, found.next_run.recordings
    same = "over the same recordings, with the same options"
    if found.at_work.working is Working.YES:
        yield f"Another run is refused with exit code 2 until this one has ended. As it is now, one {same}:"
    else:
        yield f"The next run {same}:"
    if any(not damage.file.startswith("segments/") for damage in found.damaged):
        yield "- ends before its first call: move what is damaged away, and run once with input.verify=true"
    if following.finishes_replacing:
        yield "- first finishes replacing older rows"
    if following.nothing_to_do:
        yield "- has nothing to do for what is here"
    numbers = (
        (
            recordings.continued,
            "continues {}; answers that are paid for are not called for again",
        ),
        (recordings.tried_again, "tries {} again that failed for a passing reason"),
        (recordings.looked_at_again, "looks at {} again whose failure may be mended"),
        (recordings.without_mark, "reads {} whose store tells no size; no call if unchanged"),
        (_not_started(found), "starts {} that the last one was stopped before"),
        (recordings.skipped, "leaves out {} transcribed before"),
        (recordings.still_failing, "leaves out {} that failed for good"),
    )
    for number, sentence in numbers:
        if number:
            yield f"- {sentence.format(many(number, 'recording'))}"
    if (segments := _without_rows(found)) > 0:
        yield f"- calls for {many(segments, 'segment')} of recordings that the last one had only read"
    yield from _retries(following)
    if found.last_run is not None and found.last_run.state is RunState.KILLED:
        yield "- finds what the killed run had not come to: how much that is, only listing the input tells"
    if following.continues:
        yield "- counts its budget on from the run before"
    yield "Only listing the input tells of " + "; ".join(following.only_listing_tells) + "."


def _retries(following: NextRun) -> Iterator[str]:
    tried, all_of_them = following.failures_tried_again, following.failures_tried_again_with_all
    if tried:
        yield f"- tries {many(tried, 'failure')} again"
    if all_of_them > tried:
        yield f"- with input.retry_failed=all it tries {many(all_of_them, 'failure')} again"


def _not_started(found: DatasetStatus) -> int:
    return 0 if found.last_run is None else found.last_run.files_not_started or 0


def _without_rows(found: DatasetStatus) -> int:
    """Segments that the last run cut, of recordings that it made no call for: these have no row."""
    last = found.last_run
    return 0 if last is None else (last.segments_not_called or 0) - found.segments.never_called


def _time(text: str) -> str:
    """An instant of a record, in UTC to the second; as it is if it is none."""
    try:
        return f"{datetime.fromisoformat(text).astimezone(timezone.utc):%Y-%m-%d %H:%M:%S} UTC"
    except ValueError:
        return text


def _length(seconds: float) -> str:
    return f"{seconds:,.1f} s" if seconds < 600 else f"{seconds / 3600:,.2f} h"
