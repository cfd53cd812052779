"""The run that the transforms of one pipeline share, from its construction to the end of the process."""

from __future__ import annotations

import gc
import tempfile
import weakref
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import apache_beam as beam

from pipeline.config import Config
from pipeline.graph import Job
from pipeline.job import max_calls_of
from pipeline.job_settings import Places, Request, job_of
from pipeline.run_record import new_run_id, utc_now
from pipeline.runner import refuse_unsound, workers_of
from pipeline.state import (
    chain_of_runs,
    compact_answers,
    coordination_folder,
    held,
    lock_folder,
    prove_writable,
    state_folder,
)
from transforms.credentials import EnvironmentCredentials
from transforms.errors import UsageError
from transforms.listing import Sources


@dataclass(frozen=True, slots=True)
class SharedRun:
    """What all transforms of a pipeline have in common.

    Attributes:
        run_id: as rows tell it.
        places: where it keeps what; the folders live as long as the pipeline.
        state: the folder that was asked for; None for one that goes with the run.
    """

    run_id: str
    places: Places
    state: Path | None


# A transform of Beam YAML is only told the pipeline that it becomes a part of.
_runs: weakref.WeakKeyDictionary[beam.Pipeline, SharedRun] = weakref.WeakKeyDictionary()


def job_in(
    pipeline: beam.Pipeline, config: Config, *, output: str | None = None, sources: Sources | None = None
) -> Job:
    """The settings of a transform, with a run that it shares with the others of its pipeline.

    Args:
        pipeline: that the transform is part of.
        config: how to transcribe.
        output: the dataset that is written; None for none.
        sources: what is listed; None for nothing.

    Raises:
        UsageError: another run uses the state or the output, or an earlier transform of
            the pipeline keeps its state elsewhere; or its runner would pay twice or lose rows.
        MissingCredentialsError: there is no key to call with.
        OutputError: the state cannot be written.
    """
    refuse_unsound(type(pipeline.runner).__name__)
    run = _runs.get(pipeline)
    if run is None:
        EnvironmentCredentials().current()
        run = _runs[pipeline] = _opened(pipeline, config, output)
    elif run.state != _state_of(config, output):
        raise UsageError(
            f"state: an earlier transform of this pipeline has {run.state or 'none'}, and this one "
            f"{_state_of(config, output) or 'none'}. All transforms of a pipeline share one: give the same."
        )
    return job_of(
        Request(config, sources or Sources(), output or "."),
        run.run_id,
        run.places,
        workers_of(pipeline.options),
        max_calls=max_calls_of(config),
    )


def run_in(pipeline: beam.Pipeline) -> SharedRun | None:
    """The run that transforms of a pipeline share; None while none of them calls anybody."""
    return _runs.get(pipeline)


def _state_of(config: Config, output: str | None) -> Path | None:
    if output is None and config.output.state is None:
        return None
    return state_folder(output or ".", config.output.state)


def _opened(pipeline: beam.Pipeline, config: Config, output: str | None) -> SharedRun:
    """Open a run that ends with the pipeline, or with the process."""
    run_id = new_run_id(utc_now())
    asked = _state_of(config, output)
    if any(run.state == asked for run in _runs.values()):
        gc.collect()  # a pipeline that has ended in this process may still lie about, with its lock
    with ExitStack() as opening:
        folder = asked
        if folder is None:
            made = opening.enter_context(tempfile.TemporaryDirectory(prefix="beamscribe-run-"))
            folder = state_folder(".", made)
        lock = folder if output is None else lock_folder(output, folder)
        opening.enter_context(held(lock, run_id))
        coordination = opening.enter_context(coordination_folder(folder))
        prove_writable(folder)
        compact_answers(folder, if_more_than=32)
        chain = chain_of_runs(folder, continues=False)
        weakref.finalize(pipeline, opening.pop_all().close)
    return SharedRun(run_id, Places(coordination, folder, chain), asked)
