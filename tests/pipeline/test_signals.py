from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from pipeline.signals import stopping_on_signals
from transforms.stopping import StopSignal

SECOND_SIGNAL = """
import os, signal, sys
from pathlib import Path
from pipeline.signals import stopping_on_signals
from transforms.stopping import StopSignal
with stopping_on_signals(StopSignal(Path(sys.argv[1]))):
    os.kill(os.getpid(), signal.SIGTERM)
    print("went on", flush=True)
    os.kill(os.getpid(), signal.SIGTERM)
    print("never said", flush=True)
"""


def test_the_first_signal_tells_why_and_interrupts_nothing(tmp_path):
    stop = StopSignal(tmp_path)
    before = signal.getsignal(signal.SIGINT)
    with stopping_on_signals(stop):
        assert stop.reason() is None
        os.kill(os.getpid(), signal.SIGINT)
        reason = stop.reason()
    assert reason is not None
    assert reason.code == "Interrupted"
    assert "SIGINT" in reason.message
    assert "same command again" in reason.message
    assert signal.getsignal(signal.SIGINT) == before


def test_without_a_signal_nothing_is_stopped_and_handlers_come_back(tmp_path):
    before = [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)]
    with stopping_on_signals(StopSignal(tmp_path)):
        assert [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)] != before
    assert [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)] == before
    assert StopSignal(tmp_path).reason() is None


def test_a_second_signal_ends_the_process_at_once(tmp_path):
    root = Path(__file__).resolve().parents[2]
    run = subprocess.run(
        [sys.executable, "-c", SECOND_SIGNAL, tmp_path],
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.stdout == "went on\n"
    assert run.returncode == -signal.SIGTERM
