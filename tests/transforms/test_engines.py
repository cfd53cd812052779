from __future__ import annotations

import pytest

from transforms.engines import (
    KNOWN_ENGINES,
    EngineChoice,
    is_known,
    is_mandarin,
    nearest,
    sample_rate_of,
)
from transforms.errors import RecordingError, UsageError
from transforms.records import Stage


@pytest.mark.parametrize("engine", sorted(KNOWN_ENGINES))
def test_every_known_engine_has_the_rate_of_its_name(engine):
    assert sample_rate_of(engine) == {"8": 8000, "16": 16000}[engine.partition("k")[0]]
    assert is_known(engine)


def test_an_unknown_engine_with_a_rate_is_taken():
    assert sample_rate_of("16k_zh_large") == 16000
    assert not is_known("16k_zh_large")


@pytest.mark.parametrize("engine", ["", "zh", "32k_zh", "16K_zh", "18k_zh"])
def test_an_engine_without_a_rate_is_refused_and_the_known_ones_are_named(engine):
    with pytest.raises(UsageError) as refused:
        sample_rate_of(engine)
    assert repr(engine) in str(refused.value)
    assert all(known in str(refused.value) for known in KNOWN_ENGINES)


def test_the_nearest_engine_is_one_of_today():
    assert nearest("16k_zh_med") == "16k_zh_medical"
    assert nearest("16K_EN") in KNOWN_ENGINES
    assert nearest("16k_0") != "16k_0"


@pytest.mark.parametrize(
    ("engine", "mandarin"),
    [
        ("16k_zh", True),
        ("8k_zh", True),
        ("16k_zh-PY", True),
        ("16k_0", True),
        ("16k_en", False),
        ("16k_yue", False),
    ],
)
def test_mandarin(engine, mandarin):
    assert is_mandarin(engine) is mandarin


CHOICE = EngineChoice("16k_zh", (("en", "16k_en"), ("zh-HK", "16k_yue"), ("zh", "16k_zh_dialect")))


@pytest.mark.parametrize(
    ("language", "engine"),
    [
        ("en", "16k_en"),
        ("EN", "16k_en"),
        ("en-GB", "16k_en"),
        ("en_US", "16k_en"),
        ("zh-hk", "16k_yue"),
        ("zh-HK-x-phone", "16k_yue"),
        ("zh-CN", "16k_zh_dialect"),
        (" zh ", "16k_zh_dialect"),
        (None, "16k_zh"),
        ("", "16k_zh"),
        ("  ", "16k_zh"),
    ],
)
def test_a_language_picks_its_engine(language, engine):
    assert CHOICE.engine_for(language) == engine


def test_without_a_map_the_language_does_not_matter():
    assert EngineChoice("16k_ja").engine_for("fr") == "16k_ja"


def test_a_language_without_an_engine_fails_with_the_key_to_add():
    with pytest.raises(RecordingError, match=r"recognition\.engines\.fr\b") as failed:
        CHOICE.engine_for("fr-CA")
    assert failed.value.stage is Stage.READ
    assert failed.value.code == "NoEngineForLanguage"
    assert "'fr-CA'" in failed.value.message
    assert not failed.value.retryable
