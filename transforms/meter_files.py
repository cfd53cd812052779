"""The meters of a run's processes, in a folder: each writes its own file, the launcher adds up.

Who wants to watch makes the folder, by `watch_meters`; without it nobody writes. A file
is replaced whole about once a second and never synced: it is worth nothing after the run.
One that cannot be written is no failure.
"""

from __future__ import annotations

import json
import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from transforms.lending import Lending
from transforms.meter import Meter
from transforms.reading import MeterReading, as_fields, of_fields
from transforms.records import Failure
from transforms.shared_place import Coordination, host_folder

_FOLDER = "progress"
_FAILURES = "failures"
_WRITE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class FailureNote:
    """A recording or segment that has just failed; fields are the columns of ``failures``."""

    stage: str
    code: str
    audio_uri: str
    channel: int | None
    segment_index: int | None
    retryable: bool


class MeterFile:
    """A meter with the file that its process writes; made by `borrowed_meter`."""

    def __init__(self, coordination: Path | None) -> None:
        self.meter = Meter()
        self._begun_at, _ = self.meter.read()
        self._name = f"{os.getpid()}-{secrets.token_hex(4)}"
        folder = None if coordination is None else coordination / _FOLDER
        self._folder = folder if folder is not None and folder.is_dir() else None
        self._ended = threading.Event()
        self._writing = threading.Lock()
        if self._folder is not None:
            threading.Thread(target=self._keep_writing, name="progress", daemon=True).start()

    def failed(self, failure: Failure) -> None:
        """Note a failure for those who watch, if they want to know each."""
        if self._folder is None or not (self._folder / _FAILURES).is_dir():
            return
        note = FailureNote(
            failure.stage.value,
            failure.code,
            failure.audio_uri,
            failure.channel,
            failure.segment_index,
            failure.retryable,
        )
        line = json.dumps(astuple(note)).encode() + b"\n"
        with self._writing, suppress(OSError), (self._folder / _FAILURES / self._name).open("ab") as file:
            file.write(line)

    def write(self) -> None:
        """Put the counts where they can be seen, as they are now."""
        if self._folder is None:
            return
        temporary = self._folder / f".{self._name}"
        with self._writing, suppress(OSError):
            at, counts = self.meter.read()
            told = {"begun_at": self._begun_at, "at": at, "counts": as_fields(counts)}
            temporary.write_text(json.dumps(told), encoding="utf-8")
            temporary.replace(self._folder / f"{self._name}.json")

    def end(self) -> None:
        """Write for the last time."""
        self._ended.set()
        self.write()

    def _keep_writing(self) -> None:
        while not self._ended.wait(_WRITE_SECONDS):
            self.write()


def borrowed_meter(coordination: Coordination | None) -> MeterFile:
    """The meter of a run, the same for everybody in this process; see `give_back_meter`.

    Args:
        coordination: what the processes of the run share; None for a meter that nobody
            watches. Of another host than the command's nobody does.
    """
    if coordination is None:
        return MeterFile(None)
    folder = host_folder(coordination)
    return _meters.borrow(folder, lambda: MeterFile(folder))


def give_back_meter(meter: MeterFile) -> None:
    """Say that a borrowed meter is not needed any more; it is written, by the last one for good."""
    _meters.give_back(meter)
    meter.write()


_meters: Lending[Path, MeterFile] = Lending(MeterFile.end)


def watch_meters(coordination: Path, *, each_failure: bool) -> None:
    """Ask the processes of a run, before they start, to write what they count.

    Args:
        coordination: the folder that they share.
        each_failure: whether they note every failure too.

    Raises:
        OSError: the folder cannot be made.
    """
    (coordination / _FOLDER).mkdir(exist_ok=True)
    if each_failure:
        (coordination / _FOLDER / _FAILURES).mkdir(exist_ok=True)


def meter_readings(coordination: Path) -> Iterator[MeterReading]:
    """What each process of a run, those that have ended too, wrote last."""
    for path in sorted((coordination / _FOLDER).glob("*.json")):
        with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            counts = of_fields(told["counts"])
            yield MeterReading(path.stem, float(told["begun_at"]), float(told["at"]), counts)


class FailureNotes:
    """The failures that the processes of a run note, each handed on once, as they come."""

    def __init__(self, coordination: Path) -> None:
        self._folder = coordination / _FOLDER / _FAILURES
        self._read_bytes: dict[str, int] = {}

    def new(self) -> Iterator[FailureNote]:
        """What has been noted since the last time."""
        with suppress(OSError, ValueError):
            for path in sorted(self._folder.iterdir()):
                yield from self._new_of(path)

    def _new_of(self, path: Path) -> Iterator[FailureNote]:
        with path.open("rb") as file:
            file.seek(self._read_bytes.get(path.name, 0))
            while (line := file.readline()).endswith(b"\n"):
                self._read_bytes[path.name] = file.tell()
                yield FailureNote(*json.loads(line))
