"""The job, top to bottom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import apache_beam as beam

from transforms.assemble import AssembleInStage, AssembleTranscripts
from transforms.cut_settings import CutSettings
from transforms.find import FindRecordings, ListRecordings, SpreadRecordings
from transforms.known import Skipping
from transforms.listing import Sources
from transforms.long_cutting import CutChapters
from transforms.long_recordings import ChapterPolicy, ChapterToHear, PlanLongOnes, TellLongOnes
from transforms.parts import Rolling
from transforms.recognize import Recognize
from transforms.recognize_settings import RecognizeSettings
from transforms.records import Extent, Failure, Recording, Span, Transcript, Utterance
from transforms.schemas import Table
from transforms.segmenting import NormalizeAndCut
from transforms.shared_place import Coordination
from transforms.write import WriteRows


@dataclass(frozen=True, slots=True)
class Job:
    """What to transcribe, how, and where to.

    Attributes:
        chapters: which recordings are worked by several workers; None for none.
    """

    sources: Sources
    skipping: Skipping | None
    cutting: CutSettings
    recognition: RecognizeSettings
    output: str
    run_id: str
    coordination: Coordination
    rolling: Rolling
    chapters: ChapterPolicy | None = None


class Transcribed(NamedTuple):
    """What came of recordings: texts, and everything that has none."""

    extents: beam.PCollection[Extent]
    utterances: beam.PCollection[Utterance]
    unanswered: beam.PCollection[Span]
    transcripts: beam.PCollection[Transcript]
    failures: beam.PCollection[Failure]


def build(pipeline: beam.Pipeline, job: Job) -> None:
    """Wire the whole job into a pipeline.

    From the found recordings to the written segments and transcripts is one fused stage:
    audio is made and used up in it. Only addresses go in, and only failures come out.
    """
    if job.chapters is None:
        recordings = pipeline | "Find recordings" >> FindRecordings(
            job.sources, job.skipping, job.coordination
        )
    else:
        listed = pipeline | "List recordings" >> ListRecordings(job.sources, job.skipping, job.coordination)
        told = listed | "Tell long ones" >> TellLongOnes(job.cutting, job.chapters)
        write(transcribe_long(told.chapters, job), job, "of long ones")
        recordings = told.others | "Spread over workers" >> SpreadRecordings()
    write(transcribe(recordings, job), job)


def transcribe(recordings: beam.PCollection[Recording], job: Job) -> Transcribed:
    """From recordings to texts."""
    cut = recordings | "Normalize and cut" >> NormalizeAndCut(job.cutting)
    heard = cut.pieces | "Recognize" >> Recognize(job.recognition)
    whole = heard.pieces | "Assemble transcripts" >> AssembleInStage()
    failures = (cut.failures, heard.failures, whole.failures) | "Gather failures" >> beam.Flatten()
    return Transcribed(cut.extents, heard.utterances, heard.unanswered, whole.transcripts, failures)


def transcribe_long(chapters: beam.PCollection[ChapterToHear], job: Job) -> Transcribed:
    """From chapters of long recordings to texts: what they say crosses shuffles, their audio does not."""
    planned = chapters | "Plan long ones" >> PlanLongOnes(job.cutting)
    cut = planned.work | "Cut chapters" >> CutChapters(job.cutting)
    heard = cut.segments | "Recognize chapters" >> Recognize(job.recognition)
    extents = (planned.extents, cut.extents) | "Gather extents" >> beam.Flatten()
    unanswered = (cut.unanswered, heard.unanswered) | "Gather unanswered" >> beam.Flatten()
    failed = (cut.failures, heard.failures) | "Gather segment failures" >> beam.Flatten()
    whole = {
        "extents": extents,
        "utterances": heard.utterances,
        "failures": failed,
        "unanswered": unanswered,
    } | "Assemble long transcripts" >> AssembleTranscripts()
    failures = (planned.failures, failed, whole.failures) | "Gather long failures" >> beam.Flatten()
    return Transcribed(extents, heard.utterances, unanswered, whole.transcripts, failures)


def write(done: Transcribed, job: Job, whose: str = "") -> None:
    """From texts and failures to the tables of the dataset."""
    for label, records, table in (
        ("Write segments", done.utterances, Table.SEGMENTS),
        ("Write transcripts", done.transcripts, Table.TRANSCRIPTS),
        ("Write failures", done.failures, Table.FAILURES),
    ):
        _ = records | f"{label} {whose}".rstrip() >> WriteRows(
            table, job.output, job.run_id, job.coordination, job.rolling
        )
