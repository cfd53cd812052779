"""Who tells what was said: a digest of the audio, or a script of answers.

Real words come from `pipeline.service.sphinx`. Silence never reaches a recognizer.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from pipeline.service.payload import Audio
from pipeline.service.refusal import ServiceFault
from transforms.errors import UsageError

DIGEST_WORDS: Final = 8
"""How many words the recognizer ``digest`` hears."""

_CONSONANTS: Final = "bdfgklmnprstvz"
_VOWELS: Final = "aeiou"


@dataclass(frozen=True, slots=True)
class HeardWord:
    """A word and when it is spoken, in milliseconds of the audio of the call."""

    word: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Heard:
    """What was said."""

    text: str
    words: tuple[HeardWord, ...]


class Recognizer(Protocol):
    """Turns audio into words; called from many threads at once."""

    def recognize(self, audio: Audio, payload_sha256: str) -> Heard:
        """Tells what was said.

        Args:
            audio: the decoded audio; not silent.
            payload_sha256: of the bytes before base64, in hexadecimal.

        Raises:
            ServiceFault: the service answers with an error instead.
        """

    def close(self) -> None:
        """Ends what was started for it."""


class DigestRecognizer:
    """A text that is a function of the audio alone.

    The same audio always gives the same eight words, other audio gives others; pcm and
    wav of the same samples agree. For tests of order and identity.
    """

    def recognize(self, audio: Audio, payload_sha256: str) -> Heard:
        """Spells the digest of the audio."""
        return spread(digest_text(audio.content_sha256), audio.duration_ms)

    def close(self) -> None:
        """Holds nothing."""


def digest_text(content_sha256: str) -> str:
    """Spells the first half of a SHA-256 as eight words that can be spoken."""
    halves = bytes.fromhex(content_sha256)[: 2 * DIGEST_WORDS]
    return " ".join(
        _syllable(first) + _syllable(second) for first, second in zip(halves[::2], halves[1::2], strict=True)
    )


def spread(text: str, duration_ms: int) -> Heard:
    """Spreads the words of a text evenly over the audio."""
    words = text.split()
    edges_ms = [duration_ms * index // max(1, len(words)) for index in range(len(words) + 1)]
    heard = tuple(HeardWord(word, *edges_ms[index : index + 2]) for index, word in enumerate(words))
    return Heard(text, heard)


def _syllable(value: int) -> str:
    """Spells a byte; 14 consonants, 5 vowels and 4 endings keep all 256 apart."""
    value, vowel = divmod(value, len(_VOWELS))
    ending, consonant = divmod(value, len(_CONSONANTS))
    return _CONSONANTS[consonant] + _VOWELS[vowel] + ("", "n", "l", "s")[ending]


@dataclass(frozen=True, slots=True)
class ScriptedAnswer:
    """An answer out of a script: a text with its words, or an error code."""

    text: str = ""
    words: tuple[HeardWord, ...] | None = None
    code: str = ""
    message: str = ""

    def heard(self, duration_ms: int) -> Heard:
        """Returns the text; words without times are spread over the audio.

        Raises:
            ServiceFault: the script answers with an error code.
        """
        if self.code:
            raise ServiceFault(self.code, self.message or "The script answers with this error.")
        return spread(self.text, duration_ms) if self.words is None else Heard(self.text, self.words)


@dataclass(frozen=True, slots=True)
class Script:
    """Answers by the payload's SHA-256, then in order of the calls, then by default."""

    by_sha256: Mapping[str, ScriptedAnswer]
    in_order: Sequence[ScriptedAnswer]
    default: ScriptedAnswer | None


class ScriptRecognizer:
    """Answers from a script."""

    def __init__(self, script: Script) -> None:
        self._script = script
        # next() on a counter is atomic: no two calls take the same answer.
        self._turns = itertools.count()

    def recognize(self, audio: Audio, payload_sha256: str) -> Heard:
        """Returns the script's answer; FailedOperation.ErrorRecognize when it has none left."""
        answer = self._script.by_sha256.get(payload_sha256)
        if answer is None:
            turn = next(self._turns)
            in_order = self._script.in_order
            answer = in_order[turn] if turn < len(in_order) else self._script.default
        if answer is None:
            raise ServiceFault("FailedOperation.ErrorRecognize", "The script has no answer left.")
        return answer.heard(audio.duration_ms)

    def close(self) -> None:
        """Holds nothing."""


def read_script(path: Path) -> Script:
    """Reads a script of answers.

    The file holds a JSON array of answers, or one answer a line (JSONL). An answer is
    ``{"text": "...", "words": [{"word": "...", "start_ms": 0, "end_ms": 10}]}``, words
    optional, or ``{"code": "InternalError", "message": "..."}``. With ``"sha256": "..."``
    it belongs to the payload of that digest, with ``"default": true`` to every call that
    is left; the others answer one call each, in order.

    Raises:
        UsageError: the file cannot be read, or an answer has another form.
    """
    try:
        text = path.read_text(encoding="utf-8")
        entries = json.loads(text) if text.lstrip().startswith("[") else _lines(text)
    except (OSError, ValueError) as error:
        raise UsageError(f"the script {path} cannot be read as JSON or JSONL: {error}") from error
    by_sha256: dict[str, ScriptedAnswer] = {}
    in_order: list[ScriptedAnswer] = []
    default: ScriptedAnswer | None = None
    for number, entry in enumerate(entries, start=1):
        try:
            answer = _answer(entry)
            if "sha256" in entry:
                by_sha256[entry["sha256"].lower()] = answer
            elif entry.get("default"):
                default = answer
            else:
                in_order.append(answer)
        except (KeyError, TypeError, AttributeError) as error:
            raise UsageError(f"the script {path}: answer {number} has another form: {error!r}") from error
    return Script(by_sha256, tuple(in_order), default)


def _lines(text: str) -> list[Mapping[str, object]]:
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def _answer(entry: Mapping[str, object]) -> ScriptedAnswer:
    unknown = entry.keys() - {"text", "words", "code", "message", "sha256", "default"}
    if unknown or ("text" in entry) == ("code" in entry):
        raise TypeError("expected either text, with words if you like, or code, with a message if you like")
    words = entry.get("words")
    if words is not None and not isinstance(words, list):
        raise TypeError("words must be a list")
    return ScriptedAnswer(
        text=str(entry.get("text", "")),
        words=None if words is None else tuple(HeardWord(**word) for word in words),
        code=str(entry.get("code", "")),
        message=str(entry.get("message", "")),
    )
