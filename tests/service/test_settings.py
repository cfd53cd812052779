from __future__ import annotations

from typing import Any

import pytest

from pipeline.service.faults import FaultKind, FaultRule
from pipeline.service.settings import ServiceSettings, with_environment
from transforms.errors import UsageError


@pytest.mark.parametrize(
    "wrong",
    [
        {"recognizer": "parrot"},
        {"recognizer": "script"},
        {"latency_ms": (5.0, 1.0)},
        {"latency_ms": (-1.0, 1.0)},
        {"requests_per_second": -1},
        {"calls_left": -1},
        {"sphinx_workers": 0},
        {"faults": (FaultRule(FaultKind.RESET, 0.7), FaultRule(FaultKind.SLOW, 0.7))},
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        ServiceSettings(**wrong)


def test_the_environment_s_credentials_are_expected_and_not_shown() -> None:
    environment = {
        "TENCENTCLOUD_SECRET_ID": "AKIDmine",
        "TENCENTCLOUD_SECRET_KEY": "hidden-key",
        "TENCENTCLOUD_TOKEN": "hidden-token",
    }
    settings = with_environment(ServiceSettings(), environment)
    assert (settings.secret_id, settings.secret_key, settings.token) == tuple(environment.values())
    assert "hidden" not in repr(settings)


def test_half_a_pair_of_credentials_changes_nothing() -> None:
    assert with_environment(ServiceSettings(), {"TENCENTCLOUD_SECRET_ID": "AKIDmine"}) == ServiceSettings()
