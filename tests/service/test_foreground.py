from __future__ import annotations

import os
import signal
import threading
from dataclasses import replace

import pytest

from pipeline.service.foreground import serve, usage
from pipeline.service.settings import TEST_SECRET_ID, TEST_SECRET_KEY, ServiceSettings


def test_the_test_credentials_are_shown_ready_to_use() -> None:
    text = usage(ServiceSettings(), "http://127.0.0.1:5")
    assert f"export TENCENTCLOUD_SECRET_ID={TEST_SECRET_ID}\n" in text
    assert f"export TENCENTCLOUD_SECRET_KEY={TEST_SECRET_KEY}\n" in text
    assert "--set recognition.endpoint=http://127.0.0.1:5" in text


@pytest.mark.parametrize("changed", [{"secret_key": "hidden-key"}, {"secret_id": "hidden-id"}])
def test_other_credentials_are_never_shown(changed: dict[str, str]) -> None:
    settings = replace(ServiceSettings(), token="hidden-token", **changed)  # type: ignore[arg-type]
    assert "hidden" not in usage(settings, "http://127.0.0.1:5")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_a_signal_and_leaves_handlers_as_they_were(
    number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(number)
    # Well after the service is up; earlier it would stop it just the same.
    timer = threading.Timer(0.3, os.kill, (os.getpid(), number))
    timer.start()
    serve(ServiceSettings())
    timer.join()
    assert signal.getsignal(number) is before
    output = capsys.readouterr().out
    assert "http://127.0.0.1:" in output
    assert output.endswith("0 calls, 0 billed, 0 refused\n")
