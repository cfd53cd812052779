"""From the configuration to the settings of the graph."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from pipeline.config import Config
from pipeline.graph import Job
from pipeline.runner import share
from transforms.addresses import is_local_endpoint, locate
from transforms.client import ClientSettings
from transforms.cut_settings import CutSettings
from transforms.known import Shaping, Skipping, settings_digest
from transforms.listing import Sources
from transforms.long_recordings import ChapterPolicy
from transforms.pace import PacePolicy
from transforms.parts import Rolling
from transforms.recognize_settings import RecognizeSettings
from transforms.request import answer_fingerprint
from transforms.retry import RetryPolicy
from transforms.shared_place import Coordination, State
from transforms.source import ReadLimits

# So many long recordings keep all workers busy by themselves, but for a last while.
_LONG_FOR_EACH_CORE = 4
_LONG_FOR_A_CLUSTER = 100


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asks for."""

    config: Config
    sources: Sources
    output: str
    beam_flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Places:
    """Where a run keeps what.

    Attributes:
        coordination: what its processes share; new for the run and gone after it.
        state: what later runs continue from.
        chain: the name of the run and of the unfinished ones that it continues.
    """

    coordination: Coordination
    state: State
    chain: str


def shaping_of(config: Config) -> Shaping:
    """The options that shape the rows of a recording: a change of one is a change of them."""
    recognition = config.recognition
    shaping = (
        is_local_endpoint(recognition.endpoint),
        answer_fingerprint(config.request_parameters(), engine=""),
        recognition.source,
        recognition.voice_format,
        recognition.max_payload_bytes,
        config.audio.channels,
        # Without defaults: a key that a later version adds changes nothing.
        tuple(config.segmentation.model_dump(exclude_defaults=True).items()),
    )
    with_audio = settings_digest(*shaping, "audio")
    if config.output.include_audio:
        return Shaping(with_audio, config.engine_choice())
    return Shaping(settings_digest(*shaping), config.engine_choice(), richer=(with_audio,))


def job_of(
    request: Request,
    run_id: str,
    places: Places,
    workers: int,
    *,
    are_all: bool = True,
    skipping: Skipping | None = None,
    max_calls: int | None = None,
) -> Job:
    """The graph's settings; none of them holds anything live or secret.

    Args:
        request: what was asked for.
        run_id: the run.
        places: where it keeps what.
        workers: how many share the calls in flight and the cores.
        are_all: whether there are no others, on other machines.
        skipping: recordings that need no reading.
        max_calls: that may be billed; None for any number.

    Raises:
        UsageError: fewer calls in flight are allowed than there are workers.
    """
    config = request.config
    rolling = Rolling(max_rows=config.output.rows_per_part, max_seconds=config.output.seconds_per_part)
    return Job(
        sources=request.sources,
        skipping=skipping,
        cutting=cutting_of(config, places, workers),
        recognition=_recognition(config, places, workers, max_calls),
        # Workers may have another working directory than the command.
        output=os.fsdecode(locate(request.output)),
        run_id=run_id,
        coordination=places.coordination,
        rolling=rolling,
        chapters=_chapters(config, workers, are_all=are_all),
    )


def _chapters(config: Config, workers: int, *, are_all: bool) -> ChapterPolicy | None:
    """Which recordings are worked by several workers; None where there is one, or none may be."""
    hours = config.audio.chapters_above_hours
    if hours is None or (are_all and workers == 1):
        return None
    cores = max(os.cpu_count() or 1, workers)
    return ChapterPolicy(hours * 3600, _LONG_FOR_EACH_CORE * cores if are_all else _LONG_FOR_A_CLUSTER)


def cutting_of(config: Config, places: Places, workers: int) -> CutSettings:
    """How each of so many workers makes segments of recordings."""
    recognition = config.recognition
    return CutSettings(
        engines=config.engine_choice(),
        shaping_base=shaping_of(config).base,
        chain=places.chain,
        local_service=is_local_endpoint(recognition.endpoint),
        coordination=places.coordination,
        state=places.state,
        parameters=config.request_parameters(),
        channels=config.audio.channels,
        voice_format=recognition.voice_format,
        max_payload_bytes=recognition.max_payload_bytes,
        max_seconds=config.segmentation.max_seconds,
        **config.segmentation.model_dump(exclude={"max_seconds"}),
        max_hours=config.audio.max_hours,
        stall_seconds=config.audio.stall_seconds,
        limits=ReadLimits(config.input.download_max_bytes, config.input.download_max_seconds),
        by_url=recognition.source == "url",
        threads=max(1, (os.cpu_count() or 1) // workers),
    )


def _recognition(config: Config, places: Places, workers: int, max_calls: int | None) -> RecognizeSettings:
    recognition = config.recognition
    concurrency = share(recognition.concurrency, workers, "recognition.concurrency")
    client = ClientSettings(
        endpoint=recognition.endpoint,
        region=recognition.region,
        language=recognition.language,
        timeout_seconds=recognition.timeout_seconds,
        connect_timeout_seconds=recognition.connect_timeout_seconds,
        connections=concurrency,
        ca_bundle=recognition.ca_bundle and str(Path(recognition.ca_bundle).absolute()),
        signature=recognition.signature,
    )
    return RecognizeSettings(
        client=client,
        parameters=config.request_parameters(),
        pace=PacePolicy(recognition.requests_per_second),
        shared_quota=recognition.shared_quota,
        retry=RetryPolicy(max_attempts=recognition.max_attempts),
        coordination=places.coordination,
        voice_format=recognition.voice_format,
        max_payload_bytes=recognition.max_payload_bytes,
        concurrency=concurrency,
        process_concurrency=recognition.concurrency,
        state=places.state,
        chain=places.chain,
        max_calls=max_calls,
        ask_again=config.input.retry_failed == "all",
        include_audio=config.output.include_audio,
    )
