"""What is in OUTPUT already, for a plan: looked at while a run may be at work, and never touched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline.at_work import at_work, budget_spent
from pipeline.config import Config
from pipeline.dataset_check import dataset_version
from pipeline.finished import continues_the_last, ended_among, run_records
from pipeline.job import skipping_of
from pipeline.shared_state import unfinished_chain_in
from pipeline.standing_facts import AtWork
from pipeline.state import found_state
from transforms.addresses import display_name, is_uri
from transforms.answer_book import record_in
from transforms.answer_record import AnswerRecord
from transforms.errors import UsageError
from transforms.folders import OutputError
from transforms.known import Standing
from transforms.records import Recording

# A run that ends replaces its parts once; more looks than that mean that something else is wrong.
_LOOKS = 5


@dataclass(frozen=True, slots=True)
class Found:
    """What a run would find.

    Attributes:
        standing: tells how a recording stands; None where all are to be read.
        record: what was paid for; None without an OUTPUT.
        chain: the name of the unfinished run that would be continued; empty for none.
        spent: calls that it has counted against the budget.
        at_work: whether a run is at work there; None without an OUTPUT.
    """

    standing: Callable[[Recording], Standing] | None = None
    record: AnswerRecord | None = None
    chain: str = ""
    spent: int = 0
    at_work: AtWork | None = None


def look_at(output: str | None, config: Config, folder: Path) -> Found:
    """Look at an output.

    Args:
        output: OUTPUT, which need not be there; None for none.
        config: of the run that is planned.
        folder: for what has to be written down meanwhile.

    Raises:
        UsageError: a run would refuse it.
        OutputError: it cannot be read.
    """
    if output is None:
        return Found()
    if not is_uri(output) and Path(output).exists() and not Path(output).is_dir():
        raise UsageError(f"--output {display_name(output)} is a file; expected a folder, or a name for one.")
    state = found_state(output, config.output.state)
    record = record_in(state, looks_only=True)
    if dataset_version(output) is None:
        return Found(record=record, at_work=at_work(output, config.output.state, ()))
    for look in range(_LOOKS):
        try:
            return _look(output, config, folder, state, record)
        except OutputError as error:
            # A run that ends replaces parts while they are read.
            vanished = isinstance(error.__cause__, FileNotFoundError)
            if not vanished or look == _LOOKS - 1:
                raise
    raise AssertionError("the last look returns or raises")


def _look(output: str, config: Config, folder: Path, state: Path | str, record: AnswerRecord) -> Found:
    records = run_records(output)
    skipping = skipping_of(config, output, folder, records)
    continues = continues_the_last(records)
    return Found(
        standing=None if skipping is None else skipping.open(),
        record=record,
        chain=unfinished_chain_in(state) if continues else "",
        spent=(budget_spent(output, config.output.state) or 0) if continues else 0,
        at_work=at_work(output, config.output.state, ended_among(records)),
    )
