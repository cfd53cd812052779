"""The command line: ``python -m pipeline`` and ``beamscribe``.

Each command imports what it needs when it runs: Beam takes seconds to import, and
``--help`` should not.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from functools import partial
from typing import Annotated

import typer
from rich.console import Console

from pipeline.logs import quiet
from pipeline.outcome import ExitCode, exit_code_of
from pipeline.plain import shown_message
from pipeline.shared_arguments import (
    TAKES_PATTERNS,
    ConfigFile,
    Inputs,
    Manifests,
    PrintConfig,
    Settings,
    Shared,
)
from pipeline.streams import drop_what_is_left, prepare_streams, print_out, say

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Transcribe recordings in batches: every transcript, once, in Parquet.",
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit code; see `ExitCode`.

    What follows ``--`` goes to Beam unchanged.
    """
    prepare_streams()
    own, beam_flags = split_at_dashes(sys.argv[1:] if arguments is None else arguments)
    quiet()
    from transforms.errors import BeamscribeError
    from transforms.heap import share_with_arrow

    share_with_arrow(os.environ)
    try:
        try:
            app(own, prog_name="beamscribe", obj=beam_flags)
        finally:
            sys.stdout.flush()
    except BeamscribeError as error:
        say(shown_message(str(error)), style="bold red")
        sys.exit(exit_code_of(error))
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT) or error.filename is not None:
            raise
        drop_what_is_left()
        say(f"What this command prints could not be written ({error.strerror}): free some space.")
        sys.exit(ExitCode.STOPPED)


def split_at_dashes(arguments: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """The arguments before the first ``--``, and those after it."""
    given = list(arguments)
    if "--" not in given:
        return given, ()
    at = given.index("--")
    return given[:at], tuple(given[at + 1 :])


@app.command(context_settings=TAKES_PATTERNS)
def run(
    context: typer.Context,
    inputs: Inputs = None,
    manifests: Manifests = None,
    output: Annotated[str | None, typer.Option(metavar="DIR", help="Where the dataset is written.")] = None,
    config: ConfigFile = None,
    settings: Settings = None,
    print_config: PrintConfig = False,
    json_log: Annotated[
        str | None,
        typer.Option("--json-log", metavar="FILE", help="Append events as JSON lines; - for standard error."),
    ] = None,
    quiet_run: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
) -> None:
    """Transcribe a corpus. What follows -- goes to Apache Beam."""
    from transforms.errors import UsageError

    loaded, sources = Shared(inputs, manifests, output, config, settings, print_config, context.args).read()
    if output is None:
        raise UsageError("Nowhere to write: give --output DIR.")
    from pipeline.job import run as run_job
    from pipeline.job_settings import Request
    from pipeline.show import show_run
    from pipeline.watch_options import WatchOptions, watchers

    with watchers(WatchOptions(json_log, quiet_run)) as watcher:
        record = run_job(Request(loaded, sources, output, context.obj), watcher=watcher)
    print_out(partial(show_run, output=output, record=record))
    raise typer.Exit(record.exit_code or 0)


@app.command(context_settings=TAKES_PATTERNS)
def plan(
    context: typer.Context,
    inputs: Inputs = None,
    manifests: Manifests = None,
    output: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="As for run: what is paid for there is taken off. Only looked at."),
    ] = None,
    config: ConfigFile = None,
    settings: Settings = None,
    print_config: PrintConfig = False,
    sample: Annotated[
        int | None,
        typer.Option(metavar="N", help="Read N recordings by chance, 50 or more, and estimate the rest."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Decides which; the same seed, the same choice. 0 unless given.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object with the same facts.")] = False,
) -> None:
    """Tell what run would do with the same arguments, and what it would cost. Nobody is called.

    Exits with 3 if a recording cannot be read: it is named.
    """
    from transforms.errors import UsageError

    loaded, sources = Shared(inputs, manifests, output, config, settings, print_config, context.args).read()
    if seed is not None and sample is None:
        raise UsageError(f"--seed {seed} decides nothing while all recordings are read: give --sample N too.")
    from pipeline.plan import PlanRequest
    from pipeline.plan import plan as make_plan
    from pipeline.plan_text import progress_shown, show_plan

    with progress_shown(Console(stderr=True)) as progress:
        made = make_plan(PlanRequest(loaded, sources, output, context.obj, sample, seed or 0), progress)
    if as_json:
        typer.echo(made.as_json(), nl=False)
    else:
        show_plan(Console(), made)
    raise typer.Exit(made.exit_code)


@app.command()
def status(
    output: Annotated[str, typer.Argument(metavar="OUTPUT", help="What was --output of a run.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object with the same facts.")] = False,
) -> None:
    """Tell what a finished, running or killed run has done, from the dataset alone."""
    from pipeline.status import StatusArguments
    from pipeline.status import status as show

    show(StatusArguments(output, as_json), Console())


@app.command()
def export(
    output: Annotated[str, typer.Argument(metavar="OUTPUT", help="What was --output of a run.")],
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format", metavar="NAMES", help="Required: srt, vtt, txt, jsonl, csv; by commas, or repeated."
        ),
    ] = None,
    to: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="Where the files go; OUTPUT/exports unless given.")
    ] = None,
) -> None:
    """Write the transcripts as subtitles, texts or tables.

    Exits with 3 if a recording is missing or not whole: it is named.
    """
    from pipeline.exports import ExportArguments
    from pipeline.exports import export as write_exports

    exported = write_exports(ExportArguments(output, tuple(formats or ()), to), Console())
    raise typer.Exit(exported.exit_code)


@app.command()
def evaluate(
    output: Annotated[str, typer.Argument(metavar="OUTPUT", help="What was --output of a run.")],
    references: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Required: CSV, JSONL or Parquet with 'audio' and 'reference'."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, with the same numbers and all of the texts.")
    ] = False,
    worst: Annotated[
        int, typer.Option(metavar="N", help="Recordings to show word by word, the worst first.")
    ] = 5,
    missing_as_deleted: Annotated[
        bool, typer.Option("--missing-as-deleted", help="Count references without a transcript as deleted.")
    ] = False,
) -> None:
    """Compare transcripts with what was said: WER and CER, overall and by language."""
    from pipeline.show_evaluation import EvaluateRequest, run_evaluate
    from transforms.errors import UsageError

    if references is None:
        raise UsageError(
            "--references: expected a CSV, JSONL or Parquet file with the columns 'audio' and 'reference'."
        )
    run_evaluate(EvaluateRequest(output, references, as_json, worst, missing_as_deleted), Console())


@app.command()
def report(
    output: Annotated[str, typer.Argument(metavar="OUTPUT", help="What was --output of a run.")],
    to: Annotated[
        str | None, typer.Option(metavar="FILE", help="The HTML file; OUTPUT/report.html unless given.")
    ] = None,
    recordings: Annotated[
        list[str] | None,
        typer.Option("--recording", metavar="NAME", help="Address, id or file name; repeatable."),
    ] = None,
    references: Annotated[
        str | None, typer.Option(metavar="FILE", help="As for evaluate: adds error rates.")
    ] = None,
    run: Annotated[
        str | None, typer.Option(metavar="ID", help="Whose course is shown; the newest unless given.")
    ] = None,
) -> None:
    """Write a page that shows it all: rates, lengths, failures, cost, and some recordings to be heard."""
    from datetime import datetime, timezone

    from pipeline.reports import ReportArguments
    from pipeline.reports import report as write_report

    arguments = ReportArguments(output, to, tuple(recordings or ()), references, run)
    write_report(arguments, Console(), datetime.now(timezone.utc))


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0 takes a free one.")] = 8421,
    recognizer: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="sphinx: real words; digest: a function of the audio; script: from a file."
        ),
    ] = "digest",
    script: Annotated[
        str | None, typer.Option(metavar="FILE", help="The answers of --recognizer script.")
    ] = None,
    requests_per_second: Annotated[
        int, typer.Option(min=0, help="Calls allowed in any second; 0 allows all.")
    ] = 25,
    latency_ms: Annotated[
        tuple[float, float], typer.Option(metavar="LOW HIGH", help="Time until an answer, drawn evenly.")
    ] = (0.0, 0.0),
    calls_left: Annotated[
        int | None, typer.Option(min=0, help="Answers until the account is used up.")
    ] = None,
    max_payload_bytes: Annotated[
        int | None, typer.Option(min=1, help="Limit of the audio, as in the older document (600000).")
    ] = None,
    faults: Annotated[
        list[str] | None,
        typer.Option("--fault", metavar="KIND[:ARG]=SHARE", help="For instance reset=0.05; repeatable."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides latencies and faults.")] = 0,
) -> None:
    """Serve SentenceRecognition on this machine, as strict as the real service.

    It expects the credentials in TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY,
    or else public test ones, which it prints.
    """
    from pipeline.service.faults import parse_fault
    from pipeline.service.foreground import serve as serve_here
    from pipeline.service.settings import ServiceSettings, recognizer_named, with_environment

    serve_here(
        with_environment(
            ServiceSettings(
                host=host,
                port=port,
                recognizer=recognizer_named(recognizer),
                script_path=script,
                requests_per_second=requests_per_second,
                latency_ms=latency_ms,
                calls_left=calls_left,
                max_payload_bytes=max_payload_bytes,
                faults=tuple(parse_fault(fault) for fault in faults or ()),
                seed=seed,
            ),
            os.environ,
        )
    )
