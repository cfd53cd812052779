"""Beam transforms for batch transcription; usable alone in other pipelines.

What others may build on can be imported from here: ``from transforms import open_run,
NormalizeAndCut, Recognize``. A name is looked up when it is asked for, so that what needs
one module (a decode process, a worker that only signs) does not import Beam as well.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transforms.assemble import Assembled as Assembled
    from transforms.assemble import AssembleInStage as AssembleInStage
    from transforms.assemble import AssembleTranscripts as AssembleTranscripts
    from transforms.client import ClientSettings as ClientSettings
    from transforms.cut_settings import CutSettings as CutSettings
    from transforms.engines import EngineChoice as EngineChoice
    from transforms.errors import BeamscribeError as BeamscribeError
    from transforms.errors import RecordingError as RecordingError
    from transforms.errors import UsageError as UsageError
    from transforms.find import FindRecordings as FindRecordings
    from transforms.folders import OutputError as OutputError
    from transforms.given import RecordingsFromBytes as RecordingsFromBytes
    from transforms.given import RecordingsFromPaths as RecordingsFromPaths
    from transforms.given import RecordingsFromSounds as RecordingsFromSounds
    from transforms.listing import Sources as Sources
    from transforms.listing import check_sources as check_sources
    from transforms.pace import PacePolicy as PacePolicy
    from transforms.parts import Rolling as Rolling
    from transforms.parts import create_dataset as create_dataset
    from transforms.recognize import Recognize as Recognize
    from transforms.recognize import Recognized as Recognized
    from transforms.recognize_settings import RecognizeSettings as RecognizeSettings
    from transforms.records import Extent as Extent
    from transforms.records import Failure as Failure
    from transforms.records import Mark as Mark
    from transforms.records import Recording as Recording
    from transforms.records import SampleRange as SampleRange
    from transforms.records import Segment as Segment
    from transforms.records import Span as Span
    from transforms.records import Stage as Stage
    from transforms.records import Status as Status
    from transforms.records import Transcript as Transcript
    from transforms.records import Utterance as Utterance
    from transforms.records import Word as Word
    from transforms.request import RequestParameters as RequestParameters
    from transforms.retry import RetryPolicy as RetryPolicy
    from transforms.rows import failure_row as failure_row
    from transforms.rows import segment_row as segment_row
    from transforms.rows import to_ms as to_ms
    from transforms.rows import transcript_row as transcript_row
    from transforms.run import Run as Run
    from transforms.run import RunStoppedError as RunStoppedError
    from transforms.run import open_run as open_run
    from transforms.schemas import Table as Table
    from transforms.schemas import schema_of as schema_of
    from transforms.segmenting import CutRecordings as CutRecordings
    from transforms.segmenting import NormalizeAndCut as NormalizeAndCut
    from transforms.stopping import StopReason as StopReason
    from transforms.stopping import StopSignal as StopSignal
    from transforms.transcript import Piece as Piece
    from transforms.write import WriteRows as WriteRows

_PUBLIC = {
    "assemble": "Assembled AssembleInStage AssembleTranscripts",
    "client": "ClientSettings",
    "cut_settings": "CutSettings",
    "engines": "EngineChoice",
    "errors": "BeamscribeError RecordingError UsageError",
    "find": "FindRecordings",
    "folders": "OutputError",
    "given": "RecordingsFromBytes RecordingsFromPaths RecordingsFromSounds",
    "listing": "Sources check_sources",
    "pace": "PacePolicy",
    "parts": "Rolling create_dataset",
    "recognize": "Recognize Recognized",
    "recognize_settings": "RecognizeSettings",
    "records": (
        "Extent Failure Mark Recording SampleRange Segment Span Stage Status Transcript Utterance Word"
    ),
    "request": "RequestParameters",
    "retry": "RetryPolicy",
    "rows": "failure_row segment_row to_ms transcript_row",
    "run": "Run RunStoppedError open_run",
    "schemas": "Table schema_of",
    "segmenting": "CutRecordings NormalizeAndCut",
    "stopping": "StopReason StopSignal",
    "transcript": "Piece",
    "write": "WriteRows",
}
_MODULES = {name: module for module, names in _PUBLIC.items() for name in names.split()}

__all__ = sorted(_MODULES)


def __getattr__(name: str) -> object:
    """Import a public name from its module, the first time that it is asked for."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
