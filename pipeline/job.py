"""Runs one job from start to exit code: what happens before, around and after the graph."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from pipeline.card_file import write_card
from pipeline.config import Config
from pipeline.config_load import load_prices
from pipeline.finished import (
    RunJson,
    continues_the_last,
    ended_runs,
    finish_settling,
    finished_recordings,
)
from pipeline.graph import Job, build
from pipeline.job_settings import Places, Request, job_of, shaping_of
from pipeline.outcome import ExitCode
from pipeline.progress import Course
from pipeline.run_record import RunCounts, RunRecord, new_run_id, utc_now, write_record
from pipeline.runner import beam_options, counts_of, is_local, runner_of, workers_of
from pipeline.shared_state import SharedState, open_state
from pipeline.signals import stopping_on_signals
from pipeline.state import LocalState
from pipeline.timeline import Timeline
from pipeline.watcher import NOBODY, Watcher
from pipeline.watching import Watch
from transforms.client import SentenceClient
from transforms.credentials import EnvironmentCredentials
from transforms.folders import OutputError
from transforms.heap import libraries_set_aside
from transforms.known import Skipping, writing_known
from transforms.listing import check_sources
from transforms.parts import create_dataset
from transforms.settle import settle
from transforms.shared_place import host_folder
from transforms.shared_quota import check_shared_quota
from transforms.stopping import OUTPUT_FAILED, StopReason, StopSignal
from transforms.upgrade import upgrade_dataset

# Killed runs leave a log for each of their workers, and every look into them takes time.
_MANY_LOGS = 32

_JOB_BROKE = StopReason("JobBroke", "the job broke for a reason that nobody thought of")

_log = logging.getLogger(__name__)


def run(request: Request, *, watcher: Watcher = NOBODY, now: Callable[[], datetime] = utc_now) -> RunRecord:
    """Transcribe what the request names and is not transcribed yet; the record tells how it ended.

    Args:
        request: what is asked for.
        watcher: who wants to know how far it is.
        now: the wall clock.

    Raises:
        UsageError: nothing was started.
        MissingCredentialsError: there is no key to call with.
        QuotaStoreError: the store that the quota is shared by cannot be reached.
        OutputError: the dataset cannot be written.
        RuntimeError: the job failed for a reason that nobody thought of.
    """
    options = beam_options(request.beam_flags)
    check_sources(request.sources)
    EnvironmentCredentials().current()
    check_shared_quota(request.config.recognition.shared_quota)
    record = RunRecord(
        run_id=new_run_id(now()),
        started_at=now().isoformat(),
        configuration=request.config.model_dump(mode="json"),
    )
    output = request.config.output
    state = open_state(request.output, output.state, output.lease_seconds)
    with state.held(record.run_id) as coordination:
        upgrade_dataset(request.output)
        create_dataset(request.output)
        state.prove_writable()
        state.compact_answers(if_more_than=_MANY_LOGS)
        records = finish_settling(request.output, now())
        chain = state.chain(continues=continues_the_last(records))
        places = Places(coordination, state.place, chain)
        folder = host_folder(coordination)
        skipping = skipping_of(request.config, request.output, folder, records)
        job = job_of(
            request,
            record.run_id,
            places,
            workers_of(options),
            are_all=is_local(options),
            skipping=None if skipping is None else state.share(skipping),
            max_calls=max_calls_of(request.config),
        )
        SentenceClient(job.recognition.client, EnvironmentCredentials()).close()
        write_record(request.output, record)
        stop = StopSignal(places.coordination)
        watcher.started(record, request.output, request.config)
        spent_before = state.spent()
        max_calls = job.recognition.max_calls
        budget_left = None if max_calls is None else max_calls - spent_before
        watch = _watch(request, record, folder, stop, watcher, now(), budget_left)
        with stopping_on_signals(stop):
            with watch:
                counts = _run_graph(job, options, stop)
            state.check()
            if counts is not None:
                counts = counts.with_lost_calls(state.spent() - spent_before)
            reason = stop.reason()
            ended = replace(ended_record(record, counts, reason, now()), timeline=watch.timeline())
            _settle(request, ended, reason, state)
            watcher.ended(ended)
    return ended


def max_calls_of(config: Config) -> int | None:
    """The wall of a run in calls; None where there is none."""
    budget = config.budget
    affordable = None
    if budget.max_cost is not None:
        affordable = load_prices().calls_within(Decimal(str(budget.max_cost)))
    walls = [wall for wall in (budget.max_calls, affordable) if wall is not None]
    return min(walls, default=None)


def ended_record(
    record: RunRecord, counts: RunCounts | None, reason: StopReason | None, now: datetime
) -> RunRecord:
    """The record of a run that has ended, with what it came to."""
    prices = load_prices()
    return replace(
        record,
        ended_at=now.isoformat(),
        exit_code=int(exit_code(counts, reason)),
        counts=counts,
        cost=None if counts is None else str(prices.cost(counts.billed_calls)),
        currency=prices.currency,
        stopped=None if reason is None else f"{reason.code}: {reason.message}",
    )


def exit_code(counts: RunCounts | None, reason: StopReason | None) -> ExitCode:
    """How a run ended, in one number."""
    if reason is not None:
        return ExitCode.STOPPED
    assert counts is not None, "a job that was not stopped tells its counts"
    failed = (
        counts.failed_files,
        counts.files_still_failing,
        counts.failed_segments,
        counts.unaccounted_channels,
    )
    return ExitCode.SOME_FAILED if any(failed) else ExitCode.DONE


def _watch(
    request: Request,
    record: RunRecord,
    coordination: Path,
    stop: StopSignal,
    watcher: Watcher,
    begun_at: datetime,
    budget_left: int | None,
) -> Watch:
    """Watches the run for those who want to know, and for its record."""

    def save(timeline: Timeline) -> None:
        write_record(request.output, replace(record, timeline=timeline))

    config = request.config
    rate = config.recognition.requests_per_second
    course = Course(begun_at.isoformat(), time.monotonic(), rate, load_prices(), budget_left)
    return Watch(coordination, course, stop, watcher, save=save, save_seconds=config.output.progress_seconds)


def skipping_of(config: Config, output: str, folder: Path, records: Sequence[RunJson]) -> Skipping | None:
    """What an output holds already, as files of a folder that listing can ask; None to read all.

    Args:
        config: of the run.
        output: OUTPUT.
        folder: an existing folder for the files.
        records: of the runs of the output.
    """
    if config.input.verify:
        return None
    done, failed = folder / "done", folder / "failing"
    with writing_known(done) as take_done, writing_known(failed) as take_failed:
        for digest, fails in finished_recordings(output, config.input.retry_failed, records):
            (take_failed if fails else take_done)(digest)
    return Skipping(done, failed, shaping_of(config))


def _run_graph(job: Job, options: PipelineOptions, stop: StopSignal) -> RunCounts | None:
    pipeline = beam.Pipeline(runner_of(options), options=options)
    build(pipeline, job)
    try:
        with libraries_set_aside():
            result = pipeline.run()
            result.wait_until_finish()
    except (RuntimeError, OutputError):
        if stop.reason() is None:
            stop.stop(_JOB_BROKE)  # workers that are left would go on calling
            raise
        # Whoever stopped the run has told why; the runner only wraps it.
        _log.debug("the job ended early", exc_info=True)
        return None
    return counts_of(result)


def _settle(
    request: Request, ended: RunRecord, reason: StopReason | None, state: LocalState | SharedState
) -> None:
    """Leave one row for each key, then say that the run has ended: in this order.

    Rows of a run that has not said so prove nothing to the next one.
    """
    output = request.output
    written = ended.counts is not None and (reason is None or reason.code != OUTPUT_FAILED)
    if written:
        # Without its end, so that the next run knows what a kill in here leaves to do.
        write_record(output, replace(ended, ended_at=None))
        settle(output, ended.run_id, ended_runs(output), shaping_of(request.config).bases)
    write_record(output, ended)
    if written:
        try:
            write_card(output)
        except OutputError as error:
            _log.warning("the dataset card was left as it is: %s", error)
    if reason is None:
        try:
            state.compact_answers()
        except OutputError as error:
            _log.warning("the record of paid answers was left as it is, which costs nothing: %s", error)
