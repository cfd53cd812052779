from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.at_work import at_work, budget_spent, is_listed
from pipeline.standing_facts import AtWork, Working
from pipeline.state import STATE_FOLDER, held, lock_folder, state_folder
from transforms.budget import Budget

RUN = "20260101T000000Z-0a0b0c0d"
linux_only = pytest.mark.skipif(not Path("/proc/locks").exists(), reason="needs Linux's list of locks")


def held_by(output: Path, **changes: object) -> None:
    """What a run leaves that has held the lock."""
    folder = output / STATE_FOLDER
    folder.mkdir(exist_ok=True)
    (folder / "lock").touch()
    about = {"run_id": RUN, "pid": os.getpid(), "host": "here", **changes}
    (folder / "holder.json").write_text(json.dumps(about))


@pytest.fixture
def no_list(tmp_path: Path) -> Path:
    return tmp_path / "no such list"


@linux_only
def test_a_run_is_at_work_while_its_lock_is_held_and_no_longer(tmp_path):
    assert at_work(str(tmp_path), None, ()) == AtWork(Working.NO)
    lock = lock_folder(str(tmp_path), state_folder(str(tmp_path), None))
    with held(lock, RUN):
        found = at_work(str(tmp_path), None, ())
        assert (found.working, found.run_id, found.pid) == (Working.YES, RUN, os.getpid())
    assert at_work(str(tmp_path), None, ()) == AtWork(Working.NO)


@linux_only
def test_asking_takes_no_lock_and_makes_no_file(tmp_path):
    held_by(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    kept = (tmp_path / STATE_FOLDER / "lock").stat()
    at_work(str(tmp_path), None, ())
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / STATE_FOLDER / "lock").stat().st_atime_ns == kept.st_atime_ns
    assert not is_listed(Path("/proc/locks").read_text(), kept, os.getpid())


def test_without_a_list_of_locks_the_process_is_looked_for(tmp_path, no_list):
    held_by(tmp_path)
    assert at_work(str(tmp_path), None, (), host="here", locks=no_list).working is Working.YES
    assert at_work(str(tmp_path), None, {RUN}, host="here", locks=no_list) == AtWork(Working.NO)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    held_by(tmp_path, pid=ended.pid)
    assert at_work(str(tmp_path), None, (), host="here", locks=no_list) == AtWork(Working.NO)


def test_of_another_machine_only_an_end_that_was_told_is_known(tmp_path, no_list):
    held_by(tmp_path, host="there")
    found = at_work(str(tmp_path), None, (), host="here", locks=no_list)
    assert found == AtWork(Working.UNKNOWN, RUN, os.getpid(), "there")
    assert at_work(str(tmp_path), None, {RUN}, host="here", locks=no_list) == AtWork(Working.NO)
    assert at_work("hdfs://host/out", None, ()) == AtWork(Working.UNKNOWN)


def test_a_holder_that_is_half_written_tells_nothing(tmp_path):
    held_by(tmp_path)
    (tmp_path / STATE_FOLDER / "holder.json").write_text('{"run_')
    assert at_work(str(tmp_path), None, ()) == AtWork(Working.UNKNOWN)


def test_a_lock_is_found_by_its_file_and_its_device_or_holder(tmp_path):
    file = tmp_path / "lock"
    file.touch()
    stat = file.stat()
    device = f"{os.major(stat.st_dev):02x}:{os.minor(stat.st_dev):02x}"

    def line(kind: str = "FLOCK", mode: str = "WRITE", pid: int = 7, where: str = device, inode: int = 0):
        return f"1: {kind}  ADVISORY  {mode} {pid} {where}:{inode or stat.st_ino} 0 EOF\n"

    assert is_listed(line(), stat, 8)
    assert is_listed(line(where="ff:ff"), stat, 7)
    assert not is_listed(line(where="ff:ff"), stat, 8)
    assert not is_listed(line(inode=stat.st_ino + 1), stat, 7)
    assert not is_listed(line("POSIX") + line(mode="READ") + "1: -> FLOCK ADVISORY WRITE\n\n", stat, 7)


@pytest.mark.parametrize("elsewhere", [False, True])
def test_the_budget_is_read_where_the_state_lies(elsewhere, tmp_path):
    output = tmp_path / "out"
    output.mkdir()
    assert budget_spent(str(output), None) is None
    state = state_folder(str(output), str(tmp_path / "state") if elsewhere else None)
    lock_folder(str(output), state)
    assert budget_spent(str(output), None) is None
    budget = Budget(state, None)
    for _ in range(300):
        budget.reserve()
    budget.close()
    assert budget_spent(str(output), None) == 300
    assert budget_spent("hdfs://host/out", str(state)) == 300
    assert budget_spent("hdfs://host/out", None) is None
