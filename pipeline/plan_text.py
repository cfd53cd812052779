"""Prints a `Plan` for people, and how far it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from pipeline.page_text import duration, many, percent, size
from pipeline.plain import plain
from pipeline.plan import Progress
from pipeline.plan_facts import Binds, Plan, Stops
from pipeline.sampling import Figure
from pipeline.show import MOST_ROWS
from pipeline.standing_facts import Working

_NAME_COLUMNS = 30


@contextmanager
def progress_shown(console: Console) -> Iterator[Callable[[Progress], None]]:
    """Show on a terminal, and nowhere else, how far a plan is."""
    if not console.is_terminal:
        yield lambda _: None
        return
    with console.status("Listing recordings") as status:

        def show(progress: Progress) -> None:
            of = "" if progress.of is None else f" of {progress.of:,}"
            status.update(f"Recordings read: {progress.recordings:,}{of}, {duration(progress.audio_seconds)}")

        yield show


def show_plan(console: Console, found: Plan) -> None:
    """Print it: what there is, what is paid, how long it takes and what it costs."""
    _say(console, _beginning(found))
    console.print(_amounts(found))
    _say(console, _duration(found))
    _say(console, _cost(found))
    if found.failed:
        console.print(_failed(found))
        left = sum(each.recordings for each in found.failed_codes) - MOST_ROWS
        if left > 0:
            _say(console, iter([f"({left:,} more; --json has up to 1,000)"]))


def _say(console: Console, lines: Iterator[str]) -> None:
    console.print("\n".join(map(plain, lines)), markup=False, highlight=False, soft_wrap=True)


def _beginning(found: Plan) -> Iterator[str]:
    if found.output is None:
        yield "Plan of a run. Without --output nothing counts as transcribed or paid before."
    else:
        yield f"Plan of a run into {found.output}"
    if found.at_work is not None and found.at_work.working is Working.YES:
        yield (
            f"A run is at work there ({found.at_work.run_id}, process {found.at_work.pid}): what it pays "
            "from now on is not taken off."
        )
    elif found.at_work is not None and found.at_work.working is Working.UNKNOWN:
        yield "Whether a run is at work there cannot be told from this machine."
    sample = found.sample
    if sample is not None:
        yield (
            f"Estimated from {sample.read:,} of {many(sample.all_of, 'recording')} (seed {sample.seed}), "
            f"{sample.largest:,} of them for their size. In brackets: 95 % intervals."
        )
        if sample.without_size:
            yield f"The listing tells no size of {sample.without_size:,}, so the intervals are wider."


def _amounts(found: Plan) -> Grid:
    grid = Grid(box=None, pad_edge=False, show_header=False)
    grid.add_column()
    grid.add_column(justify="right")
    grid.add_column()
    grid.add_row("recordings", _whole(found.recordings.found), _left_out(found))
    for name, figure, shown in _figures(found):
        grid.add_row(name, shown(figure.value), _brackets(figure, shown).strip())
    return grid


def _figures(found: Plan) -> Iterator[tuple[str, Figure, Callable[[float], str]]]:
    recordings, amounts = found.recordings, found.amounts
    yield "  transcribed before, not read", Figure.known(recordings.transcribed_before), _whole
    yield "  failed before, not read", Figure.known(recordings.failed_before), _whole
    yield "  to read", Figure.known(recordings.to_read), _whole
    yield "  of these failing", amounts.failed, _whole
    yield "audio", amounts.audio_seconds, duration
    if amounts.channel_seconds != amounts.audio_seconds:
        yield "  in channels", amounts.channel_seconds, duration
    yield "speech", amounts.speech_seconds, duration
    yield "segments", amounts.segments, _whole
    yield "  paid before", amounts.paid_before, _whole
    yield "  refused before, not called", amounts.refused_before, _whole
    yield "  equal to another", amounts.equal, _whole
    yield "calls to pay", amounts.calls, _whole
    yield "payload" if found.payload_is_exact else "payload, about", amounts.payload_bytes, size


def _left_out(found: Plan) -> str:
    others = found.recordings.other_files
    return f"{many(others, 'other file')} left out" if others else ""


def _duration(found: Plan) -> Iterator[str]:
    if not found.recordings.to_read:
        yield "Duration: nothing is left to read or to call"
        return
    takes = found.duration
    calling = (
        f"{duration(takes.calling_seconds.value)} of calls at {takes.calls_per_second:g} a second, if one "
        f"takes no longer than {duration(takes.call_seconds_at_most)}"
    )
    machine = f"{duration(takes.machine_seconds.value)} of reading and decoding here"
    if takes.times_real_time is not None:
        machine += f", {takes.times_real_time:,.0f} times real time with {takes.decode_processes} processes"
    binds = "the quota binds" if takes.binds is Binds.QUOTA else "this machine's decoding binds"
    yield f"Duration: about {duration(takes.seconds.value)}{_brackets(takes.seconds, duration)}: {binds}"
    yield f"  {calling}"
    yield f"  {machine}"
    if found.recordings.by_address:
        yield f"  Passed on by address, their length not known: {found.recordings.by_address:,}"
    if found.recordings.downloaded_now:
        yield f"  Downloaded now, and again by the run: {many(found.recordings.downloaded_now, 'recording')}"


def _cost(found: Plan) -> Iterator[str]:
    cost = found.cost
    between = "" if cost.low == cost.high else f" ({_money(cost.low)} to {_money(cost.high)})"
    yield (
        f"Cost: {_money(cost.amount)} {cost.currency}{between}, by the prices of {cost.read_on} for "
        f"the calls of each day; {cost.free_calls_per_month:,} free calls a month are not deducted"
    )
    budget = found.budget
    if budget is None:
        return
    spent = f", of which an unfinished run has used {budget.spent:,}" if budget.spent else ""
    ends = {
        Stops.NO: "is enough",
        Stops.YES: f"stops the run after {percent(budget.share)} of these calls",
        Stops.PERHAPS: "may not be enough",
    }
    yield f"Budget: {budget.max_calls:,} calls{spent}: it {ends[budget.stops]}"


def _failed(found: Plan) -> Grid:
    codes = ", ".join(f"{each.code} {each.recordings:,}" for each in found.failed_codes)
    title = Text(plain(f"Failing: {codes}"))
    grid = Grid(title=title, title_justify="left", title_style="", expand=True)
    grid.add_column("recording", overflow="fold", max_width=_NAME_COLUMNS)
    grid.add_column("code", overflow="fold")
    grid.add_column("message", overflow="fold", ratio=1)
    for each in found.failed[:MOST_ROWS]:
        grid.add_row(*(Text(plain(cell)) for cell in (each.name, each.code, each.message)))
    return grid


def _brackets(figure: Figure, shown: Callable[[float], str]) -> str:
    return "" if figure.is_known else f" ({shown(figure.low)} to {shown(figure.high)})"


def _whole(number: float) -> str:
    return f"{number:,.0f}"


def _money(amount: str) -> str:
    number = float(amount)
    return f"{number:,.2f}" if number >= 1 else f"{number:.4f}" if number else "0"
