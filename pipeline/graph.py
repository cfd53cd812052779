"""The job, top to bottom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import apache_beam as beam

from transforms.assemble import AssembleInStage
from transforms.cut_settings import CutSettings
from transforms.find import FindRecordings
from transforms.known import Skipping
from transforms.listing import Sources
from transforms.parts import Rolling
from transforms.recognize import Recognize, RecognizeSettings
from transforms.records import Extent, Failure, Recording, Span, Transcript, Utterance
from transforms.schemas import Table
from transforms.segmenting import NormalizeAndCut
from transforms.shared_place import Coordination
from transforms.write import WriteRows


@dataclass(frozen=True, slots=True)
class Job:
    """What to transcribe, how, and where to."""

    sources: Sources
    skipping: Skipping | None
    cutting: CutSettings
    recognition: RecognizeSettings
    output: str
    run_id: str
    coordination: Coordination
    rolling: Rolling


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
    recordings = pipeline | "Find recordings" >> FindRecordings(job.sources, job.skipping, job.coordination)
    write(transcribe(recordings, job), job)


def transcribe(recordings: beam.PCollection[Recording], job: Job) -> Transcribed:
    """From recordings to texts."""
    cut = recordings | "Normalize and cut" >> NormalizeAndCut(job.cutting)
    heard = cut.pieces | "Recognize" >> Recognize(job.recognition)
    whole = heard.pieces | "Assemble transcripts" >> AssembleInStage()
    failures = (cut.failures, heard.failures, whole.failures) | "Gather failures" >> beam.Flatten()
    return Transcribed(cut.extents, heard.utterances, heard.unanswered, whole.transcripts, failures)


def write(done: Transcribed, job: Job) -> None:
    """From texts and failures to the tables of the dataset."""
    for label, records, table in (
        ("Write segments", done.utterances, Table.SEGMENTS),
        ("Write transcripts", done.transcripts, Table.TRANSCRIPTS),
        ("Write failures", done.failures, Table.FAILURES),
    ):
        _ = records | label >> WriteRows(table, job.output, job.run_id, job.coordination, job.rolling)
