from __future__ import annotations

import apache_beam as beam
import pytest
from apache_beam.metrics import Metrics
from apache_beam.options.pipeline_options import DirectOptions, StandardOptions
from apache_beam.portability import python_urns
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from pipeline.runner import (
    DEFAULT_RUNNER,
    SteadyRunner,
    beam_options,
    counts_of,
    runner_of,
    share,
    workers_of,
)
from transforms.errors import UsageError


def test_without_a_runner_fn_api_runner_is_taken_and_a_named_one_kept():
    assert beam_options([]).view_as(StandardOptions).runner == DEFAULT_RUNNER == "FnApiRunner"
    assert isinstance(runner_of(beam_options([])), FnApiRunner)
    assert runner_of(beam_options(["--runner=DirectRunner"])) == "DirectRunner"


@pytest.mark.parametrize(
    "name",
    [
        "DaskRunner",
        "daskrunner",
        "apache_beam.runners.dask.dask_runner.DaskRunner",
        "BundleBasedDirectRunner",
    ],
)
def test_runners_that_lose_rows_or_pay_twice_are_refused(name):
    with pytest.raises(UsageError, match="refused"):
        beam_options([f"--runner={name}"])


def test_a_runner_that_no_test_runs_on_is_taken_with_a_warning(caplog):
    for tested in ("FnApiRunner", "DirectRunner", "PortableRunner", "PrismRunner", "FlinkRunner"):
        beam_options([f"--runner={tested}"])
    assert caplog.messages == []
    beam_options(["--runner=SparkRunner"])
    assert "no test runs on it" in caplog.text


def test_the_calls_in_flight_are_shared_by_flinks_workers():
    assert workers_of(beam_options(["--runner=FlinkRunner", "--parallelism=4"])) == 4
    assert workers_of(beam_options(["--runner=FlinkRunner"])) == 1


@pytest.mark.parametrize(
    ("path", "says"),
    [("setup.py", r"write \./setup\.py"), ("./stup.py", r"no such file. Did you mean \./setup\.py")],
)
def test_a_setup_file_that_beam_would_stumble_over_is_refused(path, says, tmp_path, monkeypatch):
    (tmp_path / "setup.py").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=says):
        beam_options([f"--setup_file={path}"])
    beam_options(["--setup_file=./setup.py"])


def test_beams_options_pass_unchanged():
    options = beam_options(["--direct_num_workers=3", "--direct_running_mode=multi_threading"])
    assert options.view_as(DirectOptions).direct_running_mode == "multi_threading"
    assert workers_of(options) == 3
    assert workers_of(beam_options(["--direct_num_workers=0"])) >= 1


def test_calls_in_flight_are_shared_and_never_more_than_allowed():
    assert [share(48, workers, "k") for workers in (1, 2, 5)] == [48, 24, 9]
    with pytest.raises(UsageError, match=r"recognition\.concurrency is 1, .*2 workers"):
        share(1, 2, "recognition.concurrency")


def test_worker_processes_leave_signals_to_the_launcher(monkeypatch):
    seen: list[bytes] = []

    def run(self, proto, options):
        seen.extend(
            each.payload
            for each in proto.components.environments.values()
            if each.urn == python_urns.SUBPROCESS_SDK
        )

    monkeypatch.setattr(FnApiRunner, "run_via_runner_api", run)
    options = beam_options(["--direct_num_workers=2", "--direct_running_mode=multi_processing"])
    pipeline = beam.Pipeline(SteadyRunner(), options=options)
    _ = pipeline | "One" >> beam.Create([1])
    pipeline.run()
    assert seen
    quiet = b"""PIPELINE_OPTIONS='{"default_sdk_harness_log_level": "WARNING"}'; exec """
    assert all(payload.startswith(b"trap '' INT TERM; " + quiet) for payload in seen)


class Counting(beam.DoFn):
    def process(self, number):
        Metrics.counter("beamscribe", "calls").inc(number)
        Metrics.counter("beamscribe", "audio_ms").inc(1500)
        Metrics.counter("beamscribe.retries", "InternalError").inc()
        Metrics.counter("elsewhere", "calls").inc(100)


def test_counters_of_all_steps_become_the_counts_of_the_run():
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        numbers = pipeline | "Numbers" >> beam.Create([1, 2])
        _ = numbers | "First" >> beam.ParDo(Counting())
        _ = numbers | "Second" >> beam.ParDo(Counting())
    counts = counts_of(pipeline.result)
    assert (counts.calls, counts.audio_seconds, counts.files) == (6, 6.0, 0)
    assert sum(counts.retries.values()) == 4
