"""Checks what no key can tell by itself: how the keys go together. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from pipeline.config import Config
from pipeline.config_errors import shown
from transforms import formats, request
from transforms.addresses import is_loopback
from transforms.client import ClientSettings
from transforms.engines import sample_rate_of
from transforms.errors import UsageError
from transforms.shared_quota import quota_url_problem

DOCUMENTED_PAYLOAD_BYTES = 2_250_000
"""Bytes that are the service's limit of today, 3 MB, after base64."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What is wrong, and what only may be, one sentence each."""

    problems: tuple[str, ...]
    warnings: tuple[str, ...]


def check(config: Config) -> Findings:
    """Everything about a configuration that depends on more than one key, or on the service."""
    problems = [
        *_endpoint_problems(config),
        *_shared_quota_problems(config),
        *_signature_problems(config),
        *_language_problems(config),
        *_overlap_problems(config),
        *_include_audio_problems(config),
    ]
    warnings = list(_payload_warnings(config))
    for engine in dict.fromkeys([config.recognition.engine, *config.recognition.engines.values()]):
        found = _check_engine(config, engine)
        problems += found.problems
        warnings += found.warnings
    # What holds for all engines was found once for each.
    return Findings(tuple(dict.fromkeys(problems)), tuple(dict.fromkeys(warnings)))


def _check_engine(config: Config, engine: str) -> Findings:
    problems = list(_length_problems(config, engine))
    warnings: tuple[str, ...] = ()
    try:
        warnings = request.check(
            config.request_parameters(),
            engine=engine,
            voice_format=config.recognition.voice_format,
            by_url=config.recognition.source == "url",
        )
    except UsageError as error:
        problems += str(error).splitlines()
    return Findings(tuple(problems), warnings)


def _length_problems(config: Config, engine: str) -> Iterator[str]:
    recognition = config.recognition
    sent_here = recognition.source == "data" and recognition.voice_format in (
        formats.AUTO,
        *formats.ENCODABLE,
    )
    if not sent_here:
        return
    try:
        longest = formats.max_samples(
            recognition.voice_format,
            sample_rate_of(engine),
            max_payload_bytes=recognition.max_payload_bytes,
            max_seconds=config.segmentation.max_seconds,
        )
    except UsageError as error:
        yield str(error)
        return
    cutting = config.segmentation
    kept_seconds = 2 * cutting.padding_seconds + cutting.overlap_seconds
    longest_seconds = longest / sample_rate_of(engine)
    if kept_seconds > longest_seconds / 2:
        yield (
            "segmentation.padding_seconds on both sides and segmentation.overlap_seconds are "
            f"{kept_seconds:g} s, more than half of the {longest_seconds:.3g} s that a segment may have by "
            "segmentation.max_seconds and recognition.max_payload_bytes: segments would hold little else. "
            "Lower them, or send what takes fewer bytes (recognition.voice_format)."
        )


def _endpoint_problems(config: Config) -> Iterator[str]:
    endpoint = config.recognition.endpoint
    try:
        ClientSettings(endpoint=endpoint)
    except UsageError as error:
        yield f"{error} It is {shown(endpoint)}."
        return
    parts = urlsplit(endpoint)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        yield (
            f"recognition.endpoint is {endpoint!r}; use https: over plain http the audio and the temporary "
            "token would travel openly (http is for a service on this machine only)."
        )


def _shared_quota_problems(config: Config) -> Iterator[str]:
    url = config.recognition.shared_quota
    if url is not None and (problem := quota_url_problem(url)) is not None:
        yield f"recognition.shared_quota {problem}."


def _signature_problems(config: Config) -> Iterator[str]:
    if config.recognition.signature == "v1" and config.recognition.source != "url":
        yield (
            "recognition.signature is 'v1', which cannot carry audio; set recognition.source=url, or leave "
            "the signature at tc3."
        )


def _language_problems(config: Config) -> Iterator[str]:
    first: dict[str, str] = {}
    for language in config.recognition.engines:
        tag = language.strip().replace("_", "-").casefold()
        if tag in first:
            yield f"recognition.engines names one language twice: {first[tag]!r} and {language!r}."
        first.setdefault(tag, language)


def _overlap_problems(config: Config) -> Iterator[str]:
    cutting = config.segmentation
    if cutting.overlap_seconds and not config.recognition.word_info:
        yield (
            "segmentation.overlap_seconds needs the times of words, by which what is heard twice is taken "
            "out again: set recognition.word_info to 1 or 2, or the overlap to 0."
        )


def _include_audio_problems(config: Config) -> Iterator[str]:
    if config.output.include_audio and config.recognition.source == "url":
        yield (
            "output.include_audio writes the sound that is sent, and with recognition.source=url the service "
            "fetches it by itself: set recognition.source=data, or leave output.include_audio out."
        )


def _payload_warnings(config: Config) -> Iterator[str]:
    if config.recognition.max_payload_bytes > DOCUMENTED_PAYLOAD_BYTES:
        yield (
            f"recognition.max_payload_bytes is {config.recognition.max_payload_bytes}; the service documents "
            f"3 MB after base64, which are {DOCUMENTED_PAYLOAD_BYTES} bytes, and may refuse more."
        )
