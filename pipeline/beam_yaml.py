"""The transforms of Beam YAML, which `configs/beam-yaml.yaml` offers by name.

Thin: arguments are the command's and the configuration's, elements are rows, and all work is
done by the transforms that the command uses.
"""

# No `from __future__ import annotations`: Beam YAML reads the types of arguments as they stand.
import os
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import PBegin, PCollection, TaggedOutput
from apache_beam.typehints.schemas import named_fields_from_element_type

from pipeline.beam_yaml_arguments import Configured, errors_of, sources_of
from pipeline.beam_yaml_rows import (
    RecordingRow,
    check_fields,
    recording_of_row,
    recording_row,
    row_of,
    row_type_of,
    table_row_of,
)
from pipeline.beam_yaml_run import job_in, run_in
from pipeline.beam_yaml_stopped import WithoutAnswer, unanswered_failure
from pipeline.graph import Job, Transcribed, transcribe, write
from pipeline.run_record import new_run_id, utc_now
from transforms import codes, find, recognize
from transforms.addresses import locate
from transforms.errors import UsageError
from transforms.listing import local_mark
from transforms.parts import create_dataset
from transforms.records import Failure, Recording, Span, Stage, Transcript, Utterance
from transforms.rows import FailureRow, SegmentRow, TranscriptRow, failure_row, segment_row, transcript_row
from transforms.schemas import Table
from transforms.segmenting import NormalizeAndCut
from transforms.shared_place import Coordination
from transforms.slips import did_you_mean
from transforms.write import WriteRows

_SOUND = "audio"
"""The column of `segments` that rows of Beam do not have: no sound crosses a shuffle."""

_WRONG = "wrong"

_Key = tuple[str, str]
"""audio_uri and channel, which may be None."""

# Which settings made the segments that Recognize is given: both have to agree on them.
_cut_by: weakref.WeakKeyDictionary[PCollection, Job] = weakref.WeakKeyDictionary()


class FindRecordings(beam.PTransform):
    """List recordings as rows: ``-> (audio, location, id, language, channel, crc32c, ...)``.

    Args:
        input: files, folders, globs and URIs, as ``--input``.
        manifest: manifests, as ``--manifest``.
        limit: the first so many recordings.

    Raises:
        UsageError: one of them matches nothing, or is wrong.
    """

    _yaml_requires_inputs = False

    def __init__(
        self,
        input: str | list[str] | None = None,
        manifest: str | list[str] | None = None,
        limit: int | None = None,
    ) -> None:
        super().__init__()
        self._sources = sources_of(input, manifest, limit)

    def expand(self, pbegin: PBegin) -> PCollection:
        """Wire it."""
        return (
            pbegin
            | "Find" >> find.FindRecordings(self._sources)
            | "As rows" >> beam.Map(_recording_row).with_output_types(row_type_of(RecordingRow))
        )


class NormalizeAndSegment(Configured):
    """Decode, resample and cut: rows of recordings to segments with their sound, and errors.

    Segments are no rows: sound lives in one fused stage only, and `Recognize` comes next.
    """

    def expand(self, rows: PCollection) -> dict[str, PCollection]:
        """Wire it."""
        job = job_in(rows.pipeline, self._config)
        recordings, wrong = _recordings_of(rows)
        cut = recordings | "Normalize and cut" >> NormalizeAndCut(job.cutting)
        _cut_by[cut.segments] = job
        parts = {"recordings": recordings, "extents": cut.extents, "failures": cut.failures}
        missing = parts | "Not started" >> WithoutAnswer(job.coordination)
        failures = (wrong, cut.failures, missing) | "Gather failures" >> beam.Flatten()
        return {"good": cut.segments, self._errors: _failure_rows(failures, job.run_id)}


class Recognize(beam.PTransform):
    """Call the service: segments of `NormalizeAndSegment`, in its settings, to rows of ``segments``.

    Args:
        error_handling: ``{output: NAME}``: where rows of failures go. It has no default.

    Raises:
        UsageError: it is missing, or the input comes from elsewhere.
    """

    def __init__(self, error_handling: dict[str, str] | None = None) -> None:
        super().__init__()
        self._errors = errors_of("Recognize", error_handling)

    def expand(self, segments: PCollection) -> dict[str, PCollection]:
        """Wire it."""
        job = _cut_by.get(segments)
        if job is None:
            raise UsageError(
                "Recognize takes the segments of NormalizeAndSegment as they come: no step may lie between, "
                "since sound lives in one stage only."
            )
        heard = segments | "Recognize" >> recognize.Recognize(job.recognition)
        failures = (
            heard.failures,
            _unanswered_failures(heard.unanswered, job.coordination),
        ) | "Gather failures" >> beam.Flatten()
        step = beam.Map(_segment_row, job.run_id).with_output_types(row_type_of(SegmentRow, without=_SOUND))
        rows = heard.utterances | "As rows" >> step
        return {"good": rows, self._errors: _failure_rows(failures, job.run_id)}


class Transcribe(Configured):
    """All of it: rows of recordings to rows of ``transcripts``, and errors."""

    def expand(self, rows: PCollection) -> dict[str, PCollection]:
        """Wire it."""
        job = job_in(rows.pipeline, self._config)
        recordings, wrong = _recordings_of(rows)
        done = _complete(recordings, transcribe(recordings, job), wrong, job)
        return _transcripts_and_errors(done, job, self._errors)


class TranscribeToDataset(Configured):
    """From files to the dataset under OUTPUT; puts out the rows of ``transcripts``, and errors.

    Args:
        output: OUTPUT, as ``--output``: a local folder, or a URI with ``state``.
        input: files, folders, globs and URIs, as ``--input``.
        manifest: manifests, as ``--manifest``.
        limit: the first so many recordings.
        options: those of `Transcribe`.
    """

    _yaml_requires_inputs = False

    def __init__(
        self,
        output: str,
        input: str | list[str] | None = None,
        manifest: str | list[str] | None = None,
        limit: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._output = output
        self._sources = sources_of(input, manifest, limit)

    def expand(self, pbegin: PBegin) -> dict[str, PCollection]:
        """Wire it."""
        job = job_in(pbegin.pipeline, self._config, output=self._output, sources=self._sources)
        create_dataset(job.output)
        recordings = pbegin | "Find recordings" >> find.FindRecordings(job.sources)
        done = _complete(recordings, transcribe(recordings, job), None, job)
        write(done, job)
        return _transcripts_and_errors(done, job, self._errors)


class WriteDataset(beam.PTransform):
    """Write rows into a table of the dataset, part by part, as they come.

    Args:
        table: ``segments``, ``transcripts`` or ``failures``.
        output: OUTPUT, as ``--output``.

    Raises:
        UsageError: there is no such table, or the rows lack columns of it.
        OutputError: the dataset cannot be made.
    """

    def __init__(self, table: str, output: str) -> None:
        super().__init__()
        names = [each.value for each in Table]
        if table not in names:
            raise UsageError(
                f"WriteDataset: table is {table!r}: expected {', '.join(names)}.{did_you_mean(table, names)}"
            )
        self._table = Table(table)
        self._output = os.fsdecode(locate(output))

    def expand(self, rows: PCollection) -> PCollection[None]:
        """Wire it."""
        check_fields((name for name, _ in named_fields_from_element_type(rows.element_type)), self._table)
        create_dataset(self._output)
        run = run_in(rows.pipeline)
        run_id = new_run_id(utc_now()) if run is None else run.run_id
        coordination = None if run is None else run.places.coordination
        typed = beam.Map(table_row_of, self._table, run_id).with_output_types(dict[str, Any])
        return (
            rows
            | "As columns" >> typed
            | "Write" >> WriteRows(self._table, self._output, run_id, coordination)
        )


def _recordings_of(rows: PCollection) -> tuple[PCollection[Recording], PCollection[Failure]]:
    """Recordings, each once and spread over the workers, and failures of the rows that name none."""
    read = beam.ParDo(_Read(os.fsencode(Path.cwd()))).with_output_types(tuple[_Key, Recording], wrong=Failure)
    named = rows | "Read rows" >> read.with_outputs(_WRONG, main="recordings")
    once = beam.ParDo(_Once()).with_output_types(Recording, wrong=Failure)
    spread = (
        named.recordings
        | "By address and channel" >> beam.GroupByKey()
        | "Each once" >> once.with_outputs(_WRONG, main="recordings")
    )
    return spread.recordings, (named.wrong, spread.wrong) | "Gather wrong rows" >> beam.Flatten()


class _Read(beam.DoFn):
    def __init__(self, base: bytes) -> None:
        self._base = base

    def process(self, row: Any) -> Iterator[tuple[_Key, Recording] | TaggedOutput]:
        try:
            recording = recording_of_row(row, self._base, local_mark)
        except ValueError as error:
            yield _wrong(str(getattr(row, "audio", None)), f"The row names no recording: {error}.")
        else:
            yield (recording.audio_uri, str(recording.channel)), recording


class _Once(beam.DoFn):
    def process(self, group: tuple[_Key, Iterable[Recording]]) -> Iterator[Recording | TaggedOutput]:
        first, *others = dict.fromkeys(group[1])
        yield first
        for other in others:
            yield _wrong(
                other.audio_uri,
                "The recording is asked for twice, with another language, id or crc32c; one of the rows was "
                "taken. Keep one of them.",
            )


def _wrong(audio_uri: str, message: str) -> TaggedOutput:
    failure = Failure(audio_uri, Stage.READ, codes.READ_FAILED, message, retryable=False)
    return TaggedOutput(_WRONG, failure)


def _complete(
    recordings: PCollection[Recording], done: Transcribed, wrong: PCollection[Failure] | None, job: Job
) -> Transcribed:
    """With failures for all that a stopped run has no answer to, and for rows that were wrong."""
    parts = {"recordings": recordings, "extents": done.extents, "failures": done.failures}
    missing = parts | "Not started" >> WithoutAnswer(job.coordination)
    unanswered = _unanswered_failures(done.unanswered, job.coordination)
    every = [done.failures, missing, unanswered, *([] if wrong is None else [wrong])]
    return done._replace(failures=every | "Gather errors" >> beam.Flatten())


def _unanswered_failures(unanswered: PCollection[Span], coordination: Coordination) -> PCollection[Failure]:
    step = beam.Map(unanswered_failure, coordination).with_output_types(Failure)
    return unanswered | "Unanswered" >> step


def _transcripts_and_errors(done: Transcribed, job: Job, errors: str) -> dict[str, PCollection]:
    step = beam.Map(_transcript_row, job.run_id).with_output_types(row_type_of(TranscriptRow))
    return {"good": done.transcripts | "As rows" >> step, errors: _failure_rows(done.failures, job.run_id)}


def _failure_rows(failures: PCollection[Failure], run_id: str) -> PCollection:
    step = beam.Map(_failure_row, run_id).with_output_types(row_type_of(FailureRow))
    return failures | "Errors as rows" >> step


def _recording_row(recording: Recording) -> beam.Row:
    return row_of(recording_row(recording))


def _segment_row(utterance: Utterance, run_id: str) -> beam.Row:
    return row_of(segment_row(utterance, run_id), without=_SOUND)


def _transcript_row(transcript: Transcript, run_id: str) -> beam.Row:
    return row_of(transcript_row(transcript, run_id))


def _failure_row(failure: Failure, run_id: str) -> beam.Row:
    return row_of(failure_row(failure, run_id))
