from __future__ import annotations

import os
import signal
import time
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from tests.e2e.command import beamscribe, ended, records, rows, settings, start_apart
from tests.e2e.sounds import some_wavs
from transforms.schemas import KEY_COLUMNS, Table


def kill_in_mid_run(folder: Path, serve, *flags: str, **changes: object) -> None:
    """Starts a run over ``folder/in`` and kills all of it when it has written some rows."""
    service = serve(latency_ms=(80, 120))
    given = settings(service, concurrency=2, output__rows_per_part=2, **changes)
    arguments = ["run", "--input=in", "--output=out", *given, "--", *flags]
    process = start_apart(arguments, folder, {"TMPDIR": str(folder / "tmp")})
    give_up_at = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < give_up_at and service.stats().billed < 8:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    assert ended(process).code == -signal.SIGKILL
    assert service.stats().billed < 40
    service.stop()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    some_wavs(tmp_path / "in", 40, seconds=0.2)
    (tmp_path / "tmp").mkdir()
    return tmp_path


def test_after_a_kill_all_is_readable_nothing_unfinished_shows_and_the_next_run_finishes_and_cleans_up(
    serve, folder
):
    kill_in_mid_run(folder, serve)
    output = folder / "out"
    # What a writer that was killed while it wrote leaves behind.
    (output / "segments" / ".beamscribe-0123456789abcdef0123456789abcdef.tmp").write_bytes(b"PAR1 half")
    written = rows(output, "segments")
    assert 0 < len(written) < 40
    assert len(pd.read_parquet(output / "segments")) == len(written)
    for table in Table:
        assert all(row["text"] for row in rows(output, table.value) if "text" in row)
        shown = [path.name for path in (output / table.value).iterdir() if not path.name.startswith(".")]
        assert all(name.endswith(".parquet") for name in shown)
    [killed] = records(output)
    assert (killed["ended_at"], killed["exit_code"]) == (None, None)

    run = beamscribe("run", "--input", folder / "in", "--output", output, *settings(serve()))
    assert run.code == 0, run.stderr
    for table in Table:
        keys = Counter(tuple(row[key] for key in KEY_COLUMNS[table]) for row in rows(output, table.value))
        assert set(keys.values()) <= {1}
        assert [path.name for path in (output / table.value).iterdir() if path.name.startswith(".")] == []
    assert len(rows(output, "segments")) == len(rows(output, "transcripts")) == 40
    assert [record["exit_code"] for record in records(output)] == [None, 0]


def test_a_run_over_other_recordings_leaves_one_row_for_what_a_killed_run_wrote_twice(serve, folder):
    output = folder / "out"
    run = beamscribe("run", "--input", folder / "in", "--output", output, *settings(serve()))
    assert run.code == 0
    # Changed settings make the killed run write new rows beside the old ones.
    kill_in_mid_run(folder, serve, filter_modal=1, engine="16k_zh")
    some_wavs(folder / "more", 1)
    assert beamscribe("run", "--input", folder / "more", "--output", output, *settings(serve())).code == 0
    keys = Counter(tuple(row[key] for key in KEY_COLUMNS[Table.SEGMENTS]) for row in rows(output, "segments"))
    assert len(keys) == 41
    assert [key for key, count in keys.items() if count > 1] == []


def test_what_two_killed_worker_processes_wrote_is_readable(serve, folder):
    kill_in_mid_run(folder, serve, "--direct_num_workers=2", "--direct_running_mode=multi_processing")
    assert 0 < len(rows(folder / "out", "segments")) < 40
