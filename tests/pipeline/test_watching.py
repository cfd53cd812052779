from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.config import Config
from pipeline.config_load import load_prices
from pipeline.progress import Course, Progress
from pipeline.run_record import RunRecord
from pipeline.timeline import Timeline
from pipeline.watching import Watch
from transforms.folders import OutputError
from transforms.meter_files import FailureNote, borrowed_meter, give_back_meter, watch_meters
from transforms.reading import Reading
from transforms.records import Failure, Stage
from transforms.stopping import StopReason, StopSignal


class Told:
    """A watcher that remembers."""

    wants_failures = True

    def __init__(self) -> None:
        self.calls: list[int] = []
        self.codes: list[str] = []
        self.reasons: list[str] = []

    def started(self, record: RunRecord, output: str, config: Config) -> None:
        pytest.fail("the job says that, not the watch")

    def ended(self, record: RunRecord) -> None:
        pytest.fail("the job says that, not the watch")

    def progress(self, progress: Progress) -> None:
        self.calls.append(progress.counts.calls)

    def failed(self, note: FailureNote) -> None:
        self.codes.append(note.code)

    def stopping(self, reason: StopReason) -> None:
        self.reasons.append(reason.code)


def watch_of(folder: Path, told: Told, save=lambda timeline: None, save_seconds=30.0) -> Watch:
    course = Course("2026-01-01T00:00:00+00:00", 0.0, 25.0, load_prices())
    return Watch(folder, course, StopSignal(folder), told, save=save, save_seconds=save_seconds)


def test_all_that_was_counted_is_told_and_saved_at_the_end(tmp_path):
    told, saved = Told(), list[Timeline]()
    with watch_of(tmp_path, told, save=saved.append) as watch:
        file = borrowed_meter(tmp_path)
        file.meter.add(Reading(calls=5))
        file.failed(Failure("/a.wav", Stage.DECODE, "NotAudio", "why", retryable=False))
        give_back_meter(file)
    assert (told.calls[-1], told.codes) == (5, ["NotAudio"])
    assert saved[-1].totals.calls == watch.timeline().totals.calls == 5


def test_the_timeline_is_saved_while_the_run_goes_on(tmp_path):
    saved: list[Timeline] = []
    watch = watch_of(tmp_path, Told(), save=saved.append, save_seconds=0.0)
    watch_meters(tmp_path, each_failure=False)
    watch.look()
    file = borrowed_meter(tmp_path)
    file.meter.add(Reading(calls=5))
    file.write()
    watch.look()
    give_back_meter(file)
    assert [each.totals.calls for each in saved] == [0, 5]


def test_the_reason_to_stop_is_told_once(tmp_path):
    told = Told()
    watch = watch_of(tmp_path, told)
    watch.look()
    StopSignal(tmp_path).stop(StopReason("Interrupted", "told to"))
    watch.look()
    watch.look()
    assert told.reasons == ["Interrupted"]


def full(timeline: Timeline) -> None:
    raise OutputError("the disk is full")


def test_a_full_disk_ends_nothing(tmp_path):
    told = Told()
    watch = watch_of(tmp_path, told, save=full, save_seconds=0.0)
    watch.look()
    watch.look()
    assert told.calls == [0, 0]


@pytest.mark.parametrize("wants", [True, False])
def test_failures_are_asked_for_only_where_somebody_wants_each(wants, tmp_path):
    told = Told()
    told.wants_failures = wants
    with watch_of(tmp_path, told):
        file = borrowed_meter(tmp_path)
        file.failed(Failure("/a.wav", Stage.DECODE, "NotAudio", "why", retryable=False))
        give_back_meter(file)
    assert told.codes == ["NotAudio"] * wants
