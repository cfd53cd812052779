from __future__ import annotations

import io
import logging
import sys
from dataclasses import replace

import pytest
from rich.console import Console

from pipeline.progress_live import frame_of, shown
from tests.pipeline.progress_samples import CONFIG, ENDED, NOTE, REASON, STARTED, progress_at


def console_of(width: int = 100) -> Console:
    return Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)


def text_of(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def picture(progress, width=100, **options) -> str:
    console = console_of(width)
    console.print(frame_of(progress, "Transcribing", "out", width, **options))
    return text_of(console)


@pytest.mark.parametrize("width", [30, 60, 80, 120])
def test_nothing_of_it_is_wider_than_the_terminal_or_lost(width):
    shown = picture(progress_at(3700, recordings_found=2, recordings_done=1, calls=1234), width)
    assert all(len(line) <= width for line in shown.splitlines())
    assert all(word in shown for word in ("Transcribing", "1:01:40", "1,234", "Recordings", "CNY"))
    assert ("━" in shown) == (width >= 72)


def test_why_it_stops_takes_the_place_of_the_time_left():
    assert "Time left" in picture(progress_at(1))
    stopping = picture(progress_at(1), reason=REASON)
    assert "Time left" not in stopping
    assert "Interrupted: SIGINT ?[2J was received." in stopping


def test_markup_in_names_and_codes_is_shown_as_it_is():
    counted = progress_at(1)
    codes = replace(counted.counts, failures={"[red]Odd": 1}, retries={"[/]": 2})
    shown = picture(replace(counted, counts=codes))
    assert "[red]Odd 1" in shown
    assert "[/] 2" in shown


def test_nothing_is_shown_before_a_process_has_told_something_and_the_end_stays():
    console = console_of()
    with shown(console) as display:
        display.started(STARTED, "out", CONFIG)
        display.progress(replace(progress_at(1), processes=0))
        assert "Transcribing" not in text_of(console)
        display.progress(progress_at(2))
        assert "Transcribing" in text_of(console)
        display.stopping(REASON)
        display.failed(NOTE)
        display.progress(progress_at(3))
        assert "Stopping" in text_of(console)
        display.ended(ENDED)
    assert text_of(console).rpartition("Transcribed")[2].splitlines()[0].split() == ["0:00:03", "out"]


def test_what_is_logged_meanwhile_goes_above_it_and_later_where_it_went_before():
    before = io.StringIO()
    handler = logging.StreamHandler(before)
    logging.getLogger().addHandler(handler)
    try:
        with shown(console_of()):
            assert handler.stream is sys.stderr
        assert handler.stream is before
    finally:
        logging.getLogger().removeHandler(handler)
