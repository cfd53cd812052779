"""Long recordings on many workers: heard chapter by chapter, cut as a whole, taken chapter by chapter.

One recording of hours would keep one worker busy while the others wait. Here its chapters are
worked by all: first each is listened to, which is most of the work; a planner then sees the
frames of them all, so the cuts are those of one piece; and the sound of each chapter's segments
is decoded where their calls are made. Frames and cuts cross the shuffles, audio does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue

from transforms.answer_book import AnswerBook, borrowed_book, give_back
from transforms.beam_counts import count
from transforms.chapter_choice import LongRecording, long_recording_of, may_be_long
from transforms.chapter_plan import PlannedChapter, RecordingPlan
from transforms.chapter_work import ChapterHeard
from transforms.checksum import Checked
from transforms.crew import CrewFn, Output
from transforms.cut_settings import CutSettings
from transforms.cutter import OnePiece, RecordingCutter
from transforms.meter import Doing
from transforms.meter_files import borrowed_meter, give_back_meter
from transforms.reading import Reading
from transforms.records import Extent, Failure, Recording
from transforms.stopping import StopSignal
from transforms.typed import TypedTransform

CHAPTERS = "chapters"
EXTENTS = "extents"
FAILURES = "failures"

# A store takes some tens of milliseconds for each.
_HEADERS_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class ChapterPolicy:
    """Which recordings are worked in chapters.

    Attributes:
        above_seconds: those that are longer.
        fewer_than: as long as there are fewer of them; more fill all workers by themselves, and
            calls need not wait for chapters.
    """

    above_seconds: float
    fewer_than: int


@dataclass(frozen=True, slots=True)
class ChapterToHear:
    """A chapter that is to be listened to; ``number`` is None for the bytes, to be checksummed."""

    long: LongRecording
    number: int | None


@dataclass(frozen=True, slots=True)
class ChapterFound:
    """What came of it: a failure, or None where the run was stopped."""

    long: LongRecording
    number: int | None
    found: ChapterHeard | Checked | Failure | None


class ToldApart(NamedTuple):
    """What `TellLongOnes` puts out."""

    others: beam.PCollection[Recording]
    chapters: beam.PCollection[ChapterToHear]


@beam.typehints.with_input_types(Recording)
class TellLongOnes(TypedTransform):
    """Part long recordings into their chapters: ``PCollection[Recording] -> ToldApart``.

    Args:
        settings: how they will be cut.
        policy: which are long.
    """

    advice = "TellLongOnes takes Recording, as FindRecordings makes them."

    def __init__(self, settings: CutSettings, policy: ChapterPolicy) -> None:
        super().__init__()
        self._tell = TellLongOnesFn(settings, policy)

    def expand(self, recordings: beam.PCollection[Recording]) -> ToldApart:
        """Wire it."""
        step = beam.ParDo(self._tell).with_output_types(Recording, **{CHAPTERS: ChapterToHear})
        told = recordings | "Look at headers" >> step.with_outputs(CHAPTERS, main="others")
        return ToldApart(told.others, told[CHAPTERS])


class TellLongOnesFn(CrewFn[Recording, tuple[Recording, LongRecording | None]]):
    """Looks at headers, and holds long recordings till all are known; see `TellLongOnes`."""

    def __init__(self, settings: CutSettings, policy: ChapterPolicy) -> None:
        super().__init__(threads=_HEADERS_AT_ONCE, ahead=_HEADERS_AT_ONCE)
        self._settings = settings
        self._policy = policy

    def setup(self) -> None:
        """Open the stop signal and hire the crew."""
        super().setup()
        self._stop = StopSignal(self._settings.coordination)

    def start_bundle(self) -> None:
        """With none found."""
        self._long: list[LongRecording] = []
        self._are_many = False

    def process(
        self,
        element: Recording,
        timestamp: Any = beam.DoFn.TimestampParam,
        window: Any = beam.DoFn.WindowParam,
    ) -> Iterator[Any]:
        """Hand on what is not long, or one of too many; look at what may be long."""
        if self._are_many or not may_be_long(element, self._settings, self._policy.above_seconds):
            yield element
        else:
            yield from super().process(element, timestamp, window)

    def task(self, element: Recording) -> Callable[[], tuple[Recording, LongRecording | None]]:
        """Look at its header, unless that is of no use any more: a store that is away takes a minute."""

        def look() -> tuple[Recording, LongRecording | None]:
            if self._are_many or self._stop.reason() is not None:
                return element, None
            return element, long_recording_of(element, self._settings, self._policy.above_seconds)

        return look

    def outputs(self, result: tuple[Recording, LongRecording | None]) -> Iterator[Output]:
        """A recording that is not long; all that were found when there are too many."""
        recording, long = result
        if long is None or self._are_many:
            yield Output(recording)
            return
        self._long.append(long)
        if len(self._long) >= self._policy.fewer_than:
            self._are_many = True
            yield from (Output(each.recording) for each in self._long)
            self._long = []

    def finish_bundle(self) -> Iterator[Any]:
        """The chapters of those that were found."""
        yield from super().finish_bundle()
        for long in self._long:
            for number in (None, *range(long.chapters.count)):
                value = WindowedValue(
                    ChapterToHear(long, number), GlobalWindow().max_timestamp(), (GlobalWindow(),)
                )
                yield beam.pvalue.TaggedOutput(CHAPTERS, value)


class ListenFn(CrewFn[ChapterToHear, tuple[ChapterFound, Reading]]):
    """Listens to chapters on threads of its own, each with a decode process."""

    def __init__(self, settings: CutSettings) -> None:
        super().__init__(threads=settings.threads, ahead=settings.threads)
        self._settings = settings

    def setup(self) -> None:
        """Open the stop signal and hire the crew."""
        super().setup()
        self._meter = borrowed_meter(self._settings.coordination)
        self._cutter = RecordingCutter(self._settings, StopSignal(self._settings.coordination), None)

    def teardown(self) -> None:
        """Dismiss the crew, end its processes."""
        super().teardown()
        give_back_meter(self._meter)
        self._cutter.close()

    def task(self, element: ChapterToHear) -> Callable[[], tuple[ChapterFound, Reading]]:
        """Listen to it, or checksum the bytes."""
        return partial(self._found, element)

    def outputs(self, result: tuple[ChapterFound, Reading]) -> Iterator[Output]:
        """What was found, by recording."""
        found, counts = result
        count(counts)
        yield Output((found.long.recording, found))

    def _found(self, element: ChapterToHear) -> tuple[ChapterFound, Reading]:
        with self._meter.meter.span(Doing.DECODING) as span:
            if element.number is None:
                value: ChapterHeard | Checked | Failure | None = self._cutter.check(element.long)
            else:
                value = self._cutter.listen(element.long, element.number)
        counts = Reading(chapters_heard=isinstance(value, ChapterHeard))
        self._meter.meter.add(counts)
        found = ChapterFound(element.long, element.number, value)
        return found, counts + Reading(decode_ms=round(span.seconds * 1000))


class PlannedRecordings(NamedTuple):
    """What `PlanLongOnes` puts out; ``work`` is chapters, and recordings that need one piece."""

    work: beam.PCollection[PlannedChapter | Recording]
    extents: beam.PCollection[Extent]
    failures: beam.PCollection[Failure]


@beam.typehints.with_input_types(ChapterToHear)
class PlanLongOnes(TypedTransform):
    """Listen to all chapters and cut each recording as a whole: ``PCollection[ChapterToHear] -> ...``.

    Args:
        settings: how.
    """

    advice = "PlanLongOnes takes the chapters of TellLongOnes."

    def __init__(self, settings: CutSettings) -> None:
        super().__init__()
        self._settings = settings

    def expand(self, chapters: beam.PCollection[ChapterToHear]) -> PlannedRecordings:
        """Wire it."""
        listen = beam.ParDo(ListenFn(self._settings)).with_output_types(tuple[Recording, ChapterFound])
        plan = beam.ParDo(_PlanFn(self._settings)).with_output_types(
            PlannedChapter | Recording, **{EXTENTS: Extent, FAILURES: Failure}
        )
        planned = (
            chapters
            | "Spread chapters" >> beam.Reshuffle().with_output_types(ChapterToHear)
            | "Listen" >> listen
            | "By recording" >> beam.GroupByKey()
            | "Cut as a whole" >> plan.with_outputs(EXTENTS, FAILURES, main="work")
        )
        return PlannedRecordings(planned.work, planned[EXTENTS], planned[FAILURES])


class _PlanFn(beam.DoFn):
    """Cuts a recording of which all chapters were heard."""

    def __init__(self, settings: CutSettings) -> None:
        self._settings = settings

    def setup(self) -> None:
        settings = self._settings
        self._meter = borrowed_meter(settings.coordination)
        self._book: AnswerBook | None = None
        if settings.state is not None:
            self._book = borrowed_book(settings.state, settings.coordination)
        record = None if self._book is None else self._book.record
        self._cutter = RecordingCutter(settings, StopSignal(settings.coordination), record)

    def teardown(self) -> None:
        give_back_meter(self._meter)
        self._cutter.close()
        if self._book is not None:
            give_back(self._book)

    def process(self, element: tuple[Recording, Iterable[ChapterFound]]) -> Iterator[Any]:
        recording, values = element
        # A runner may have repeated a chapter.
        found = {each.number: each for each in values}
        planned = self._planned(found)
        counts = Reading()
        if planned is None:
            counts = Reading(recordings_not_started=1)
        elif isinstance(planned, Failure):
            counts = Reading(recordings_done=1, recordings_failed=1, failures={planned.code: 1})
            self._meter.failed(planned)
            yield beam.pvalue.TaggedOutput(FAILURES, planned)
        elif isinstance(planned, RecordingPlan):
            counts = _counts_of(planned)
            yield from planned.chapters
            for extent in planned.extents:
                yield beam.pvalue.TaggedOutput(EXTENTS, extent)
        else:
            yield recording
        self._meter.meter.add(counts)
        count(counts)

    def _planned(
        self, values: Mapping[int | None, ChapterFound]
    ) -> RecordingPlan | OnePiece | Failure | None:
        found = [each.found for each in values.values()]
        if None in found:
            return None
        checked = [each for each in found if isinstance(each, Checked)]
        heard = [each for each in found if isinstance(each, ChapterHeard)]
        if not checked:
            return OnePiece()
        long = next(iter(values.values())).long
        return self._cutter.plan(long, checked[0], sorted(heard, key=attrgetter("number")))


def _counts_of(plan: RecordingPlan) -> Reading:
    """What a recording adds to the counts of the run when it is cut."""
    return Reading(
        recordings_read=1,
        recordings_done=not plan.chapters,
        segments_cut=sum(extent.segments for extent in plan.extents),
        audio_ms=sum(extent.duration_samples * 1000 // extent.sample_rate for extent in plan.extents),
        speech_ms=sum(extent.speech_samples * 1000 // extent.sample_rate for extent in plan.extents),
    )
