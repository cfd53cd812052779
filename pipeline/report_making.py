"""Makes a `Report` of a dataset: reads it, chooses what to show, hears the recordings that are shown."""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from pipeline import page_text
from pipeline.config_errors import shown as quoted
from pipeline.error_rates import Evaluation
from pipeline.outcome import ExitCode
from pipeline.plain import name_of, shown_address
from pipeline.progress_text import codes_of
from pipeline.report_course import laid_out, lengths_chart
from pipeline.report_facts import Course, Fact, ListedRecording, Report, Share
from pipeline.report_panels import HEARD_SECONDS, PanelMaker, Pick
from pipeline.report_rows import RecordingFigures, ReportRows
from pipeline.report_runs import END_WORDS, MOST_RUNS, chosen_run, course_of, run_rows
from pipeline.report_sound import Listener
from pipeline.run_files import Runs, read_run
from pipeline.standing_facts import DatasetStatus, LastRun, Working
from transforms.addresses import audio_uri_of, locate
from transforms.errors import UsageError

MOST_LISTED = 10
"""Recordings among the longest, and among the slowest."""

LONGEST_CHOSEN_MS = 2 * 3600 * 1000
"""A recording that is longer is shown only if it is named: it is decoded for its picture."""

_MOST_COMPARED = 20_000  # addresses that a wrong one is compared with


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the command line chose: recordings by address, id or file name; a run; the references' results."""

    recordings: tuple[str, ...] = ()
    run: str | None = None
    evaluation: Evaluation | None = None


def make_report(
    output: str,
    chosen: Chosen,
    found: tuple[DatasetStatus, Runs, ReportRows],
    listener: Listener,
    made_at: str,
) -> Report:
    """All that the report shows.

    Args:
        output: OUTPUT.
        chosen: what to show of it.
        found: what was read of it.
        listener: decodes the recordings that are shown.
        made_at: now, ISO 8601.

    Raises:
        UsageError: a run or recording that is named is not there.
        PartVanishedError: a run has just replaced a part: all has to be read anew.
        OutputError: the store fails.
        OSError: the temporary folder is full, or no process can be started.
    """
    status, runs, rows = found
    course, limit_seconds = _course(output, runs, rows, chosen.run)
    picks = _named(chosen.recordings, rows) if chosen.recordings else list(_chosen(rows, chosen.evaluation))
    lengths = rows.segment_lengths()
    maker = PanelMaker(listener, frozenset(run.run_id for run in runs.records if run.split))
    return Report(
        made_at=made_at,
        headline=_headline(status) + _beyond_the_rows(status.last_run),
        status=status,
        facts=tuple(_facts(status)),
        standing=_standing(status),
        course=course,
        lengths=lengths_chart(lengths, limit_seconds) if lengths else None,
        lengths_facts=tuple(_length_facts(rows, status, limit_seconds)),
        longest=tuple(_listed(each, "length", "segments", "calls") for each in rows.longest(MOST_LISTED)),
        slowest=tuple(_listed(each, "answered in", "length", "calls") for each in rows.slowest(MOST_LISTED)),
        runs=run_rows(runs.records, status.at_work, "" if course is None else course.run_id),
        runs_left=max(0, len(runs.records) - MOST_RUNS),
        shown=tuple(maker.shown(picks, rows)),
        audio_note=f"at most {page_text.duration(HEARD_SECONDS)} of sound",
        evaluation=chosen.evaluation,
    )


def _course(output: str, runs: Runs, rows: ReportRows, run_id: str | None) -> tuple[Course | None, float]:
    """How the run went that is shown, and its limit for segments."""
    last_answers_us = rows.last_answers_us()
    run = chosen_run(runs.records, last_answers_us)
    if run_id is not None:
        by_id = {each.run_id: each for each in runs.records}
        if run_id not in by_id:
            close = difflib.get_close_matches(run_id, list(by_id), 1, 0.0)
            hint = f" Did you mean {close[0]}?" if close else " The dataset has no record of any run."
            raise UsageError(f"--run {quoted(run_id)}: expected the name of a file in runs/.{hint}")
        run = by_id[run_id]
    if run is None:
        return None, 59.0
    brought = ", the newest that brought answers" if run.run_id in last_answers_us else ", the newest"
    why = brought if run_id is None and len(runs.records) > 1 else ""
    record = read_run(output, run.run_id)
    limit = record.get("configuration", {}).get("segmentation", {}).get("max_seconds", 59.0)

    def answers(begin_us: int, step_us: int) -> list[tuple[int, int]]:
        return rows.answers_over_time(run.run_id, begin_us, step_us)

    course = course_of(run, record, last_answers_us.get(run.run_id), answers)
    return replace(course, why=why), float(limit)


def _named(names: Sequence[str], rows: ReportRows) -> list[Pick]:
    """The recordings that were named.

    Raises:
        UsageError: one is not in the dataset, or several are called so.
    """
    picks: dict[str, Pick] = {}
    for name in names:
        if not name:
            raise UsageError("--recording is empty: is a variable of the shell not set?")
        asked = quoted(shown_address(name))
        found = rows.named(name) or rows.named(audio_uri_of(locate(name)))
        if not found:
            raise UsageError(
                f"--recording {asked}: the dataset has no recording with this address, id or file "
                f"name.{_nearest(name, rows)}"
            )
        if len(found) > 1:
            some = ", ".join(shown_address(each.audio_uri) for each in found[:3])
            raise UsageError(
                f"--recording {asked}: {len(found)} recordings are called so, such as {some}. "
                "Expected the whole address of one."
            )
        picks[found[0].audio_uri] = Pick(found[0], "named", fetched=True)
    return list(picks.values())


def _nearest(name: str, rows: ReportRows) -> str:
    names = {name_of(each): each for each in islice(rows.addresses(), _MOST_COMPARED)}
    close = difflib.get_close_matches(os.path.basename(name) or name, list(names), 1, 0.3)  # noqa: PTH119
    return f" Did you mean {shown_address(names[close[0]])}?" if close else ""


def _chosen(rows: ReportRows, evaluation: Evaluation | None) -> Iterator[Pick]:
    """A few recordings that are worth looking at, each once."""
    worst = [] if evaluation is None else [each.place.audio_uri for each in evaluation.worst[:1]]
    kinds = [
        ("the most segments without an answer", rows.most_failed(LONGEST_CHOSEN_MS)),
        ("the furthest from its reference", [found for uri in worst for found in rows.named(uri)]),
        ("the longest", rows.longest_within(LONGEST_CHOSEN_MS)),
        ("an ordinary one, of median length", rows.ordinary(LONGEST_CHOSEN_MS)),
    ]
    seen = set()
    for why, found in kinds:
        for figures in found:
            if figures.audio_uri not in seen:
                seen.add(figures.audio_uri)
                yield Pick(figures, why)


def _headline(status: DatasetStatus) -> str:
    known = status.recordings.known
    if not known:
        return "No recording has a row yet."
    whole = status.recordings.complete + status.recordings.empty
    last = status.last_run
    has_ended = last is not None and last.exit_code in (ExitCode.DONE, ExitCode.SOME_FAILED)
    begin = "All" if whole == known and has_ended else f"{whole:,} of"
    verb = "is" if known == 1 else "are"
    sentence = f"{begin} {page_text.many(known, 'recording')} {verb} transcribed"
    if status.at_work.working is Working.YES:
        return f"{sentence} so far: a run is going on."
    if last is None or last.exit_code is None:
        return f"{sentence}. The last run has not said that it ended."
    if has_ended:
        return f"{sentence}. The last run has ended."
    return f"{sentence}. The last run {END_WORDS.get(last.exit_code, 'ended')}, exit code {last.exit_code}."


def _beyond_the_rows(last: LastRun | None) -> str:
    """What the newest run knew of, and has written no rows for: without it a part looks like the whole."""
    if last is None:
        return ""
    left = [
        (last.files_not_started, "recording", "not started"),
        (last.segments_not_called, "segment", "not called"),
    ]
    if told := [f"{page_text.many(number, thing)} {what}" for number, thing, what in left if number]:
        return f" It left {' and '.join(told)}."
    so_far = last.so_far
    if so_far is None:
        return ""
    found = f"{page_text.many(so_far.recordings, 'recording')}{'' if so_far.is_listed else ' found so far'}"
    failed = f"; failed: {codes_of(so_far.failures)}" if so_far.failures else ""
    return f" By {page_text.instant(so_far.at)} it had done {so_far.recordings_done:,} of {found}{failed}."


def _facts(status: DatasetStatus) -> Iterator[Fact]:
    recordings, sound, spent = status.recordings, status.sound, status.spending
    whole = recordings.complete + recordings.empty
    yield Fact("Transcribed", page_text.count(whole), f"of {page_text.many(recordings.known, 'recording')}")
    if sound.channel_seconds or not sound.begun_seconds:
        speech = sound.speech_seconds / (sound.channel_seconds or 1.0)
        told = page_text.duration(sound.audio_seconds), f"{page_text.percent(speech)} of it speech"
    else:
        told = page_text.duration(sound.begun_seconds), "in segments that are answered"
    yield Fact("Audio", *told)
    yield Fact("Segments", page_text.count(status.segments.answered), "answered")
    reused = f", {page_text.many(spent.reused_answers, 'answer')} reused" if spent.reused_answers else ""
    calls = page_text.count(spent.calls + spent.billed_uncounted)
    yield Fact("Calls", calls, f"{spent.billed_calls:,} billed{reused}")
    cost, *further = [f"{each.amount} {each.currency}" for each in spent.cost] or ["0"]
    yield Fact(
        "Cost", cost, ", ".join([*(f"and {each}" for each in further), page_text.many(spent.runs, "run")])
    )
    again = f"{status.failures.passing:,} worth another try" if status.failures.failures else ""
    yield Fact("Failures", page_text.count(status.failures.failures), again)


def _standing(status: DatasetStatus) -> tuple[Share, ...]:
    each = status.recordings
    numbers = (
        ("complete", each.complete),
        ("empty, nothing said", each.empty),
        ("partial", each.partial),
        ("unfinished", each.unfinished),
        ("failed", each.failed),
    )
    return laid_out([(name, number, page_text.count(number)) for name, number in numbers])


def _length_facts(rows: ReportRows, status: DatasetStatus, limit_seconds: float) -> Iterator[Fact]:
    answered = sum(count for _, count in rows.segment_lengths())
    if not answered:
        return
    seconds = rows.segment_ms() / 1000
    yield Fact("Mean length", page_text.duration(seconds / answered), f"of {limit_seconds:g} s allowed")
    least = max(1, math.ceil(seconds / limit_seconds))
    fit = f"at the limit as much sound would fit into {least:,}" if least < answered else ""
    yield Fact("Segments", page_text.count(answered), fit)


def _listed(figures: RecordingFigures, *columns: str) -> ListedRecording:
    """A recording with some of its figures."""
    texts = {
        "length": page_text.duration(figures.duration_ms / 1000),
        "segments": page_text.count(figures.segments),
        "calls": page_text.count(figures.calls),
        "answered in": page_text.duration(figures.span_seconds),
    }
    return ListedRecording(
        name_of(figures.audio_uri), figures.status, tuple(texts[column] for column in columns)
    )
