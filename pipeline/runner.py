"""Beam's side of a run: which runner, how many workers, what the counters say."""

from __future__ import annotations

import os
from collections.abc import Sequence

from apache_beam.metrics.metric import MetricsFilter
from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions, StandardOptions
from apache_beam.runners.runner import PipelineResult

from pipeline.run_record import RunCounts
from transforms.errors import UsageError

DEFAULT_RUNNER = "FnApiRunner"
"""DirectRunner takes Prism where its binary can be downloaded and FnApiRunner elsewhere:
the same command would run on another engine with and without a network."""

REFUSED_RUNNERS = {
    "daskrunner": "it reports success and writes nothing",
    "bundlebaseddirectrunner": "it repeats a bundle four times, and would pay for its calls four times",
}


def beam_options(flags: Sequence[str]) -> PipelineOptions:
    """Beam's own options, with this project's default runner.

    Raises:
        UsageError: a runner that is known to lose rows or to pay twice.
    """
    options = PipelineOptions(list(flags))
    standard = options.view_as(StandardOptions)
    if standard.runner is None:
        standard.runner = DEFAULT_RUNNER
    name = standard.runner.rsplit(".", 1)[-1].lower()
    if name in REFUSED_RUNNERS:
        raise UsageError(
            f"--runner={standard.runner} is refused: {REFUSED_RUNNERS[name]}. "
            f"Leave it out ({DEFAULT_RUNNER}) or name another."
        )
    return options


def workers_of(options: PipelineOptions) -> int:
    """How many workers of this host share the calls in flight and the cores."""
    workers: int = options.view_as(DirectOptions).direct_num_workers
    return workers or os.cpu_count() or 1


def share(total: int, workers: int, key: str) -> int:
    """What one worker gets of a total that all of them together may use.

    Raises:
        UsageError: there is less than one for each.
    """
    if total < workers:
        raise UsageError(
            f"{key} is {total}, less than one for each of {workers} workers (--direct_num_workers)."
        )
    return total // workers


def counts_of(result: PipelineResult) -> RunCounts:
    """What the counters of a finished job say."""
    found = result.metrics().query(MetricsFilter().with_namespace("beamscribe"))["counters"]
    totals: dict[str, int] = {}
    for counter in found:
        name = counter.key.metric.name
        totals[name] = totals.get(name, 0) + (counter.committed or 0)
    retries = result.metrics().query(MetricsFilter().with_namespace("beamscribe.retries"))["counters"]

    def total(name: str) -> int:
        return totals.get(name, 0)

    return RunCounts(
        files=total("recordings_found"),
        other_files=total("other_files"),
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
        retries={counter.key.metric.name: counter.committed or 0 for counter in retries},
        throttled_seconds=total("throttled_ms") / 1000,
    )
