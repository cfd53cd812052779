"""Which recordings an output holds already: read from its own rows.

The rows are the only catalogue, so that it cannot disagree with them. A recording
is finished when a run that ended has written its transcript and nothing of it is
worth trying again; a row of a killed run proves nothing, for its other rows may be
missing.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from pipeline.outcome import ExitCode
from pipeline.run_record import record_text
from transforms import codes
from transforms.addresses import parse_crc32c
from transforms.folders import OutputError, dataset_folder
from transforms.known import recording_digest
from transforms.parts import Part, reading
from transforms.records import Mark, Status
from transforms.schemas import Table
from transforms.settle import settle
from transforms.stopping import OUTPUT_FAILED

RetryFailed = Literal["passing", "all"]

RunJson = dict[str, Any]
"""What a file of ``runs/`` holds: JSON that older releases may have written."""

_ROWS = 8192
_RUN_FILE = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}\.json")
_IDENTITY = ("audio_uri", "audio_crc32c", "size_bytes", "modified", "settings")


@dataclass(slots=True)
class _Failures:
    """What one run found to fail of one address.

    Attributes:
        try_again: some of it may succeed now.
        segments: how many segments failed for good.
        whole: identities of recordings that failed for good as a whole.
    """

    try_again: bool = False
    segments: int = 0
    whole: list[tuple[Mark, str, int | None]] = field(default_factory=list)


def finished_recordings(
    output: str, retry_failed: RetryFailed, records: Sequence[RunJson] | None = None
) -> Iterator[tuple[bytes, bool]]:
    """Digests (`known.recording_digest`) of what needs no reading, and whether something of it failed.

    A transcript is finished together with the failures of the run that wrote it. A
    failure that another run met at the address is one of other bytes or options, or of
    the surroundings: the recording is read again, which costs no call and mends the rows.

    Args:
        output: OUTPUT, with its folders made.
        retry_failed: "passing" to try again what failed for a passing reason, "all" for
            everything that failed.
        records: of the runs of the output, where they have been read already.
    """
    records = run_records(output) if records is None else records
    ended = ended_among(records)
    failed = _failures(output, ended, retry_failed)
    runs_of: dict[str, set[str]] = defaultdict(set)
    for uri, run_id in failed:
        runs_of[uri].add(run_id)
    missing: dict[tuple[str, str], int] = defaultdict(int)
    columns = (*_IDENTITY, "failed_segments", "status", "run_id")
    for row in _rows(output, Table.TRANSCRIPTS, columns, ended):
        if row["status"] == Status.PARTIAL.value:
            missing[row["audio_uri"], row["run_id"]] += row["failed_segments"]
    nothing = _Failures()
    transcribed = set()
    lacking = {record["run_id"] for record in records if may_lack_channels(record)}
    for row in _rows(output, Table.TRANSCRIPTS, columns, ended - lacking):
        uri, run_id = row["audio_uri"], row["run_id"]
        found = failed.get((uri, run_id), nothing)
        settled = not found.try_again and missing.get((uri, run_id), 0) == found.segments
        if uri in runs_of:
            transcribed.add(uri)
        if settled and runs_of.get(uri, {run_id}) == {run_id} and row["size_bytes"] is not None:
            for digest in _digests(*_identity(row)):
                yield digest, uri in runs_of
    for (uri, _), found in failed.items():
        if uri not in transcribed and not found.try_again:
            for mark, settings, crc32c in found.whole:
                for digest in _digests(uri, mark, settings, crc32c):
                    yield digest, True


def _failures(output: str, ended: set[str], retry_failed: RetryFailed) -> dict[tuple[str, str], _Failures]:
    """By address and run."""
    failed: dict[tuple[str, str], _Failures] = defaultdict(_Failures)
    columns = (*_IDENTITY, "segment_index", "retryable", "code", "run_id")
    for row in _rows(output, Table.FAILURES, columns, ended):
        found = failed[row["audio_uri"], row["run_id"]]
        if row["retryable"] or retry_failed == "all":
            found.try_again = True
        elif row["segment_index"] is not None:
            found.segments += 1
        elif row["code"] in codes.FOLLOW_FROM_BYTES and row["size_bytes"] is not None:
            found.whole.append(_identity(row)[1:])
    return failed


def _identity(row: dict[str, Any]) -> tuple[str, Mark, str, int | None]:
    crc32c = None if row["audio_crc32c"] is None else parse_crc32c(row["audio_crc32c"])
    return row["audio_uri"], Mark(row["size_bytes"], row["modified"]), row["settings"], crc32c


def _digests(uri: str, mark: Mark, settings: str, crc32c: int | None) -> Iterator[bytes]:
    yield recording_digest(uri, mark, settings)
    if crc32c is not None:
        yield recording_digest(uri, mark, settings, crc32c)


def _rows(output: str, table: Table, columns: Sequence[str], ended: set[str]) -> Iterator[dict[str, Any]]:
    folder = dataset_folder(output, table.value)
    for name in folder.names():
        part = Part.of_name(name)
        if part is None or part.run_id not in ended:
            continue
        with reading(folder, part) as file:
            for batch in file.iter_batches(batch_size=_ROWS, columns=list(columns)):
                yield from batch.to_pylist()


def ended_runs(output: str) -> set[str]:
    """`ended_among` the runs of an output."""
    return ended_among(run_records(output))


def ended_among(records: Iterable[Mapping[str, Any]]) -> set[str]:
    """Runs that came to their end, whatever their exit code, and so settled their rows.

    A run that broke, or whose output failed, is none of them: rows of it may be missing.
    """
    return {
        record["run_id"]
        for record in records
        if record["ended_at"] is not None
        and record["files"] is not None
        and not (record["stopped"] or "").startswith(f"{OUTPUT_FAILED}:")
    }


def has_split(record: Mapping[str, Any]) -> bool:
    """Whether a run transcribed each channel for itself."""
    return bool(record["configuration"].get("audio", {}).get("channels") == "split")


def may_lack_channels(record: Mapping[str, Any]) -> bool:
    """Whether a run was stopped that split channels: of one that it never called for it wrote nothing."""
    return has_split(record) and record["exit_code"] == ExitCode.STOPPED


def continues_the_last(records: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the newest run, the last, did not come to a good end, so that the next one continues it."""
    return bool(records) and records[-1]["exit_code"] not in (ExitCode.DONE, ExitCode.SOME_FAILED)


def finish_settling(output: str, now: datetime) -> list[RunJson]:
    """Finish for runs that were killed while their rows replaced older ones.

    All their rows are written, and some of the rows that they replace are gone: without
    this a recording could be left with half of each.

    Args:
        output: OUTPUT, with its folders made; nobody else may write to it meanwhile.
        now: when they have ended, then.

    Returns:
        The records of all runs as they are now, oldest first.

    Raises:
        OutputError: a part could not be read or written.
    """
    records = run_records(output)
    for place, record in enumerate(records):
        if record["ended_at"] is None and record["exit_code"] is not None:
            settle(output, record["run_id"], ended_among(records))
            records[place] = finished = {**record, "ended_at": now.isoformat()}
            text = record_text(finished)
            dataset_folder(output, "runs").put(f"{record['run_id']}.json", text.encode("utf-8"))
    return records


def is_run_file(name: str) -> bool:
    """Whether a file of ``runs/`` has a name that runs give to their records."""
    return _RUN_FILE.fullmatch(name) is not None


def run_records(output: str) -> list[RunJson]:
    """What ``runs/`` holds, oldest first; files that are no records of runs are passed over."""
    folder = dataset_folder(output, "runs")
    found = []
    for name in sorted(folder.names()):
        if not name.endswith(".json"):
            continue
        with folder.open(name) as file:
            try:
                record = json.load(file)
            except ValueError as error:
                if not is_run_file(name):
                    continue
                raise OutputError(
                    f"runs/{name}: cannot read what this run did ({error}). If the file is damaged, move it "
                    "away and run the command again: its recordings are read again, not called for."
                ) from error
        if isinstance(record, dict) and f"{record.get('run_id')}.json" == name:
            found.append(record)
    return found
