"""A run in a pipeline of one's own: settings that belong together, and the reason if it stopped."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from transforms.addresses import is_local_endpoint
from transforms.answer_book import ANSWERS
from transforms.client import ClientSettings
from transforms.cut_settings import CutSettings
from transforms.engines import EngineChoice
from transforms.errors import BeamscribeError, UsageError
from transforms.file_lock import FileLock
from transforms.pace import PacePolicy
from transforms.recognize_settings import RecognizeSettings
from transforms.request import ENDPOINT, RequestParameters, check
from transforms.shared_place import Coordination
from transforms.stopping import StopReason, prepared


@dataclass(frozen=True, slots=True)
class Run:
    """The settings of one run, of which both halves agree on what has to be the same.

    ``dataclasses.replace`` changes what only one of them knows: ``replace(run.cutting,
    max_seconds=15.0)``.

    Attributes:
        cutting: for `segmenting.NormalizeAndCut`.
        recognition: for `recognize.Recognize`.
    """

    cutting: CutSettings
    recognition: RecognizeSettings

    @property
    def coordination(self) -> Coordination:
        """What the processes of the run share, for `write.WriteRows`."""
        return self.recognition.coordination


class RunStoppedError(BeamscribeError):
    """Calls were stopped before the end: what is unanswered has no text.

    Attributes:
        reason: its code and message.
    """

    def __init__(self, reason: StopReason) -> None:
        super().__init__(f"Stopped before the end. {reason.code}: {reason.message}")
        self.reason = reason


@contextmanager
def open_run(
    *,
    endpoint: str = ENDPOINT,
    engine: str | EngineChoice = "16k_zh",
    requests_per_second: float = 25.0,
    concurrency: int = 48,
    parameters: RequestParameters | None = None,
    voice_format: str = "auto",
    max_payload_bytes: int = 600_000,
    state: str | os.PathLike[str] | None = None,
    max_calls: int | None = None,
) -> Iterator[Run]:
    """Open a run; the pipeline runs to its end inside.

    ``with open_run(engine="16k_en") as run, beam.Pipeline(runner="FnApiRunner") as pipeline:``

    The keys come from TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY, or the SDK's file.
    Wrong keys, an empty account or an outage raise nothing inside the pipeline, since a
    runner would repeat the work and pay again; they are raised here, when it has ended.

    Args:
        endpoint: scheme and host of the service.
        engine: its model, or a choice by language.
        requests_per_second: the quota, for all processes of the run on this machine.
        concurrency: calls in flight at most, of each worker process.
        parameters: what a request says beside the audio; None for words with times.
        voice_format: what audio is sent as; "auto" chooses for each segment.
        max_payload_bytes: the largest payload, before base64.
        state: a local folder that outlives the run, for the record of paid answers; None
            keeps none: every run calls for everything.
        max_calls: that may be billed, counted in ``state`` over all runs.

    Raises:
        RunStoppedError: on leaving, if calls were stopped.
        UsageError: an argument is wrong, or another run uses ``state``.
        OSError: there is no place for temporary files, or ``state`` cannot be written.
    """
    engines = EngineChoice(default=engine) if isinstance(engine, str) else engine
    asked = RequestParameters() if parameters is None else parameters
    for each in engines.engines:
        check(asked, engine=each, voice_format=voice_format)
    _refuse_numbers(requests_per_second, concurrency, max_calls, counted=state is not None)
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="beamscribe-run-")))
        stop = held.enter_context(prepared(folder))
        record = None if state is None else held.enter_context(_held_state(Path(state)))
        cutting = CutSettings(
            engines=engines,
            coordination=folder,
            state=record,
            parameters=asked,
            voice_format=voice_format,
            max_payload_bytes=max_payload_bytes,
            threads=os.cpu_count() or 1,
            local_service=is_local_endpoint(endpoint),
        )
        cutting.check()
        yield Run(
            cutting,
            RecognizeSettings(
                coordination=folder,
                client=ClientSettings(endpoint=endpoint, connections=concurrency),
                parameters=asked,
                pace=PacePolicy(requests_per_second),
                voice_format=voice_format,
                max_payload_bytes=max_payload_bytes,
                concurrency=concurrency,
                state=record,
                max_calls=max_calls,
            ),
        )
        reason = stop.reason()
    if reason is not None:
        raise RunStoppedError(reason)


def _refuse_numbers(
    requests_per_second: float, concurrency: int, max_calls: int | None, *, counted: bool
) -> None:
    if not 0 < requests_per_second < math.inf:
        raise UsageError(f"requests_per_second is {requests_per_second:g}: expected more than 0, such as 25.")
    if concurrency < 1:
        raise UsageError(f"concurrency is {concurrency}: expected 1 or more calls in flight, such as 48.")
    if max_calls is not None and max_calls < 0:
        raise UsageError(f"max_calls is {max_calls}: expected 0 or more, or None for no wall.")
    if max_calls is not None and not counted:
        raise UsageError(
            f"max_calls is {max_calls}, and billed calls are counted in a folder: give state as well."
        )


@contextmanager
def _held_state(folder: Path) -> Iterator[Path]:
    """The folder of the record, made if need be, for this run alone."""
    (folder / ANSWERS).mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / "lock")
    try:
        if not lock.try_to_hold():
            raise UsageError(f"state: another run uses {folder}. Wait for it, or give another folder.")
        yield folder.resolve()
    finally:
        lock.close()
