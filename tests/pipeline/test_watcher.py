from __future__ import annotations

import pytest

from pipeline.watcher import NOBODY, Watchers
from tests.pipeline.progress_samples import CONFIG, ENDED, NOTE, REASON, STARTED, progress_at


class Told:
    def __init__(self, *, wants_failures: bool = False, error: Exception | None = None) -> None:
        self.wants_failures = wants_failures
        self.error = error
        self.heard: list[str] = []

    def __getattr__(self, name: str):
        def hear(*_: object) -> None:
            self.heard.append(name)
            if self.error is not None:
                raise self.error

        return hear


def tell_all(watcher) -> None:
    watcher.started(STARTED, "out", CONFIG)
    watcher.failed(NOTE)
    watcher.stopping(REASON)
    watcher.progress(progress_at(1))
    watcher.ended(ENDED)


ALL = ["started", "failed", "stopping", "progress", "ended"]


@pytest.mark.parametrize("error", [BrokenPipeError(), OSError(28, "no space"), ValueError("closed file")])
def test_a_watcher_whose_terminal_or_file_has_gone_keeps_nothing_from_the_others(error):
    gone, other = Told(error=error), Told()
    tell_all(Watchers([gone, other]))
    assert gone.heard == other.heard == ALL


def test_failures_are_wanted_if_one_of_them_wants_them():
    assert Watchers([Told(), Told(wants_failures=True)]).wants_failures
    assert not Watchers([Told()]).wants_failures
    assert not NOBODY.wants_failures
    tell_all(NOBODY)
