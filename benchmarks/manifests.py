"""How fast long manifests are checked and listed, and whether memory grows with their rows.

CSV, JSONL and Parquet of 100,000 and a million rows (ten million with ``--rows``), each
row with an id and a language. Every measurement is a process of its own; times are CPU, so
that a busy machine matters less. The reference is reading all rows with Python's csv or
json, or with pyarrow, and nothing more. The addresses are URIs, so that no disk is asked.

    python -m benchmarks.manifests [--quick] [--rows 10000000] [--forms parquet]
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.processes import tree_memory
from benchmarks.tables import mebibytes, show, times
from transforms.listing import Sources, check_sources, list_recordings

COLUMNS = ("audio", "id", "language")
FORMS = ("csv", "jsonl", "parquet")
_GROUP_ROWS = 2**20  # of a row group, as pyarrow and pandas write them


@dataclass(frozen=True, slots=True)
class Figures:
    """What one process measured.

    Attributes:
        plain_seconds: CPU of reading the rows, the reference.
        check_seconds: CPU of `check_sources`.
        list_seconds: CPU of `list_recordings`; None where it was left out.
        peak_bytes: the most memory it held until the end of the listing.
    """

    plain_seconds: float
    check_seconds: float
    list_seconds: float | None
    peak_bytes: int


def make_manifest(path: Path, rows: int) -> None:
    """A manifest in the form that the ending of its name says."""
    with (
        path.open("w", encoding="utf-8", newline="") if path.suffix != ".parquet" else path.open("wb") as file
    ):
        if path.suffix == ".csv":
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows(_rows(0, rows))
        elif path.suffix == ".jsonl":
            for row in _rows(0, rows):
                file.write(json.dumps(dict(zip(COLUMNS, row, strict=True))) + "\n")
        else:
            schema = pa.schema([(column, pa.string()) for column in COLUMNS])
            with pq.ParquetWriter(file, schema) as parquet:
                for first in range(0, rows, _GROUP_ROWS):
                    columns = zip(*_rows(first, min(rows, first + _GROUP_ROWS)), strict=True)
                    parquet.write_table(pa.table([pa.array(column) for column in columns], schema=schema))


def measure(manifest: Path, *, check_only: bool) -> Figures:
    """Check and list a manifest in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.manifests", "--one", str(manifest)]
    command += ["--check-only"] if check_only else []
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return Figures(*json.loads(said))


def main(arguments: Sequence[str] | None = None) -> None:
    """``python -m benchmarks.manifests``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="1,000 and 10,000 rows")
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000], metavar="N")
    parser.add_argument("--forms", nargs="+", choices=FORMS, default=FORMS)
    parser.add_argument("--check-only", action="store_true", help="do not list them")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.one is not None:
        _measure_here(given.one, check_only=given.check_only)
        return
    sizes = (1_000, 10_000) if given.quick else given.rows
    show(
        "Manifests; thousands of rows in a second of CPU, each size beside the smallest of its form",
        ("", "plain reading", "check", "of plain", "list", "peak memory", "of smallest"),
        (row for form in given.forms for row in _rows_of_form(form, sizes, check_only=given.check_only)),
    )


def _rows_of_form(form: str, sizes: Sequence[int], *, check_only: bool) -> Iterator[tuple[str, ...]]:
    smallest = 0
    for rows in sizes:
        with tempfile.TemporaryDirectory() as folder:
            make_manifest(Path(folder, f"manifest.{form}"), rows)
            found = measure(Path(folder, f"manifest.{form}"), check_only=check_only)
        smallest = smallest or found.peak_bytes
        yield (
            f"{form}, {rows:,} rows{' (reference)' if smallest == found.peak_bytes else ''}",
            *(f"{rows / seconds / 1000:.0f}" for seconds in (found.plain_seconds, found.check_seconds)),
            times(found.check_seconds / found.plain_seconds),
            f"{rows / found.list_seconds / 1000:.0f}" if found.list_seconds else "",
            mebibytes(found.peak_bytes),
            f"{found.peak_bytes / smallest:.2f}",
        )


def _rows(first: int, behind: int) -> Iterator[tuple[str, str, str]]:
    return (
        (f"s3://bucket/calls/{n // 1000:06}/{n:010}.wav", f"call-{n:010}", "en") for n in range(first, behind)
    )


def _measure_here(manifest: Path, *, check_only: bool) -> None:
    sources = Sources(manifests=(str(manifest),))
    check = _cpu_seconds(lambda: check_sources(sources))
    listing = None
    if not check_only:
        listing = _cpu_seconds(lambda: _exhaust(list_recordings(sources, on_other=lambda _: None)))
    peak_bytes = tree_memory(os.getpid()).high_water_bytes
    print(json.dumps([_cpu_seconds(lambda: _read_plainly(manifest)), check, listing, peak_bytes]))


def _cpu_seconds(work: Callable[[], None]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def _read_plainly(manifest: Path) -> None:
    if manifest.suffix == ".parquet":
        for batch in pq.ParquetFile(manifest).iter_batches(batch_size=4096):
            _exhaust(zip(*(column.to_pylist() for column in batch.columns), strict=True))
        return
    with manifest.open(encoding="utf-8", newline="") as file:
        _exhaust(csv.reader(file) if manifest.suffix == ".csv" else map(json.loads, file))


def _exhaust(things: Iterable[object]) -> None:
    deque(things, maxlen=0)


if __name__ == "__main__":
    main()
