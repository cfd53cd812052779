from __future__ import annotations

import io
from dataclasses import fields

from rich.console import Console

from pipeline.plan import Progress
from pipeline.plan_facts import (
    Amounts,
    Binds,
    BudgetOutlook,
    Cost,
    Duration,
    FailedCode,
    FailedRecording,
    Plan,
    Recordings,
    Sample,
    Stops,
)
from pipeline.plan_text import progress_shown, show_plan
from pipeline.sampling import Figure
from pipeline.standing_facts import AtWork, Working

ABOUT = Figure(7200, 3600, 10_800)


def plan_of(**changes: object) -> Plan:
    given: dict[str, object] = {
        "output": "/data/out",
        "at_work": AtWork(Working.NO),
        "recordings": Recordings(10, 2, 1, 7, 0, 7, 0, 3),
        "sample": None,
        "amounts": Amounts(**{each.name: Figure.known(7200) for each in fields(Amounts)}),
        "payload_is_exact": True,
        "duration": Duration(ABOUT, Figure.known(100), ABOUT, Binds.MACHINE, 24.6, 1.95, 120.0, 2),
        "cost": Cost("3.2000", "1.6000", "4.8000", "CNY", 1000, "2026-01-02", "a price list", 5000),
        "budget": None,
        "failed_codes": (),
        "failed": (),
        "exit_code": 0,
    }
    return Plan(**{**given, **changes})


def shown(plan: Plan) -> str:
    file = io.StringIO()
    show_plan(Console(file=file, width=120), plan)
    return file.getvalue()


def test_all_facts_are_told():
    text = shown(plan_of())
    for part in (
        "Plan of a run into /data/out", "3 other files left out", "transcribed before", "2 h", "7,200",
        "Duration: about 2 h (1 h to 3 h): this machine's decoding binds",
        "1 min 40 s of calls at 24.6 a second, if one takes no longer than 1.9 s",
        "120 times real time with 2 processes", "Cost: 3.20 CNY (1.60 to 4.80), by the prices of 2026-01-02",
    ):  # fmt: skip
        assert part in text, part
    assert "in channels" not in text
    assert "Budget" not in text
    assert "at work" not in text


def test_what_is_estimated_has_its_interval_and_its_sample():
    amounts = Amounts(**{each.name: ABOUT for each in fields(Amounts)})
    text = shown(plan_of(amounts=amounts, payload_is_exact=False, sample=Sample(50, 50, 9000, 3, 12, 7)))
    assert "Estimated from 50 of 9,000 recordings (seed 7), 3 of them for their size" in text
    assert "tells no size of 12" in text
    assert "(3,600 to 10,800)" in text
    assert "(1 h to 3 h)" in text
    assert "payload, about" in text


def test_a_run_at_work_a_budget_and_failures_are_told_without_moving_the_cursor():
    odd = FailedRecording("NotAudio", "b\x1b[2J.mp3", "/in/b.mp3", "decode", "[red]no\nsound", False)
    text = shown(
        plan_of(
            at_work=AtWork(Working.YES, "20260101T000000Z-0a0b0c0d", 77, "here"),
            budget=BudgetOutlook(100, 40, Stops.YES, 0.25),
            failed=(odd,) * 25,
            failed_codes=(FailedCode("NotAudio", 25),),
        )
    )
    assert "A run is at work there (20260101T000000Z-0a0b0c0d, process 77)" in text
    assert "has used 40: it stops the run after 25 % of these calls" in text
    assert "Failing: NotAudio 25" in text
    assert "(5 more; --json has up to 1,000)" in text
    assert "[red]no?sound" in text
    assert "\x1b" not in text
    assert "\x1b" not in plan_of(failed=(odd,)).as_json()


def test_nothing_left_to_do_is_said():
    text = shown(plan_of(recordings=Recordings(3, 3, 0, 0, 0, 0, 0, 0), output=None))
    assert "nothing is left to read or to call" in text
    assert "Without --output nothing counts" in text


def test_progress_shows_on_a_terminal_alone():
    for terminal in (False, True):
        file = io.StringIO()
        with progress_shown(Console(file=file, force_terminal=terminal, width=100)) as told:
            told(Progress(12, 50, 7200))
        assert ("Recordings read: 12 of 50, 2 h" in file.getvalue()) is terminal
