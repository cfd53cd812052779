"""What the service answered: a transcript or an error, told apart without doubt. Pure.

Form of both: https://cloud.tencent.com/document/product/1093/35646. An error comes
with HTTP status 200, and its body decides, whatever Content-Type it claims: an
official client that trusts the header takes errors for empty transcripts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from transforms.codes import MALFORMED_ANSWER, NO_RESULT, NOT_JSON, http_status

_HTTP_OK: Final = 200
_SERVER_ERRORS: Final = 500
# Far beyond any audio, and safe in every integer column.
_MAX_MILLISECONDS: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class HeardWord:
    """A word and its times in milliseconds from the start of the audio sent."""

    word: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Answer:
    """A transcript as the service sent it.

    Attributes:
        text: what was said; empty where nothing was.
        words: empty unless words were asked for.
        audio_duration_ms: length of the audio that the service heard; 0 if it
            did not say.
        request_id: the service's name for the call, for questions to its support;
            empty if it gave none.
    """

    text: str
    words: tuple[HeardWord, ...]
    audio_duration_ms: int
    request_id: str


class ServiceError(Exception):
    """A call that brought no transcript.

    Args:
        code: the service's error code or one of this package's (`codes`).
        message: what happened.
        request_id: the service's name for the call, where it answered.
        possibly_billed: whether the recognizer may have seen the request, so
            that it has to be counted as paid.
    """

    def __init__(
        self, code: str, message: str, request_id: str | None = None, possibly_billed: bool = False
    ) -> None:
        super().__init__(code, message, request_id, possibly_billed)
        self.code = code
        self.message = message
        self.request_id = request_id
        self.possibly_billed = possibly_billed

    def __str__(self) -> str:
        call = f" (RequestId {self.request_id})" if self.request_id else ""
        return f"{self.code}: {self.message}{call}"


def parse_answer(status: int, body: bytes) -> Answer:
    """Reads the body of an answer.

    Args:
        status: the HTTP status.
        body: the whole body as received.

    Raises:
        ServiceError: the service refused (its own code), or this is no
            transcript: ``HttpStatus.N``, ``NotJson``, ``MalformedAnswer``, ``NoResult``.
    """
    try:
        document = json.loads(body)
    # A hostile body may nest deeper than the parser goes.
    except (ValueError, RecursionError):
        _refuse_status(status)
        raise ServiceError(
            NOT_JSON, f"The answer of {len(body)} bytes is not JSON.", possibly_billed=True
        ) from None
    response = document.get("Response") if isinstance(document, dict) else None
    if not isinstance(response, dict):
        _refuse_status(status)
        raise _malformed("it has no Response object", None)
    request_id = _text_or_none(response.get("RequestId"))
    if response.get("Error") is not None:
        raise _service_error(status, response["Error"], request_id)
    _refuse_status(status)
    return _transcript(response, request_id)


def _transcript(response: Mapping[str, object], request_id: str | None) -> Answer:
    text = _text_or_none(response.get("Result"))
    if text is None:
        raise ServiceError(
            NO_RESULT,
            "The answer has no Result, so it is neither a transcript nor an empty one.",
            request_id,
            possibly_billed=True,
        )
    words = response.get("WordList")
    if words is None:
        words = []
    if not isinstance(words, list):
        raise _malformed("its WordList is not a list", request_id)
    duration = response.get("AudioDuration")
    return Answer(
        text,
        tuple(_word(word, request_id) for word in words),
        0 if duration is None else _milliseconds(duration, "AudioDuration", request_id),
        request_id or "",
    )


def _word(entry: object, request_id: str | None) -> HeardWord:
    word = _text_or_none(entry.get("Word")) if isinstance(entry, dict) else None
    if not isinstance(entry, dict) or word is None:
        raise _malformed("an entry of its WordList has no Word", request_id)
    return HeardWord(
        word,
        _milliseconds(entry.get("StartTime"), "StartTime", request_id),
        _milliseconds(entry.get("EndTime"), "EndTime", request_id),
    )


def _milliseconds(value: object, name: str, request_id: str | None) -> int:
    # A bool is an int to Python, not to the service.
    if type(value) is not int or not 0 <= value <= _MAX_MILLISECONDS:
        raise _malformed(f"a {name} is not a number of milliseconds", request_id)
    return value


def _service_error(status: int, error: object, request_id: str | None) -> ServiceError:
    code = error.get("Code") if isinstance(error, dict) else None
    if type(code) is int:  # the oldest codes are numbers
        code = str(code)
    if not isinstance(error, dict) or not isinstance(code, str) or not code:
        _refuse_status(status)
        return _malformed("its Error has no Code", request_id)
    message = _text_or_none(error.get("Message")) or "The service gave no message."
    return ServiceError(_storable(code), message, request_id)


def _refuse_status(status: int) -> None:
    if status == _HTTP_OK:
        return
    raise ServiceError(
        http_status(status),
        f"HTTP status {status}, and the body is no answer of the service.",
        # A gateway that fails may have passed the request on before.
        possibly_billed=status >= _SERVER_ERRORS,
    )


def _malformed(why: str, request_id: str | None) -> ServiceError:
    return ServiceError(
        MALFORMED_ANSWER,
        f"The answer is JSON but not in the service's form: {why}.",
        request_id,
        possibly_billed=True,
    )


def _text_or_none(value: object) -> str | None:
    return _storable(value) if isinstance(value, str) else None


def _storable(text: str) -> str:
    """Replaces lone surrogates, which JSON can spell and no UTF-8 column can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")
