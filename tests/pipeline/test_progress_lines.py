from __future__ import annotations

import io

from pipeline.progress_lines import ProgressLines
from tests.pipeline.progress_samples import CONFIG, ENDED, NOTE, NOW, REASON, STARTED, progress_at


def test_a_line_comes_every_so_often_and_at_the_end():
    stream = io.StringIO()
    lines = ProgressLines(stream, lambda: NOW)
    lines.started(STARTED, "out", CONFIG)
    for second in range(25):
        lines.progress(progress_at(second, recordings_found=second))
    lines.failed(NOTE)
    lines.ended(ENDED)
    told = [line.split(",")[0] for line in stream.getvalue().splitlines()]
    assert told == [f"2026-03-01T02:15:31Z recordings 0 of {found} so far" for found in (10, 20, 24)]
    assert ["time left" in line for line in stream.getvalue().splitlines()] == [True, True, False]


def test_a_run_that_is_over_before_anything_was_counted_says_nothing():
    stream = io.StringIO()
    lines = ProgressLines(stream, lambda: NOW)
    lines.started(STARTED, "out", CONFIG)
    lines.ended(ENDED)
    assert stream.getvalue() == ""


def test_the_reason_to_stop_is_told_at_once_and_cannot_move_the_cursor():
    stream = io.StringIO()
    ProgressLines(stream, lambda: NOW).stopping(REASON)
    assert stream.getvalue() == "stopping: Interrupted: SIGINT ?[2J was received.\n"
