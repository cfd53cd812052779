"""What the record of paid answers holds, and how an entry is written. Pure.

A payload is a version byte, a letter for the kind, the key of 32 bytes and a JSON array
in UTF-8. Version and kind stand before the JSON so that an index is built, and entries of
a later version are carried along, without reading it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from transforms.answer import Answer, HeardWord
from transforms.records import PlannedSegment

KEY_BYTES: Final = 32
"""The length of every key: a SHA-256 digest."""

_VERSION: Final = 1
# What was planned before 0.1 is read, and not written: ranges without silence between them.
_ANSWERED, _REFUSED, _PLANNED, _TILED = b"A", b"R", b"Q", b"P"
_BODY: Final = 2 + KEY_BYTES


@dataclass(frozen=True, slots=True)
class Answered:
    """A segment's answer, paid for.

    Attributes:
        key: `keys.answer_key` or `keys.url_key`.
        attempts: calls made for it, refused ones included.
        recognized_at_us: when it came, microseconds since 1970 UTC.
    """

    key: bytes
    answer: Answer
    attempts: int
    recognized_at_us: int


@dataclass(frozen=True, slots=True)
class Refused:
    """A segment that the service will not take, or in which it heard no voice.

    Attributes:
        key: `keys.answer_key` or `keys.url_key`.
        code: the service's error code.
        message: what the service said.
        request_id: the service's name for the last call, where it gave one.
        attempts: calls made for it.
        at_us: when the service said so, microseconds since 1970 UTC.
    """

    key: bytes
    code: str
    message: str
    request_id: str | None
    attempts: int
    at_us: int


@dataclass(frozen=True, slots=True)
class PlannedChannel:
    """Into what a channel was cut.

    Attributes:
        channel: its number in the recording.
        total_samples: its length after normalization.
        speech_samples: how much of it was taken for speech.
        segments: in order.
        answer_keys: the key of each segment's answer, in the same order.
    """

    channel: int
    total_samples: int
    speech_samples: int
    segments: tuple[PlannedSegment, ...]
    answer_keys: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Planned:
    """The cuts of a recording, so that a later decoder or detector does not bill it again.

    Attributes:
        key: `keys.plan_key`.
    """

    key: bytes
    channels: tuple[PlannedChannel, ...]


Entry = Answered | Refused | Planned


@dataclass(frozen=True, slots=True)
class Label:
    """What a payload is about, read without its body.

    Attributes:
        refused: it is a `Refused`, which any `Answered` of its key outranks.
    """

    key: bytes
    refused: bool


def encode(entry: Entry) -> bytes:
    """Writes an entry as a payload that `decode` turns back into an equal one."""
    kind, body = _body_of(entry)
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return b"".join((bytes([_VERSION]), kind, entry.key, text.encode("utf-8", "surrogatepass")))


def decode(payload: bytes) -> Entry | None:
    """Reads a payload; None if it is of a kind or version unknown here."""
    label = label_of(payload)
    if label is None:
        return None
    body = json.loads(payload[_BODY:].decode("utf-8", "surrogatepass"))
    kind = payload[1:2]
    if kind == _ANSWERED:
        return _answered(label.key, *body)
    if kind == _REFUSED:
        return Refused(label.key, *body)
    read = _planned_channel if kind == _PLANNED else _tiled_channel
    return Planned(label.key, tuple(read(*channel) for channel in body))


def label_of(payload: bytes) -> Label | None:
    """Whose entry a payload holds; None if it is of a kind or version unknown here."""
    kind = payload[1:2]
    if len(payload) < _BODY or payload[0] != _VERSION or kind not in (_ANSWERED, _REFUSED, _PLANNED, _TILED):
        return None
    return Label(payload[2:_BODY], refused=kind == _REFUSED)


def _body_of(entry: Entry) -> tuple[bytes, list[Any]]:
    if isinstance(entry, Answered):
        answer = entry.answer
        words = [(word.word, word.start_ms, word.end_ms) for word in answer.words]
        said = [answer.text, words, answer.audio_duration_ms, answer.request_id]
        return _ANSWERED, [*said, entry.attempts, entry.recognized_at_us]
    if isinstance(entry, Refused):
        return _REFUSED, [entry.code, entry.message, entry.request_id, entry.attempts, entry.at_us]
    return _PLANNED, [
        (
            channel.channel,
            channel.total_samples,
            channel.speech_samples,
            [segment.pairs for segment in channel.segments],
            [key.hex() for key in channel.answer_keys],
        )
        for channel in entry.channels
    ]


def _answered(
    key: bytes,
    text: str,
    words: list[tuple[str, int, int]],
    audio_duration_ms: int,
    request_id: str,
    attempts: int,
    recognized_at_us: int,
) -> Answered:
    heard = tuple(HeardWord(*word) for word in words)
    return Answered(key, Answer(text, heard, audio_duration_ms, request_id), attempts, recognized_at_us)


def _planned_channel(
    channel: int,
    total_samples: int,
    speech_samples: int,
    segments: list[list[tuple[int, int]]],
    answer_keys: list[str],
) -> PlannedChannel:
    return PlannedChannel(
        channel,
        total_samples,
        speech_samples,
        tuple(map(PlannedSegment.of_pairs, segments)),
        tuple(bytes.fromhex(key) for key in answer_keys),
    )


def _tiled_channel(
    channel: int, total_samples: int, ranges: list[tuple[int, int]], answer_keys: list[str]
) -> PlannedChannel:
    segments = [[pair, pair] for pair in ranges]
    return _planned_channel(channel, total_samples, total_samples, segments, answer_keys)
