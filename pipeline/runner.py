"""Beam's side of a run: which runner, how many workers, what the counters say."""

from __future__ import annotations

import argparse
import json
import logging
import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from apache_beam.metrics.metric import MetricsFilter
from apache_beam.options.pipeline_options import (
    DirectOptions,
    FlinkRunnerOptions,
    PipelineOptions,
    SetupOptions,
    StandardOptions,
)
from apache_beam.portability import python_urns
from apache_beam.portability.api import beam_runner_api_pb2
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.runners.runner import PipelineResult, PipelineRunner, create_runner

from pipeline.run_record import RunCounts
from transforms.errors import UsageError
from transforms.nearby import did_you_mean_path

_log = logging.getLogger(__name__)

DEFAULT_RUNNER = "FnApiRunner"
"""DirectRunner takes Prism where its binary can be downloaded and FnApiRunner elsewhere:
the same command would run on another engine with and without a network."""

_LOCAL_RUNNERS = ("fnapirunner", "directrunner", "switchingdirectrunner")
_TESTED_RUNNERS = (*_LOCAL_RUNNERS, "portablerunner", "prismrunner", "flinkrunner")

REFUSED_RUNNERS = {
    "daskrunner": "it reports success and writes nothing",
    "bundlebaseddirectrunner": "it repeats a bundle four times, and would pay for its calls four times",
}


def refuse_unsound(runner: str) -> None:
    """Look whether a runner does what is asked of it.

    Args:
        runner: its name, with or without its module.

    Raises:
        UsageError: it is known to lose rows or to pay twice.
    """
    reason = REFUSED_RUNNERS.get(_bare(runner))
    if reason is not None:
        raise UsageError(
            f"--runner={runner} is refused: {reason}. Leave it out ({DEFAULT_RUNNER}) or name another."
        )


def _bare(runner: str) -> str:
    return runner.rsplit(".", 1)[-1].lower()


def beam_options(flags: Sequence[str]) -> PipelineOptions:
    """Beam's own options, with this project's default runner.

    Raises:
        UsageError: a runner that is known to lose rows or to pay twice.
    """
    options = PipelineOptions(list(flags))
    standard = options.view_as(StandardOptions)
    if standard.runner is None:
        standard.runner = DEFAULT_RUNNER
    refuse_unsound(standard.runner)
    name = _bare(standard.runner)
    workers = options.view_as(DirectOptions).direct_num_workers
    if workers < 0:
        raise UsageError(f"--direct_num_workers={workers}: expected 0 (one for each core) or more.")
    _refuse_setup_file(options.view_as(SetupOptions).setup_file)
    try:
        create_runner(standard.runner)
    except (ValueError, ImportError) as error:
        raise UsageError(f"--runner={standard.runner} cannot be used: {error}") from error
    if name in _LOCAL_RUNNERS:
        _refuse_unknown(flags)
    if name not in _TESTED_RUNNERS:
        _log.warning(
            "--runner=%s: no test runs on it; see docs/runners.md for those that are tested.", standard.runner
        )
    return options


def _refuse_setup_file(path: str | None) -> None:
    """Refuse a path that Beam would only stumble over when the job has begun."""
    if path is None:
        return
    if not Path(path).is_file():
        raise UsageError(f"--setup_file={path}: there is no such file.{did_you_mean_path(path)}")
    if Path(path).name == path:
        raise UsageError(f"--setup_file={path}: write ./{path}; Beam needs the folder before the name.")


def _refuse_unknown(flags: Sequence[str]) -> None:
    """Refuse options that none of Beam's own classes knows; it would pass over them in silence."""
    parser = argparse.ArgumentParser(allow_abbrev=False, add_help=False, conflict_handler="resolve")
    pending: list[type[PipelineOptions]] = [PipelineOptions]
    while pending:
        kind = pending.pop()
        pending += kind.__subclasses__()
        kind._add_argparse_args(parser)
    _, unknown = parser.parse_known_args(list(flags))
    if unknown:
        raise UsageError(f"Apache Beam knows no option {' '.join(unknown)}; what follows -- goes to it.")


class SteadyRunner(FnApiRunner):
    """FnApiRunner whose worker processes leave SIGINT and SIGTERM to the launcher, and are quiet.

    A terminal, and most supervisors, signal all processes of a group. A worker that
    ended by it would lose the answers it is waiting for, which are paid for. And as
    Beam starts them they tell on standard error of each channel that they open.
    """

    def run_via_runner_api(
        self, pipeline_proto: beam_runner_api_pb2.Pipeline, options: PipelineOptions
    ) -> PipelineResult:
        """Run it; what a shell ignores, the program that it executes ignores too."""
        level = options.get_all_options().get("default_sdk_harness_log_level") or "WARNING"
        own = shlex.quote(json.dumps({"default_sdk_harness_log_level": level}))
        prefix = f"trap '' INT TERM; PIPELINE_OPTIONS={own}; exec "
        for environment in pipeline_proto.components.environments.values():
            if environment.urn == python_urns.SUBPROCESS_SDK:
                environment.payload = prefix.encode() + environment.payload
        return super().run_via_runner_api(pipeline_proto, options)


def runner_of(options: PipelineOptions) -> PipelineRunner | str:
    """The runner that the options name."""
    name: str = options.view_as(StandardOptions).runner
    return SteadyRunner() if name == DEFAULT_RUNNER else name


def workers_of(options: PipelineOptions) -> int:
    """How many workers share the calls in flight and the cores."""
    parallelism: int = options.view_as(FlinkRunnerOptions).parallelism
    if parallelism > 0:  # Flink's word for it
        return parallelism
    workers: int = options.view_as(DirectOptions).direct_num_workers
    return workers or os.cpu_count() or 1


def is_local(options: PipelineOptions) -> bool:
    """Whether `workers_of` tells of all workers; a service or a cluster has as many as it has."""
    name: str = options.view_as(StandardOptions).runner
    return name.rsplit(".", 1)[-1].lower() in _LOCAL_RUNNERS


def share(total: int, workers: int, key: str) -> int:
    """What one worker gets of a total that all of them together may use.

    Raises:
        UsageError: there is less than one for each.
    """
    if total < workers:
        raise UsageError(
            f"{key} is {total}, less than one for each of {workers} workers "
            "(--direct_num_workers; on Flink --parallelism)."
        )
    return total // workers


def counts_of(result: PipelineResult) -> RunCounts:
    """What the counters of a finished job say."""
    totals = _totals(result, "beamscribe")

    def total(name: str) -> int:
        return totals.get(name, 0)

    return RunCounts(
        files=total("recordings_found"),
        other_files=total("other_files"),
        skipped_files=total("recordings_skipped"),
        files_still_failing=total("recordings_still_failing"),
        failed_files=total("recordings_failed"),
        files_not_started=total("recordings_not_started"),
        audio_seconds=total("audio_ms") / 1000,
        speech_seconds=total("speech_ms") / 1000,
        segments=total("segments_recognized"),
        failed_segments=total("segments_failed"),
        unanswered_segments=total("segments_unanswered"),
        unaccounted_channels=total("channels_unaccounted"),
        calls=total("calls"),
        billed_calls=total("billed_calls"),
        reused_answers=total("reused_answers"),
        retries=_totals(result, "beamscribe.retries"),
        throttled_seconds=total("throttled_ms") / 1000,
    )


def _totals(result: PipelineResult, namespace: str) -> dict[str, int]:
    """The counters of a namespace by name, over all steps."""
    totals: dict[str, int] = {}
    for counter in result.metrics().query(MetricsFilter().with_namespace(namespace))["counters"]:
        name = counter.key.metric.name
        totals[name] = totals.get(name, 0) + (counter.committed or 0)
    return totals
