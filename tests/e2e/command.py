"""Runs the command line, in this process or in one of its own, and reads what it left."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds

from pipeline.cli import main
from pipeline.service.server import LocalService
from pipeline.service.settings import TEST_SECRET_ID, TEST_SECRET_KEY

CHECKOUT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 240
Row = dict[str, Any]


@dataclass(frozen=True)
class Ended:
    code: int
    stdout: str
    stderr: str


def beamscribe(*arguments: str | Path) -> Ended:
    """The command line in this process."""
    out, err = io.StringIO(), io.StringIO()
    code: object = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = end.code
    return Ended(int(code) if isinstance(code, int) else 0, out.getvalue(), err.getvalue())


def start_apart(
    arguments: Sequence[str | bytes | Path],
    folder: Path,
    environment: Mapping[str, str] | None = None,
    program: Sequence[str] = ("-m", "pipeline"),
) -> subprocess.Popen[bytes]:
    """The command line in a process group of its own, started in ``folder``."""
    return subprocess.Popen(
        [sys.executable, *program, *arguments],
        cwd=folder,
        env=environment_of(environment or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )


def ended(process: subprocess.Popen[bytes]) -> Ended:
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    return Ended(process.returncode, out.decode("utf-8"), err.decode("utf-8"))


def environment_of(changes: Mapping[str, str]) -> dict[str, str]:
    given = {
        "TENCENTCLOUD_SECRET_ID": TEST_SECRET_ID,
        "TENCENTCLOUD_SECRET_KEY": TEST_SECRET_KEY,
        "PYTHONPATH": str(CHECKOUT),
        # As on a terminal in UTF-8: what is not text cannot be printed.
        "PYTHONIOENCODING": "utf-8:strict",
        **changes,
    }
    kept = {name: value for name, value in os.environ.items() if name != "TENCENTCLOUD_TOKEN"}
    return {name: value for name, value in {**kept, **given}.items() if value}


def settings(service: LocalService, **values: object) -> list[str]:
    """``--set`` for each value, ``__`` for the dot; a section is ``recognition`` unless named.

    Made sound is no speech: unless a value says otherwise, all of it is sent.
    """
    chosen = {
        "endpoint": service.endpoint,
        "engine": "16k_en",
        "requests_per_second": 1000,
        "segmentation__skip_silence": "false",
        "segmentation__detector": "energy",
        **values,
    }
    return [
        f"--set={'recognition.' if '__' not in name else ''}{name.replace('__', '.')}={value}"
        for name, value in chosen.items()
    ]


def rows(output: Path, table: str) -> list[Row]:
    """All rows of a table, as any reader of the folder gets them, ordered by their keys."""
    found: list[Row] = ds.dataset(output / table, format="parquet").to_table().to_pylist()
    return sorted(
        found,
        key=lambda row: (row["audio_uri"], row["channel"] or 0, row.get("segment_index") or 0),
    )


def failures_by_name(output: Path) -> dict[str, Row]:
    return {Path(row["audio_uri"]).name: row for row in rows(output, "failures")}


def records(output: Path) -> list[dict[str, Any]]:
    """The runs, oldest first."""
    found = [json.loads(path.read_text("utf-8")) for path in (output / "runs").glob("*.json")]
    return sorted(found, key=lambda record: record["started_at"])
