"""``python -m pipeline plan``: what a run would do, short of a call.

Recordings are read, decoded and cut as a run does it, and the answers that are paid for are looked
up by the same keys. OUTPUT is only looked at: nothing is written, and no lock is taken.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.config import Config
from pipeline.config_load import load_prices
from pipeline.job import max_calls_of
from pipeline.job_settings import Places, cutting_of
from pipeline.outcome import ExitCode
from pipeline.payload_meter import PayloadMeter
from pipeline.plain import name_of, shown_address, shown_message
from pipeline.plan_contents import Contents
from pipeline.plan_counting import ContentsCounter
from pipeline.plan_facts import FailedCode, FailedRecording, Plan, Recordings, Sample
from pipeline.plan_outlook import Quota, budget_outlook, cost_of, duration_of
from pipeline.plan_output import Found, look_at
from pipeline.plan_reading import Corpus, Listing, Reader, Unit, UnitRead
from pipeline.plan_totals import SampleCount, Totals, WholeCount
from pipeline.runner import beam_options, share, workers_of
from pipeline.sampling import LEAST_SAMPLE, draw
from transforms.addresses import display_name, is_uri
from transforms.cut_settings import CutSettings
from transforms.cutter import RecordingCutter
from transforms.errors import UsageError
from transforms.fetch import ReadLimits, mark_of_url
from transforms.listing import Sources, check_sources
from transforms.pass_on import PassedOn
from transforms.records import Failure, Mark
from transforms.stopping import StopSignal

MOST_FAILED = 1000
"""Recordings that failed which are told one by one; by code all are counted."""


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """What the command line asks for.

    Attributes:
        output: of the run that is planned; None if nothing may count as paid.
        sample: recordings to be read; None for all.
        seed: of the choice of these.
    """

    config: Config
    sources: Sources
    output: str | None = None
    beam_flags: tuple[str, ...] = ()
    sample: int | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a plan is: recordings read, out of so many where that is known, and their length."""

    recordings: int
    of: int | None
    audio_seconds: float


def plan(
    request: PlanRequest,
    progress: Callable[[Progress], None],
    *,
    clock: Callable[[], float] = time.monotonic,
) -> Plan:
    """What a run with the same arguments would do now.

    Args:
        request: the arguments.
        progress: told after each recording.
        clock: monotonic seconds.

    Raises:
        UsageError: a run would refuse them, or the sample is too small.
        OutputError: the dataset cannot be read, or the machine lacks something.
    """
    workers = workers_of(beam_options(request.beam_flags))
    share(request.config.recognition.concurrency, workers, "recognition.concurrency")
    if request.sample is not None and request.sample < LEAST_SAMPLE:
        raise UsageError(
            f"--sample {request.sample}: expected {LEAST_SAMPLE} or more, since from fewer no interval can "
            "be trusted; without --sample all recordings are read."
        )
    check_sources(request.sources)
    with tempfile.TemporaryDirectory(prefix="beamscribe-plan-") as folder:
        found = look_at(request.output, request.config, Path(folder))
        places = Places(Path(folder), Path(folder), found.chain)
        cutting = cutting_of(request.config, places, workers)
        return _Planning(request, found, cutting, cutting.threads * workers, progress, clock).plan()


class _Planning:
    """One plan in the making.

    Args:
        found: what is in OUTPUT.
        cutting: how a run cuts; its coordination folder is there for the plan alone.
        processes: that decode at once, in a run and here.
    """

    def __init__(
        self,
        request: PlanRequest,
        found: Found,
        cutting: CutSettings,
        processes: int,
        progress: Callable[[Progress], None],
        clock: Callable[[], float],
    ) -> None:
        self._request = request
        self._found = found
        self._cutting = cutting
        self._processes = processes
        self._progress = progress
        self._clock = clock
        self._meter = PayloadMeter(cutting.voice_format, cutting.max_payload_bytes, clock)
        self._counter = ContentsCounter(
            found.record, self._meter, ask_again=request.config.input.retry_failed == "all"
        )
        self._codes: Counter[str] = Counter()
        self._failed: list[FailedRecording] = []
        self._read = self._downloaded = self._by_address = 0
        self._to_read: int | None = None
        self._audio_seconds = 0.0

    def plan(self) -> Plan:
        """Read, count and conclude."""
        listing = Listing(self._request.sources, self._found.standing)
        sample, totals = None, None
        reads = self._request.sample
        if reads is not None:
            corpus = Corpus(listing.new_recordings())
            if len(corpus) > reads:
                sample, totals = self._sampled(corpus, reads)
            else:
                listing = Listing(self._request.sources, self._found.standing)
        if totals is None:
            totals = self._whole(listing)
        return self._conclude(listing, sample, totals)

    def _whole(self, listing: Listing) -> Totals:
        count = WholeCount()
        with self._reader() as reader:
            for read in reader.read(map(Unit, listing.new_recordings())):
                count.add(self._note(read), read.seconds, first=read.first)
        return count.totals()

    def _sampled(self, corpus: Corpus, reads: int) -> tuple[Sample, Totals]:
        chance = np.random.default_rng(self._request.seed)
        strata = draw(corpus.sizes, corpus.kinds, reads, chance)
        again = Listing(self._request.sources, self._found.standing).new_recordings()
        self._to_read = sum(len(each.read) for each in strata)
        count = SampleCount(strata, len(corpus), self._cutting.max_seconds)
        with self._reader() as reader:
            for read in reader.read(corpus.units(strata, again, chance)):
                contents = self._note(read)
                count.add(read.unit.place, contents, read.seconds, read.unit.times, first=read.first)
        sample = Sample(
            asked=reads,
            read=self._read,
            all_of=len(corpus),
            largest=sum(each.count for each in strata if each.largest),
            without_size=corpus.without_size,
            seed=self._request.seed,
        )
        return sample, count.totals()

    def _reader(self) -> Reader:
        stop = StopSignal(self._cutting.coordination)
        asks = mark_of_url if self._found.record is not None else _no_mark
        cutter = RecordingCutter(self._cutting, stop, self._found.record, mark_of=asks)
        return Reader(cutter, stop, self._processes, self._clock)

    def _note(self, read: UnitRead) -> Contents:
        """Count a recording, and tell of it."""
        contents = self._counter.contents_of(read.result)
        by_address = isinstance(read.result, PassedOn)
        self._by_address += by_address
        self._read += 1
        self._downloaded += not by_address and is_uri(read.unit.recording.location)
        self._audio_seconds += contents.seconds
        if contents.failure is not None:
            self._codes[contents.failure.code] += 1
            if len(self._failed) < MOST_FAILED:
                self._failed.append(_told(contents.failure))
        self._progress(Progress(self._read, self._to_read, self._audio_seconds))
        return contents

    def _conclude(self, listing: Listing, sample: Sample | None, totals: Totals) -> Plan:
        config = self._request.config
        amounts = totals.amounts
        quota = Quota(config.recognition.requests_per_second, config.recognition.concurrency)
        duration = duration_of(totals, quota, self._processes)
        failed = self._codes or listing.failed_before or amounts.refused_before.value
        return Plan(
            output=None if self._request.output is None else display_name(self._request.output),
            at_work=self._found.at_work,
            recordings=Recordings(
                found=listing.found,
                transcribed_before=listing.transcribed_before,
                failed_before=listing.failed_before,
                to_read=listing.found - listing.transcribed_before - listing.failed_before,
                by_address=self._by_address,
                read_now=self._read,
                downloaded_now=self._downloaded,
                other_files=listing.other_files,
            ),
            sample=sample,
            amounts=amounts,
            payload_is_exact=self._meter.is_exact,
            duration=duration,
            cost=cost_of(amounts.calls, duration.seconds.value, load_prices()),
            budget=budget_outlook(amounts.calls, max_calls_of(config), self._found.spent),
            failed_codes=tuple(FailedCode(*each) for each in self._codes.most_common()),
            failed=tuple(sorted(self._failed, key=lambda each: (each.code, each.audio_uri))),
            exit_code=int(ExitCode.SOME_FAILED if failed else ExitCode.DONE),
        )


def _no_mark(url: str, limits: ReadLimits) -> Mark | None:
    """Nobody is asked where no answer can be known."""
    return None


def _told(failure: Failure) -> FailedRecording:
    return FailedRecording(
        code=failure.code,
        name=name_of(failure.audio_uri),
        audio_uri=shown_address(failure.audio_uri),
        stage=failure.stage.value,
        message=shown_message(failure.message, failure.audio_uri),
        retryable=failure.retryable,
    )
