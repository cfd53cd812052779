"""The parameters of a SentenceRecognition call: checked, and written as a body.

Names, ranges and limits are those of the service's documents (API version
2019-06-14).
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from transforms import codes
from transforms.base64_text import base64_of
from transforms.engines import is_known, is_mandarin, nearest, sample_rate_of
from transforms.errors import RecordingError, UsageError
from transforms.formats import AUTO, ENCODABLE
from transforms.records import Stage

ENDPOINT: Final = "https://asr.tencentcloudapi.com"
"""The address of the service."""

VOICE_FORMATS: Final = ("wav", "pcm", "ogg-opus", "speex", "silk", "mp3", "m4a", "aac", "amr")
"""Every VoiceFormat that the service takes."""

_FORMATS_OF_ENDINGS = MappingProxyType(
    {f".{name}": name for name in ("wav", "pcm", "speex", "silk", "mp3", "m4a", "aac", "amr")}
    | {".ogg": "ogg-opus", ".opus": "ogg-opus", ".spx": "speex", ".mp4": "m4a"}
)
_CHOICES: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {
        "word_info": (0, 1, 2),
        "filter_dirty": (0, 1, 2),
        "filter_modal": (0, 1, 2),
        "filter_punc": (0, 1, 2),
        "convert_num_mode": (0, 1),
        "input_sample_rate": (8000,),
        "sub_service_type": (2,),
    }
)
_TEXTS = ("hotword_id", "hotword_list", "customization_id", "replace_text_id", "usr_audio_key")
_MANDARIN_ONLY = ("filter_dirty", "filter_modal", "filter_punc")
_WITHOUT_EFFECT_ON_ANSWERS = frozenset({"project_id", "sub_service_type", "usr_audio_key"})

_SOURCE_URL, _SOURCE_DATA = 0, 1
_URL_BYTES_LIMIT = 2048

_MAX_HOTWORDS = 128
_MAX_HOTWORD_CHARACTERS = 30
# "30 characters (10 hanzi)": a wide character counts as three.
_CHARACTERS_OF_A_WIDE_ONE = 3
_WEIGHTS = frozenset(map(str, (*range(1, 12), 100)))


@dataclass(frozen=True, slots=True)
class RequestParameters:
    """The optional parameters of a call, under the service's names in snake case.

    None means not sent, so that the service's own default holds. The last three
    were required by older documents and can still be sent.

    Attributes:
        word_info: 0 no words, 1 words with times, 2 punctuation too. Words cost
            nothing, so they are asked for.
        filter_dirty: 1 drops swear words, 2 masks them (Mandarin).
        filter_modal: 1 drops some filler words, 2 all (Mandarin).
        filter_punc: 1 drops punctuation at the end, 2 all (Mandarin).
        convert_num_mode: 0 numbers in words, 1 in digits.
        hotword_id: a hotword table stored in the account.
        hotword_list: ``word|weight,word|weight``; goes before ``hotword_id``.
        customization_id: a self-trained model.
        replace_text_id: a stored replacement table.
        input_sample_rate: 8000 for 8 kHz pcm behind an address, sent to a 16 kHz
            engine.
    """

    word_info: int = 1
    filter_dirty: int | None = None
    filter_modal: int | None = None
    filter_punc: int | None = None
    convert_num_mode: int | None = None
    hotword_id: str | None = None
    hotword_list: str | None = None
    customization_id: str | None = None
    replace_text_id: str | None = None
    input_sample_rate: int | None = None
    project_id: int | None = None
    sub_service_type: int | None = None
    usr_audio_key: str | None = None


def check(
    parameters: RequestParameters, *, engine: str, voice_format: str, by_url: bool = False
) -> tuple[str, ...]:
    """Check a configuration before anything is paid for.

    Args:
        parameters: what would be sent.
        engine: the engine's name.
        voice_format: one of `VOICE_FORMATS`, or ``auto``.
        by_url: whether the service downloads the recordings itself.

    Returns:
        Warnings: what is allowed but likely not meant.

    Raises:
        UsageError: lists every problem with its key, its value and what is allowed.
    """
    problems = [*_choice_problems(parameters), *_text_problems(parameters)]
    problems += _hotword_problems(parameters.hotword_list)
    problems += _audio_problems(parameters, engine, voice_format, by_url)
    if problems:
        raise UsageError("\n".join(problems))
    return tuple(_warnings(parameters, engine))


def json_body(
    parameters: RequestParameters,
    *,
    engine: str,
    voice_format: str,
    audio: Iterable[bytes | memoryview],
    size_bytes: int,
) -> Iterator[bytes]:
    """The body of a call that carries the audio itself, in slices.

    The base64 alphabet needs no escaping in JSON, so the audio is put between two pieces of
    text: json.dumps over it would cost more CPU than all the rest of a signed call.

    Args:
        parameters: checked ones.
        engine: the engine's name.
        voice_format: what the audio is encoded as.
        audio: encoded, in slices of any length.
        size_bytes: how long they are together.
    """
    call = _call_fields(parameters, engine, voice_format, _SOURCE_DATA) | {"DataLen": size_bytes}
    yield json.dumps(call).encode("ascii")[:-1] + b', "Data": "'
    sent_bytes = 0
    for text in base64_of(audio):
        sent_bytes += len(text) // 4 * 3 - text[-2:].count(b"=")
        yield text
    assert sent_bytes == size_bytes, "DataLen is the length of Data"
    yield b'"}'


def json_body_url(parameters: RequestParameters, *, engine: str, voice_format: str, url: str) -> bytes:
    """The body of a call for a recording that the service downloads itself.

    Raises:
        RecordingError: the address is longer than the service takes.
    """
    call = _call_fields(parameters, engine, voice_format, _SOURCE_URL) | {"Url": checked_url(url)}
    return json.dumps(call).encode("ascii")


def v1_parameters(
    parameters: RequestParameters, *, engine: str, voice_format: str, url: str
) -> dict[str, str]:
    """The same call as `json_body_url` for the older signature: names and raw values.

    Raises:
        RecordingError: the address is longer than the service takes.
    """
    call = _call_fields(parameters, engine, voice_format, _SOURCE_URL) | {"Url": checked_url(url)}
    return {name: str(value) for name, value in call.items()}


def voice_format_of_url(url: str) -> str | None:
    """The VoiceFormat that an address's ending suggests; None if it suggests none."""
    try:
        path = urlsplit(url).path
    except ValueError:  # for example a bracket of IPv6 left open
        return None
    return _FORMATS_OF_ENDINGS.get(PurePosixPath(path).suffix.lower())


def answer_fingerprint(parameters: RequestParameters, *, engine: str) -> tuple[tuple[str, str | int], ...]:
    """Everything in a request, but the audio, that can change the answer.

    Returns:
        Pairs of the service's name and the value, sorted by name. Two requests
        with the same audio and equal fingerprints have the same answer.
    """
    relevant = {
        _service_name(name): value
        for name, value in _given(parameters)
        if name not in _WITHOUT_EFFECT_ON_ANSWERS
    }
    return tuple(sorted({"EngSerViceType": engine, **relevant}.items()))


def _given(parameters: RequestParameters) -> Iterator[tuple[str, str | int]]:
    for field in fields(parameters):
        value = getattr(parameters, field.name)
        if value is not None:
            yield field.name, value


def _service_name(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _call_fields(
    parameters: RequestParameters, engine: str, voice_format: str, source_type: int
) -> dict[str, str | int]:
    return {
        "EngSerViceType": engine,
        "SourceType": source_type,
        "VoiceFormat": voice_format,
        **{_service_name(name): value for name, value in _given(parameters)},
    }


def checked_url(url: str) -> str:
    """An address that the service can be given.

    Raises:
        RecordingError: it is too long.
    """
    size = len(url.encode())
    if size < _URL_BYTES_LIMIT:
        return url
    # What follows the ? may hold the signature of a private link.
    shown = url.partition("?")[0][:100]
    raise RecordingError(
        Stage.READ,
        codes.URL_TOO_LONG,
        f"The address {shown}... has {size} bytes; the service takes less than {_URL_BYTES_LIMIT}. Use a "
        "shorter link, or recognition.source: data to download and send the recording from here.",
    )


def _choice_problems(parameters: RequestParameters) -> Iterator[str]:
    for name, value in _given(parameters):
        allowed = _CHOICES.get(name)
        # A truth value from YAML equals 0 or 1, but would be sent as true.
        if allowed and (type(value) is not int or value not in allowed):
            yield f"recognition.{name} is {value!r}; allowed: {', '.join(map(str, allowed))}."
    project_id = parameters.project_id
    if project_id is not None and (type(project_id) is not int or project_id < 0):
        yield f"recognition.project_id is {project_id!r}; allowed: 0 and whole numbers above."


def _text_problems(parameters: RequestParameters) -> Iterator[str]:
    for name, value in _given(parameters):
        if name in _TEXTS and (not isinstance(value, str) or not value.strip()):
            yield f"recognition.{name} is {value!r}; allowed: a text that is not empty. Leave the key out."


def _hotword_problems(hotword_list: str | None) -> Iterator[str]:
    if not isinstance(hotword_list, str) or not hotword_list.strip():
        return
    entries = hotword_list.split(",")
    if len(entries) > _MAX_HOTWORDS:
        yield f"recognition.hotword_list has {len(entries)} words; allowed: at most {_MAX_HOTWORDS}."
    for entry in entries:
        word, _, weight = entry.rpartition("|")
        if not word or word != word.strip() or weight not in _WEIGHTS:
            yield (
                f"recognition.hotword_list holds {entry!r}; allowed: word|weight, separated by commas "
                "without spaces, each weight 1 to 11 or 100."
            )
        elif _characters(word) > _MAX_HOTWORD_CHARACTERS:
            yield (
                f"recognition.hotword_list holds {word!r}; allowed: at most {_MAX_HOTWORD_CHARACTERS} "
                "characters or 10 hanzi a word."
            )


def _characters(word: str) -> int:
    return sum(
        _CHARACTERS_OF_A_WIDE_ONE if unicodedata.east_asian_width(character) in "WF" else 1
        for character in word
    )


def _audio_problems(
    parameters: RequestParameters, engine: str, voice_format: str, by_url: bool
) -> Iterator[str]:
    sample_rate = None
    try:
        sample_rate = sample_rate_of(engine)
    except UsageError as error:
        yield str(error)
    allowed = VOICE_FORMATS if by_url else ENCODABLE
    if voice_format not in (AUTO, *allowed):
        hint = " (the others only with recognition.source: url)" if voice_format in VOICE_FORMATS else ""
        yield f"recognition.voice_format is {voice_format!r}; allowed: {', '.join((AUTO, *allowed))}{hint}."
    if parameters.input_sample_rate is None:
        return
    if not by_url:
        yield (
            "recognition.input_sample_rate is set, but what is sent from here has the engine's rate already; "
            "allowed: only with recognition.source: url. Leave the key out."
        )
    elif voice_format != "pcm" or sample_rate == 8000:
        yield (
            f"recognition.input_sample_rate is set with voice_format {voice_format} and engine {engine}; "
            "allowed: only with pcm and a 16 kHz engine."
        )


def _warnings(parameters: RequestParameters, engine: str) -> Iterator[str]:
    if not is_known(engine):
        yield (
            f"recognition.engine {engine!r} is not in the documents known to this version; it is used as it "
            f"is. If it is a slip: the nearest known one is {nearest(engine)}."
        )
    if not is_mandarin(engine):
        for name in _MANDARIN_ONLY:
            if getattr(parameters, name):
                yield f"recognition.{name} has an effect on Mandarin engines only; {engine} ignores it."
    if parameters.hotword_list and parameters.hotword_id:
        yield "recognition.hotword_list and hotword_id are both set; the service uses hotword_list alone."
