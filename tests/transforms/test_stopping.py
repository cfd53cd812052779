from __future__ import annotations

from transforms.stopping import StopReason, StopSignal


def test_the_first_reason_stays_and_everybody_sees_it(tmp_path):
    first, second = StopSignal(tmp_path), StopSignal(tmp_path)
    assert first.reason() is None
    first.stop(StopReason("AuthFailure.SecretIdNotFound", "wrong id"))
    second.stop(StopReason("Other", "later"))
    assert second.reason() == first.reason() == StopReason("AuthFailure.SecretIdNotFound", "wrong id")
    assert [path.name for path in tmp_path.iterdir()] == ["stop.json"]


def test_waiting_ends_soon_after_the_stop(tmp_path):
    slept = []
    now = [0.0]

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds
        if len(slept) == 3:
            StopSignal(tmp_path).stop(StopReason("Interrupted", "told to"))

    signal = StopSignal(tmp_path, clock=lambda: now[0], sleep=sleep)
    signal.wait(60.0)
    assert len(slept) == 3


def test_waiting_lasts_as_long_as_asked_while_nothing_stops(tmp_path):
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    StopSignal(tmp_path, clock=lambda: now[0], sleep=sleep).wait(1.5)
    assert abs(now[0] - 1.5) < 1e-9
