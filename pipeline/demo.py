"""``python -m pipeline.demo``: the whole job on the recordings that the repository ships.

It starts the local service with its English recognizer, runs what ``python -m
pipeline run`` runs, and shows what was written. One recording is broken on purpose:
the demo succeeds when that one failed and nothing else did.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pipeline.logs import quiet
from pipeline.outcome import ExitCode

RECORDINGS = Path(__file__).resolve().parent.parent / "tests" / "recordings"
BROKEN = "broken.mp3"
OUTPUT = "demo-output"


def main(output: str = OUTPUT) -> int:
    """Run the demo; returns 0 when nothing but the planned failure occurred."""
    quiet()
    from rich.console import Console

    from pipeline.config_load import load
    from pipeline.job import run
    from pipeline.job_settings import Request
    from pipeline.service.server import LocalService
    from pipeline.service.settings import TEST_SECRET_ID, TEST_SECRET_KEY, ServiceSettings
    from pipeline.show import show_run
    from pipeline.watch_options import WatchOptions, watchers
    from transforms.listing import Sources

    os.environ.pop("TENCENTCLOUD_TOKEN", None)
    os.environ.update(TENCENTCLOUD_SECRET_ID=TEST_SECRET_ID, TENCENTCLOUD_SECRET_KEY=TEST_SECRET_KEY)
    console = Console()
    console.print(f"Transcribing {RECORDINGS} with the local service; about a minute.", soft_wrap=True)
    with LocalService(ServiceSettings(recognizer="sphinx", requests_per_second=25)) as service:
        config = load("demo", [f"recognition.endpoint={service.endpoint}"]).config
        with watchers(WatchOptions()) as watcher:
            record = run(Request(config, Sources((str(RECORDINGS),)), output), watcher=watcher)
    show_run(console, output, record)
    failed = _failed_recordings(output)
    if record.exit_code == ExitCode.SOME_FAILED and failed == [BROKEN]:
        console.print(f"As planned, {BROKEN} failed and nothing else did.")
        return 0
    console.print(f"Not as planned: exit code {record.exit_code}, failed: {', '.join(failed) or 'none'}.")
    return 1


def _failed_recordings(output: str) -> list[str]:
    import pyarrow.dataset as ds

    rows = ds.dataset(f"{output}/failures").to_table(columns=["audio_uri"])
    return sorted({Path(str(uri)).name for uri in rows["audio_uri"].to_pylist()})


if __name__ == "__main__":
    sys.exit(main())
