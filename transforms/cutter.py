"""Cuts recordings one by one, or buries them: what a run does with each, and a plan likewise."""

from __future__ import annotations

import errno
from collections.abc import Callable
from functools import partial

from transforms.addresses import is_http
from transforms.answer_record import AnswerRecord
from transforms.crew import or_dead_letter
from transforms.cut_recording import CutRecording, cut_recording, failure_of
from transforms.cut_settings import CutSettings
from transforms.cut_source import cut_source
from transforms.decode_pool import DecodePool
from transforms.fetch import ReadLimits, mark_of_url
from transforms.folders import OutputError
from transforms.hold import allow_many_files
from transforms.pass_on import PassedOn, pass_on
from transforms.records import Failure, Mark, Recording, Stage
from transforms.stopping import OUTPUT_FAILED, StopReason, StopSignal


class RecordingCutter:
    """Cuts recordings on any of a few threads, each with a decode process of its own.

    The threads should live as long as it does; see `DecodePool`.

    Args:
        settings: how.
        stop: looked at all the time, and told what the machine lacks.
        record: where cuts are looked up and kept; None for nowhere.
        mark_of: what the server of an address that is passed on says of it.
    """

    def __init__(
        self,
        settings: CutSettings,
        stop: StopSignal,
        record: AnswerRecord | None,
        *,
        mark_of: Callable[[str, ReadLimits], Mark | None] = mark_of_url,
    ) -> None:
        allow_many_files()
        self._settings = settings
        self._stop = stop
        self._record = record
        self._mark_of = mark_of
        self._pool: DecodePool | None = None
        if settings.isolated:
            self._pool = DecodePool(
                stall_seconds=settings.stall_seconds, stopped=lambda: stop.reason() is not None
            )

    def cut(self, recording: Recording) -> CutRecording | PassedOn | Failure | None:
        """The recording with its segments, or why it has none; None once the run is stopped."""
        return or_dead_letter(
            partial(self._cut, recording),
            stage=Stage.DECODE,
            bury=partial(failure_of, recording, self._settings),
        )

    def close(self) -> None:
        """End the decode processes; no thread may be cutting."""
        if self._pool is not None:
            self._pool.close()

    def _cut(self, recording: Recording) -> CutRecording | PassedOn | None:
        if self._stop.reason() is not None:
            return None
        if self._settings.by_url and recording.content is None and is_http(recording.location):
            return pass_on(recording, self._settings, mark_of=self._mark_of)
        cutter = cut_source if self._pool is None else self._pool.cut
        try:
            return cut_recording(recording, self._settings, self._record, cutter=cutter)
        except OutputError as error:
            self._stop.stop(StopReason(OUTPUT_FAILED, str(error)))
        except InterruptedError:  # the run was stopped, and nothing was paid for yet
            pass
        except OSError as error:  # of this machine: what a recording can do wrong is a RecordingError
            self._stop.stop(_short_of(error, recording))
        return None


def _short_of(error: OSError, recording: Recording) -> StopReason:
    """What the machine lacks, which the next recording would lack too."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        code, what = "TemporaryFolderFull", "the temporary folder is full"
        advice = "free some space or point TMPDIR elsewhere"
    elif error.errno in (errno.EMFILE, errno.ENFILE):
        code, what = "TooManyOpenFiles", "too many files were open"
        advice = "raise the limit (ulimit -n) or lower recognition.concurrency"
    elif error.errno in (errno.EAGAIN, errno.ENOMEM):
        code, what = "NoMoreProcesses", f"no process could be started ({error})"
        advice = "make room for memory and processes, or run with fewer workers"
    else:
        code, what = "TemporaryFolderFailed", f"the temporary folder could not be used ({error})"
        advice = "see to its rights and its mount, or point TMPDIR elsewhere"
    return StopReason(
        code, f"{what} while {recording.audio_uri} was decoded: {advice}, then run the same command again"
    )
