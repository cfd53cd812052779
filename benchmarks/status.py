"""How long ``status`` takes: datasets of 10,000 and 100,000 recordings, settled and with a killed run.

Each recording has six segments of 40 words; two in a hundred have failed. The killed run
has written a hundredth of the rows anew, so that keys have to be compared. The reference
is reading the same columns with pyarrow into one table, and nothing more.

    python -m benchmarks.status [--quick]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds

from benchmarks.tables import mebibytes, show, times
from pipeline.config_load import load
from pipeline.run_record import RunCounts, RunRecord, write_record
from pipeline.standing_rows import COLUMNS
from transforms.folders import dataset_folder
from transforms.parts import Part, create_dataset, parquet_bytes
from transforms.schemas import Table, schema_of

ENDED, KILLED = "20260101T000000Z-00000000", "20260102T000000Z-00000000"
CHECKOUT = Path(__file__).resolve().parents[1]
SEGMENTS, WORDS, PART_ROWS = 6, 40, 4800
SEGMENT_MS = 12_000
SPOKEN = " ".join(f"word{place}" for place in range(WORDS))
STARTED_US = 1_767_225_600_000_000  # when the run that has ended began
FAILED_SHARE, KILLED_SHARE = 0.02, 0.01
# A small process starts it: the memory of whoever starts a process counts as its own at first.
_WATCH = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, end="")
sys.exit(code)
"""


def make_dataset(output: Path, recordings: int, *, killed: bool) -> None:
    """A dataset of so many recordings; ``killed`` adds rows of a run that never ended."""
    create_dataset(str(output))
    _write_rows(output, ENDED, recordings)
    done = RunRecord(ENDED, "2026-01-01T00:00:00+00:00", load(None).config.model_dump(mode="json"))
    counts = RunCounts(files=recordings, segments=recordings * SEGMENTS)
    ended = RunRecord(
        done.run_id, done.started_at, done.configuration, "2026-01-01T01:00:00+00:00", 3, counts, "0", "CNY"
    )
    write_record(str(output), ended)
    if killed:
        _write_rows(output, KILLED, max(1, round(recordings * KILLED_SHARE)))
        write_record(str(output), RunRecord(KILLED, "2026-01-02T00:00:00+00:00", done.configuration))


def _write_rows(output: Path, run_id: str, recordings: int) -> None:
    failed = max(1, round(recordings * FAILED_SHARE))
    numbers = np.arange(recordings)
    _write(output, Table.TRANSCRIPTS, run_id, numbers[failed:], 1)
    _write(output, Table.SEGMENTS, run_id, numbers[failed:], SEGMENTS)
    _write(output, Table.FAILURES, run_id, numbers[:failed], 1)


def _write(output: Path, table: Table, run_id: str, numbers: np.ndarray, rows_each: int) -> None:
    folder = dataset_folder(str(output), table.value)
    step = PART_ROWS // rows_each
    for first in range(0, len(numbers), step):
        rows = _rows(table, run_id, numbers[first : first + step], rows_each)
        folder.put(Part(run_id, uuid.uuid4().hex).name, parquet_bytes(rows))


def name_of(number: int) -> str:
    """The address of a recording of `make_dataset`."""
    return f"/srv/recordings/{number // 1000:04}/{number:07}.wav"


def _rows(table: Table, run_id: str, numbers: np.ndarray, rows_each: int) -> pa.Table:
    count = len(numbers) * rows_each
    starts_ms = np.tile(np.arange(rows_each) * SEGMENT_MS, len(numbers))
    names = [name_of(number) for number in numbers]
    texts = [f"{name}: cannot be decoded at {number} s. Try another." for number, name in enumerate(names)]
    given: dict[str, Any] = {
        "audio_uri": np.repeat(names, rows_each),
        "segment_index": None if table is Table.FAILURES else np.tile(np.arange(rows_each), len(numbers)),
        "modified": [str(number) for number in numbers],
        "message": texts,
        "start_ms": None if table is Table.FAILURES else starts_ms,
        "end_ms": None if table is Table.FAILURES else starts_ms + SEGMENT_MS,
        "duration_ms": [SEGMENTS * SEGMENT_MS] * count,
        "text": [SPOKEN if table is Table.SEGMENTS else " ".join([SPOKEN] * SEGMENTS)] * count,
        "recognized_at": STARTED_US + np.arange(count) * 40_000,
        "words": [_words(index) for index in range(rows_each)] * len(numbers),
        "segments": [SEGMENTS] * count,
        "retryable": [bool(number % 2) for number in numbers],
        "code": ["Damaged" if number % 3 else "InternalError" for number in numbers],
        "status": ["complete"] * count,
        "run_id": [run_id] * count,
        "settings": ["0123456789abcdef"] * count,
    }
    columns = []
    for column in schema_of(table):
        values = given.get(column.name)
        if values is None:
            filler = "x" if pa.types.is_string(column.type) else 0
            values = [None if column.nullable and column.name != "size_bytes" else filler] * count
        columns.append(pa.array(values, type=column.type))
    return pa.Table.from_arrays(columns, schema=schema_of(table))


def _words(segment: int) -> list[dict[str, object]]:
    each_ms = SEGMENT_MS // WORDS
    return [
        {
            "word": word,
            "start_ms": segment * SEGMENT_MS + place * each_ms,
            "end_ms": segment * SEGMENT_MS + (place + 1) * each_ms,
        }
        for place, word in enumerate(SPOKEN.split())
    ]


@dataclass(frozen=True, slots=True)
class Watched:
    """What a command printed, how long it took, and bytes of its memory at most."""

    printed: bytes
    seconds: float
    memory: int


def watched(*arguments: str) -> Watched:
    """Run a command of ``python -m pipeline`` to its end; 0 and 3 are good ones.

    Raises:
        subprocess.CalledProcessError: it ended otherwise.
    """
    command = [sys.executable, "-c", _WATCH, sys.executable, "-m", "pipeline", *arguments]
    begun = time.perf_counter()
    ran = subprocess.run(command, cwd=CHECKOUT, stdout=subprocess.PIPE, check=False)
    seconds = time.perf_counter() - begun
    if ran.returncode not in (0, 3):
        raise subprocess.CalledProcessError(ran.returncode, command)
    printed, _, memory = ran.stdout.rpartition(b"\n")
    return Watched(printed, seconds, int(memory) * (1 if sys.platform == "darwin" else 1024))


def status_figures(output: Path, recordings: int) -> tuple[float, float]:
    """Seconds of the whole command and bytes of its memory at most; checks what it counted."""
    ran = watched("status", str(output), "--json")
    found = json.loads(ran.printed)
    assert found["recordings"]["known"] == recordings, "every recording is counted once"
    answered = recordings - max(1, round(recordings * FAILED_SHARE))
    assert found["segments"]["answered"] >= answered * SEGMENTS, "every segment is counted"
    return ran.seconds, ran.memory


def reading_seconds(output: Path) -> float:
    """The reference: the same columns, read."""
    begun = time.perf_counter()
    for table in Table:
        ds.dataset(output / table.value, format="parquet").to_table(columns=list(COLUMNS[table]))
    return time.perf_counter() - begun


def main() -> None:
    """Print seconds and memory for each size."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--quick", action="store_true", help="300 and 3,000 recordings")
    sizes = (300, 3_000) if options.parse_args().quick else (10_000, 100_000)
    rows = []
    for recordings in sizes:
        for killed in (False, True):
            with tempfile.TemporaryDirectory() as folder:
                make_dataset(Path(folder), recordings, killed=killed)
                reference = reading_seconds(Path(folder))
                seconds, memory = status_figures(Path(folder), recordings)
            name = f"{recordings:,} recordings, {'a run killed' if killed else 'settled'}"
            cells = (f"{seconds:.2f}", f"{reference:.2f}", times(seconds / reference), mebibytes(memory))
            rows.append((name, *cells))
    show(
        "status, from its start to its exit",
        ("dataset", "status s", "reading alone (reference) s", "ratio", "memory"),
        rows,
    )


if __name__ == "__main__":
    main()
