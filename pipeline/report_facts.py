"""What the report shows; the templates lay it out. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.charts import Chart
from pipeline.error_rates import Evaluation
from pipeline.report_pieces import Strip, TextLine
from pipeline.standing_facts import DatasetStatus


@dataclass(frozen=True, slots=True)
class Fact:
    """A figure with its name; ``note`` puts it in its place."""

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a whole, in percent of it; ``look``, 0 to 4, tells it from its neighbours."""

    name: str
    value: str
    left: float
    width: float
    look: int
    percent: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One channel of a recording that is shown.

    Attributes:
        title: of the channel; empty where there is only one.
        lang: of its texts, for fonts and screen readers; empty where it is not known.
        facts: its figures.
        strips: pictures of its sound, the whole first; none where there is no sound.
        lines: what was said, segment by segment.
        lines_left: how many more segments there are.
        note: why there is no sound, or not all of it; empty for nothing to say.
    """

    title: str
    lang: str
    facts: tuple[Fact, ...]
    strips: tuple[Strip, ...]
    lines: tuple[TextLine, ...]
    lines_left: int
    note: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A recording that is shown.

    Attributes:
        why: what it was chosen for.
        problems: what is not whole.
    """

    name: str
    address: str
    recording_id: str | None
    why: str
    problems: tuple[str, ...]
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class ListedRecording:
    """A row of the longest or slowest recordings."""

    name: str
    status: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run in the table of runs; cells are text, empty where nothing is known."""

    run_id: str
    started: str
    state: str
    lasted: str
    cells: tuple[str, ...]
    is_shown: bool


@dataclass(frozen=True, slots=True)
class Course:
    """How a run went: charts, each with its sentence; None where nothing is known of it.

    Attributes:
        missing: what could not be shown, and why.
        why: this run is shown; empty where there is no other.
    """

    run_id: str
    facts: tuple[Fact, ...]
    rate: Chart | None
    latency: Chart | None = None
    times: tuple[Share, ...] = ()
    missing: tuple[str, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """All that the report shows; ``headline`` says it in a sentence."""

    made_at: str
    headline: str
    status: DatasetStatus
    facts: tuple[Fact, ...]
    standing: tuple[Share, ...]
    course: Course | None
    lengths: Chart | None
    lengths_facts: tuple[Fact, ...]
    longest: tuple[ListedRecording, ...]
    slowest: tuple[ListedRecording, ...]
    runs: tuple[RunRow, ...]
    runs_left: int
    shown: tuple[Shown, ...]
    audio_note: str
    evaluation: Evaluation | None = None
