"""The things that grow with a corpus, each made as large as it would be and used by itself.

Each runs in a process of its own, so that its memory is its own. Nothing here is
computed from a smaller size.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import apache_beam as beam
import numpy as np
import pyarrow.dataset as ds

from benchmarks.processes import tree_memory
from benchmarks.scale.corpus import ANSWERED
from benchmarks.scale.simulation import QUOTA_PER_SECOND, RUN_ID, address_of
from transforms.answer_entry import Answered, encode
from transforms.answer_index import LogIndex, Run, merged
from transforms.answer_log import HEADER, new_name, save_index
from transforms.answer_store import AnswerStore
from transforms.find import FindRecordings
from transforms.folders import dataset_folder
from transforms.framing import frame
from transforms.known import Known, writing_known
from transforms.listing import Sources
from transforms.local_logs import LocalLogs
from transforms.pace import PacePolicy
from transforms.part_rows import TableParts
from transforms.parts import Part, Rolling, create_dataset, newest_parts, parquet_bytes
from transforms.records import Recording
from transforms.schemas import Table, schema_of

SEGMENTS_EACH = 6
"""Of a recording."""

_LOOKUPS = 2000
_LINKS = 20_000  # of a file; file systems allow no more than 65,000


@dataclass(frozen=True, slots=True)
class Figure:
    """What one thing took.

    Attributes:
        name: of what was done.
        cpu_seconds: for all of it.
        peak_bytes: memory at most, beyond what the process held before.
        of: so many, for the time of each.
    """

    name: str
    cpu_seconds: float
    peak_bytes: int
    of: int = 1


def part_seconds() -> float:
    """How long the rows of a part are collected at most."""
    return Rolling().max_seconds


def hours(segments: int) -> float:
    """Hours of a run at the quota: computed."""
    return segments / PacePolicy(QUOTA_PER_SECOND).full_rate / 3600


def part_files(segments: int) -> int:
    """Parts of ``segments/`` that one worker writes in that time: computed."""
    return max(1, round(hours(segments) * 3600 / part_seconds()))


def record(segments: int, folder: Path) -> Iterator[Figure]:
    """Open the record with so many entries, look things up, take as many again by half.

    Its index is real and full; of its log only the first and the last frame are there, with a
    hole between them where hundreds of gigabytes would be. A random key leads to the hole,
    as one leads to an entry, for a disk reads no hole.
    """
    log = folder / new_name([], 0)
    entry = frame(encode(Answered(bytes(32), ANSWERED, 1, 0)))
    with measured("save the index") as saving:
        places = np.arange(segments, dtype=np.uint64) * np.uint64(len(entry)) + np.uint64(len(HEADER))
        run = Run(np.sort(_random(segments)), places | np.uint64(1 << 63))
        end = int(places[-1]) + len(entry) if segments else len(HEADER)
        with log.open("wb") as file:
            file.write(HEADER)
            file.seek(end - len(entry))
            file.write(entry)
        save_index(LocalLogs(folder), log.name, LogIndex(run, end))
    yield saving()
    del run, places


def opened(segments: int, folder: Path) -> Iterator[Figure]:
    """Open such a record."""
    store = AnswerStore(LocalLogs(folder))
    with measured("open the record") as opening:
        store.find(bytes(32))
    yield opening()
    keys = [os.urandom(32) for _ in range(_LOOKUPS)]
    with measured("look up", _LOOKUPS) as looking:
        for key in keys:
            store.find(key)
    yield looking()
    store.close()


def merging(segments: int, _: Path) -> Iterator[Figure]:
    """The longest time that the index keeps others waiting: a third of it comes in anew."""
    old, new = segments * 2 // 3, segments // 3
    runs = [Run(np.sort(_random(count)), np.arange(count, dtype=np.uint64)) for count in (old, new)]
    with measured("longest merge of the index") as merge:
        merged(runs)
    yield merge()


def known(segments: int, folder: Path) -> Iterator[Figure]:
    """What the next run knows to be finished: two digests for each recording."""
    digests = 2 * segments // SEGMENTS_EACH
    with measured("write what is finished", digests) as writing, writing_known(folder / "known") as take:
        for first in range(0, digests, 10_000):
            block = os.urandom(16 * min(10_000, digests - first))
            for start in range(0, len(block), 16):
                take(block[start : start + 16])
    yield writing()
    with measured("open it") as opening:
        found = Known(folder / "known")
    yield opening()
    with measured("ask it", _LOOKUPS) as asking:
        assert sum(os.urandom(16) in found for _ in range(_LOOKUPS)) == 0, "chance finds nothing"
    yield asking()


def settling(segments: int, folder: Path) -> Iterator[Figure]:
    """What `settle` keeps in memory: a hash of each row, looked through for repeated ones, and addresses."""
    with measured("hashes and addresses of settle") as held:
        addresses = {os.urandom(16) for _ in range(segments // SEGMENTS_EACH)}
        hashes = _random(segments)
        hashes.sort()
        segments_folder = dataset_folder(str(folder), Table.SEGMENTS.value)
        TableParts(segments_folder, Table.SEGMENTS, [], []).repeated_rows(hashes)
        assert len(addresses) <= segments, "they were held until here"
    yield held()


def files(segments: int, folder: Path) -> Iterator[Figure]:
    """So many parts in a folder: a few files of one row, each under many names."""
    create_dataset(str(folder))
    parts = dataset_folder(str(folder), Table.SEGMENTS.value)
    schema = schema_of(Table.SEGMENTS)
    row = {column.name: [_filler(column)] for column in schema}
    data = parquet_bytes(schema.empty_table().from_pydict(row, schema=schema))
    there = folder / Table.SEGMENTS.value
    count = part_files(segments)
    for number in range(count):
        name = Part(RUN_ID, f"{number:032x}").name
        if number % _LINKS == 0:
            one = there / name
            one.write_bytes(data)
        else:
            os.link(one, there / name)
    with measured("list the parts", count) as listing:
        assert len(newest_parts(parts.names())) == count, "every part is found"
    yield listing()
    with measured("count their rows with pyarrow", count) as counting:
        assert ds.dataset(there, format="parquet").count_rows() == count, "every row is found"
    yield counting()


def crossing(segments: int, folder: Path) -> Iterator[Figure]:
    """Recordings of a manifest cross the shuffle of Beam's runner in memory, with nothing behind it."""
    recordings = segments // SEGMENTS_EACH
    manifest = folder / "manifest.csv"
    with manifest.open("w", encoding="utf-8") as file:
        file.write("audio\n")
        file.writelines(f"{address_of(number)}\n" for number in range(recordings))
    with (
        measured("addresses in FnApiRunner", recordings) as crossed,
        beam.Pipeline("FnApiRunner") as pipeline,
    ):
        found = pipeline | FindRecordings(Sources(manifests=(str(manifest),)))
        _ = found | "Forget" >> beam.Filter(_nothing)
    yield crossed()


def _nothing(_: Recording) -> bool:
    return False


PARTS: dict[str, Callable[[int, Path], Iterator[Figure]]] = {
    "record": record,
    "opened": opened,
    "merging": merging,
    "known": known,
    "settling": settling,
    "files": files,
    "crossing": crossing,
}


@contextmanager
def measured(name: str, of: int = 1) -> Iterator[Callable[[], Figure]]:
    """Gives a function that tells, once this is left, what was used inside."""
    _forget_peak()
    held, begun = tree_memory(os.getpid()).rss_bytes, time.process_time()
    told: list[Figure] = []
    yield lambda: told[0]
    seconds = time.process_time() - begun
    peak_bytes = max(0, tree_memory(os.getpid()).high_water_bytes - held)
    told.append(Figure(name, seconds, peak_bytes, of))


@contextmanager
def temporary_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="beamscribe-scale-") as folder:
        yield Path(folder)


def _forget_peak() -> None:
    """The kernel's peak of this process begins anew (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")


def _random(count: int) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    return np.random.default_rng(count).integers(0, 2**64, count, dtype=np.uint64)


def _filler(column: object) -> object:
    kind = str(getattr(column, "type", ""))
    if getattr(column, "nullable", False):
        return None
    if kind.startswith("list"):
        return []
    return "x" if kind == "string" else 0
