"""The service's recognition engines: names, sample rates and choice by language."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

from transforms import codes
from transforms.errors import RecordingError, UsageError
from transforms.records import Stage

# The documents of SentenceRecognition. New engines appear, so another name with
# a known rate is worth a warning only.
_CURRENT_ENGINES = (
    "8k_zh",
    "8k_en",
    "16k_zh",
    "16k_zh-PY",
    "16k_zh_medical",
    "16k_zh_dialect",
    "16k_en",
    "16k_yue",
    "16k_ja",
    "16k_ko",
    "16k_vi",
    "16k_ms",
    "16k_id",
    "16k_fil",
    "16k_th",
    "16k_pt",
    "16k_tr",
    "16k_ar",
    "16k_es",
    "16k_hi",
    "16k_fr",
    "16k_de",
)
# Mandarin under the names of the service's first years; still accepted.
_OLD_ENGINES = ("8k_0", "16k_0")

KNOWN_ENGINES: frozenset[str] = frozenset(_CURRENT_ENGINES + _OLD_ENGINES)

_SAMPLE_RATES = {"8k_": 8000, "16k_": 16000}


def sample_rate_of(engine: str) -> int:
    """Samples per second of the audio that an engine takes.

    Args:
        engine: the engine's name, known or not.

    Raises:
        UsageError: the name starts with neither ``8k_`` nor ``16k_``.
    """
    for prefix, sample_rate in _SAMPLE_RATES.items():
        if engine.startswith(prefix):
            return sample_rate
    raise UsageError(
        f"recognition.engine {engine!r} does not tell its sample rate: engines start with 8k_ or 16k_. "
        f"Did you mean {nearest(engine)}? Known engines: {', '.join(sorted(KNOWN_ENGINES))}."
    )


def is_known(engine: str) -> bool:
    """Whether the service's documents name this engine."""
    return engine in KNOWN_ENGINES


def is_mandarin(engine: str) -> bool:
    """Whether the engine knows the options that are for Mandarin alone.

    A new engine counts by its name, ``8k_zh...`` or ``16k_zh...``.
    """
    return engine in _OLD_ENGINES or engine.startswith(("8k_zh", "16k_zh"))


def language_of(engine: str) -> str | None:
    """The language that an engine hears, as ISO 639 has it; None if its name does not tell."""
    if engine in _OLD_ENGINES:
        return "zh"
    found = re.match(r"\d+k_([a-z]{2,3})(?![a-z])", engine)
    return found and found[1]


def nearest(engine: str) -> str:
    """The engine of today whose name is most like this one."""
    return max(_CURRENT_ENGINES, key=lambda known: difflib.SequenceMatcher(a=engine, b=known).ratio())


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """Which engine transcribes which language.

    Attributes:
        default: the engine of recordings without a language, and of all
            recordings where ``by_language`` is empty.
        by_language: pairs of a language tag (BCP 47, any case) and its engine.
    """

    default: str
    by_language: tuple[tuple[str, str], ...] = ()

    @property
    def engines(self) -> tuple[str, ...]:
        """All that may be used, the default first."""
        return (self.default, *(engine for _, engine in self.by_language))

    def engine_for(self, language: str | None) -> str:
        """The engine for a recording in this language.

        The tag is looked up as it is, then without its last subtags one by one
        (``zh-Hans-CN``, ``zh-Hans``, ``zh``; the "lookup" of RFC 4647).

        Raises:
            RecordingError: engines are configured by language, but none for
                this one. Another engine would cost money and return nonsense.
        """
        tag = _normalized(language or "")
        if not tag or not self.by_language:
            return self.default
        engines = {_normalized(key): engine for key, engine in self.by_language}
        subtags = tag.split("-")
        for length in range(len(subtags), 0, -1):
            engine = engines.get("-".join(subtags[:length]))
            if engine is not None:
                return engine
        configured = ", ".join(sorted(engines))
        raise RecordingError(
            Stage.READ,
            codes.NO_ENGINE_FOR_LANGUAGE,
            f"No engine is configured for the language {language!r} (configured: {configured}). Add the key "
            f"recognition.engines.{subtags[0]}, or correct the language in the manifest.",
        )


def _normalized(language: str) -> str:
    return language.strip().replace("_", "-").casefold()
