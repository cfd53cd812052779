from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
from pathlib import Path

import pytest

from pipeline.state import (
    STATE_FOLDER,
    chain_of_runs,
    compact_answers,
    found_state,
    held,
    lock_folder,
    prove_writable,
    state_folder,
    state_place,
    unfinished_chain,
)
from tests.transforms.answer_samples import answered, key
from transforms.answer_book import ANSWERS
from transforms.answer_store import AnswerStore
from transforms.budget import Budget
from transforms.errors import UsageError
from transforms.folders import OutputError
from transforms.local_logs import LocalLogs


def test_the_state_lies_hidden_in_the_output_unless_configured(tmp_path):
    assert state_folder(str(tmp_path / "out"), None) == tmp_path / "out" / STATE_FOLDER
    assert STATE_FOLDER.startswith(".")
    assert (tmp_path / "out" / STATE_FOLDER / ANSWERS).is_dir()
    other = str(tmp_path / "other")
    assert state_folder(str(tmp_path / "out"), other) == Path(other)
    assert state_folder("gs://bucket/out", other) == Path(other)


def test_a_state_may_lie_in_object_storage_and_outputs_there_have_it_inside(tmp_path):
    assert state_place("s3://bucket/out/", None) == "s3://bucket/out/.beamscribe"
    assert state_place("hdfs://host/out", "gs://bucket/state/") == "gs://bucket/state"
    output = str(tmp_path / "out")
    lock_folder(output, "s3://bucket/state")
    assert found_state(output, "s3://bucket/state") == "s3://bucket/state"
    with pytest.raises(UsageError, match="are recorded in s3://bucket/state, not in"):
        lock_folder(output, tmp_path)


def test_an_output_elsewhere_needs_a_configured_state():
    with pytest.raises(UsageError, match=r"output\.state"):
        state_folder("hdfs://host/out", None)


def test_a_state_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="Choose another"):
        state_folder(str(tmp_path / "file"), None)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return state_folder(str(tmp_path / "out"), None)


def test_one_run_holds_an_output_and_the_next_is_told_who(state):
    with held(state, "run-1"):
        with pytest.raises(UsageError, match=f"run run-1, process {os.getpid()} on "), held(state, "run-2"):
            pass
        # The one that was refused has not signed for it.
        assert json.loads((state / "holder.json").read_text())["run_id"] == "run-1"
    with held(state, "run-3"):
        assert json.loads((state / "holder.json").read_text())["run_id"] == "run-3"


@pytest.mark.parametrize("said", ["", "{", "{}"])
def test_a_holder_that_has_not_said_who_it_is_still_holds(said, state):
    with held(state, "run-1"):
        (state / "holder.json").write_text(said)
        with pytest.raises(UsageError, match="Another run"), held(state, "run-2"):
            pass


def test_the_lock_is_given_back_when_a_run_fails(state):
    with pytest.raises(OutputError), held(state, "run-1"):
        raise OutputError("full")
    with held(state, "run-2"):
        pass


def _hold(state: Path, ready) -> None:
    with held(state, "killed"):
        ready.set()
        signal.pause()


def test_a_lock_that_a_killed_process_held_does_not_block(state):
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    process = context.Process(target=_hold, args=(state, ready))
    process.start()
    assert ready.wait(60)
    with pytest.raises(UsageError, match=f"run killed, process {process.pid}"), held(state, "run-2"):
        pass
    process.kill()
    process.join()
    with held(state, "run-3"):
        pass


def test_what_can_be_written_is_proven_without_a_trace(state):
    prove_writable(state)
    assert list((state / ANSWERS).iterdir()) == []


def test_a_disk_that_takes_nothing_is_found_before_the_first_call(state, monkeypatch):
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match=r"No space left.*nothing was called"):
        prove_writable(state)


def test_a_disk_that_does_not_even_take_the_holder_is_no_traceback(state):
    (state / "holder.json").mkdir()
    with pytest.raises(OutputError, match="nothing was called"), held(state, "run-1"):
        pass
    (state / "holder.json").rmdir()
    with held(state, "run-2"):
        pass


def test_answers_of_ended_runs_are_put_together(state):
    for name in "abc":
        store = AnswerStore(LocalLogs(state / ANSWERS))
        store.add(answered(name))
        store.close()
    assert len(list((state / ANSWERS).glob("*.log"))) == 3
    compact_answers(state)
    assert len(list((state / ANSWERS).glob("*.log"))) == 1
    store = AnswerStore(LocalLogs(state / ANSWERS))
    assert [store.find(key(name)) for name in "abc"] == [answered(name) for name in "abc"]
    store.close()


def test_state_in_another_place_than_before_is_refused_and_a_copied_output_is_not(tmp_path):
    output, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    elsewhere.mkdir()
    lock_folder(str(output), state_folder(str(output), None))
    with pytest.raises(UsageError, match=r"output\.state"):
        lock_folder(str(output), elsewhere)
    copy = tmp_path / "copy"
    shutil.copytree(output, copy)
    assert lock_folder(str(copy), state_folder(str(copy), None)) == copy / ".beamscribe"


def test_a_run_that_continues_keeps_its_name_and_budget_and_another_begins_anew(tmp_path):
    first = chain_of_runs(tmp_path, continues=False)
    budget = Budget(tmp_path, None)
    budget.reserve()
    assert chain_of_runs(tmp_path, continues=True) == first
    assert budget.spent() == 1
    assert chain_of_runs(tmp_path, continues=False) != first
    assert budget.spent() == 0


def test_who_only_looks_finds_the_state_and_makes_nothing(tmp_path):
    output = tmp_path / "out"
    assert found_state(str(output), None) == output / STATE_FOLDER
    assert unfinished_chain(output / STATE_FOLDER) == ""
    assert not output.exists()
    state = state_folder(str(output), None)
    lock_folder(str(output), state)
    chain = chain_of_runs(state, continues=False)
    assert found_state(str(output), None) == state
    assert unfinished_chain(state) == chain
    with pytest.raises(UsageError, match="are recorded in"):
        found_state(str(output), str(tmp_path / "elsewhere"))
    with pytest.raises(UsageError, match=r"output\.state"):
        found_state("hdfs://host/out", None)
