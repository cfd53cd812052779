"""Runs one job from start to exit code: what happens before, around and after the graph."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from pipeline.config import Config
from pipeline.config_load import load_prices
from pipeline.graph import Job, build
from pipeline.outcome import ExitCode
from pipeline.run_record import RunCounts, RunRecord, new_run_id, write_record
from pipeline.runner import beam_options, counts_of, share, workers_of
from pipeline.signals import stopping_on_signals
from transforms.client import ClientSettings
from transforms.credentials import EnvironmentCredentials
from transforms.folders import OutputError
from transforms.listing import Sources, check_sources
from transforms.pace import PacePolicy
from transforms.parts import Rolling, create_dataset
from transforms.recognize import RecognizeSettings
from transforms.retry import RetryPolicy
from transforms.segmenting import CutSettings
from transforms.settle import settle
from transforms.source import ReadLimits
from transforms.stopping import StopReason, StopSignal

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asks for."""

    config: Config
    sources: Sources
    output: str
    beam_flags: tuple[str, ...] = ()


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(timezone.utc)


def run(request: Request, *, now: Callable[[], datetime] = utc_now) -> RunRecord:
    """Transcribe what the request names; the record tells how it ended.

    Raises:
        UsageError: nothing was started.
        MissingCredentialsError: there is no key to call with.
        OutputError: the dataset cannot be written.
        RuntimeError: the job failed for a reason that nobody thought of.
    """
    options = beam_options(request.beam_flags)
    check_sources(request.sources)
    EnvironmentCredentials().current()
    create_dataset(request.output)
    record = RunRecord(
        run_id=new_run_id(now()),
        started_at=now().isoformat(),
        configuration=request.config.model_dump(mode="json"),
    )
    with tempfile.TemporaryDirectory(prefix="beamscribe-") as folder:
        stop = StopSignal(Path(folder))
        job = job_of(request, record.run_id, Path(folder), workers_of(options))
        write_record(request.output, record)
        with stopping_on_signals(stop):
            counts = _run_graph(job, options, stop)
        reason = stop.reason()
    settle(request.output, record.run_id)
    ended = ended_record(record, counts, reason, now())
    write_record(request.output, ended)
    return ended


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


def job_of(request: Request, run_id: str, coordination: Path, workers: int) -> Job:
    """The graph's settings; none of them holds anything live or secret.

    Raises:
        UsageError: fewer calls in flight are allowed than there are workers.
    """
    config = request.config
    recognition = config.recognition
    concurrency = share(recognition.concurrency, workers, "recognition.concurrency")
    cutting = CutSettings(
        engines=config.engine_choice(),
        coordination=coordination,
        channels=config.audio.channels,
        voice_format=recognition.voice_format,
        max_payload_bytes=recognition.max_payload_bytes,
        max_seconds=config.segmentation.max_seconds,
        search_seconds=config.segmentation.search_seconds,
        limits=ReadLimits(config.input.download_max_bytes, config.input.download_max_seconds),
        by_url=recognition.source == "url",
        threads=max(1, (os.cpu_count() or 1) // workers),
    )
    client = ClientSettings(
        endpoint=recognition.endpoint,
        region=recognition.region,
        language=recognition.language,
        timeout_seconds=recognition.timeout_seconds,
        connect_timeout_seconds=recognition.connect_timeout_seconds,
        connections=concurrency,
        ca_bundle=recognition.ca_bundle,
        signature=recognition.signature,
    )
    calling = RecognizeSettings(
        client=client,
        parameters=config.request_parameters(),
        pace=PacePolicy(recognition.requests_per_second),
        retry=RetryPolicy(max_attempts=recognition.max_attempts),
        coordination=coordination,
        voice_format=recognition.voice_format,
        max_payload_bytes=recognition.max_payload_bytes,
        concurrency=concurrency,
    )
    rolling = Rolling(max_rows=config.output.rows_per_part, max_seconds=config.output.seconds_per_part)
    return Job(request.sources, cutting, calling, request.output, run_id, coordination, rolling)


def exit_code(counts: RunCounts | None, reason: StopReason | None) -> ExitCode:
    """How a run ended, in one number."""
    if reason is not None:
        return ExitCode.STOPPED
    assert counts is not None, "a job that was not stopped tells its counts"
    if counts.failed_files or counts.failed_segments or counts.unaccounted_channels:
        return ExitCode.SOME_FAILED
    return ExitCode.DONE


def _run_graph(job: Job, options: PipelineOptions, stop: StopSignal) -> RunCounts | None:
    pipeline = beam.Pipeline(options=options)
    build(pipeline, job)
    try:
        result = pipeline.run()
        result.wait_until_finish()
    except (RuntimeError, OutputError):
        if stop.reason() is None:
            raise
        # Whoever stopped the run has told why; the runner only wraps it.
        _log.debug("the job ended early", exc_info=True)
        return None
    return counts_of(result)
