from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from transforms.checksum import Checked, ChecksumReader
from transforms.chosen import ChannelChoice
from transforms.cut_source import CutTask, SourceCut
from transforms.cuts import CutPolicy
from transforms.decode_messages import Answer, Progress, answer_from_bytes, task_to_bytes
from transforms.decode_process import Work, serve
from transforms.wire import Wire

TASK = CutTask(
    "/a.wav", 16_000, ChannelChoice.mix(), CutPolicy.for_rate(16_000, max_samples=16_000), "energy", 24.0
)
NOTHING = SourceCut(Checked(0, 0, b""))


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def wires() -> Iterator[tuple[Wire, Wire]]:
    ours, theirs = map(Wire, socket.socketpair())
    yield ours, theirs
    ours.close()
    theirs.close()


def answers(wires: tuple[Wire, Wire], work: Work, clock: Clock, path: Path) -> list[Answer]:
    """What a process says of one task."""
    ours, theirs = wires
    serving = threading.Thread(target=serve, args=(theirs, work, clock))
    serving.start()
    with path.open("rb") as file:
        ours.send(task_to_bytes(TASK), [file.fileno()])
    said: list[Answer] = []
    while not said or isinstance(said[-1], Progress):
        said.append(answer_from_bytes(ours.receive()[0], []))
    ours.close()
    serving.join(60)
    assert not serving.is_alive()
    return said


def test_progress_is_told_twice_a_second_at_most(wires):
    clock = Clock()

    def work(source: BinaryIO, task: CutTask, progress: Callable[[float], None]) -> SourceCut:
        for step in range(40):
            clock.now += 0.125
            progress(float(step))
        return NOTHING

    said = answers(wires, work, clock, Path(__file__))
    assert [each.seconds for each in said if isinstance(each, Progress)] == list(range(3, 40, 4))
    assert said[-1] == NOTHING


def test_reading_is_progress_until_it_runs_in_circles(wires, tmp_path):
    clock = Clock()
    path = tmp_path / "a"
    path.write_bytes(bytes(1 << 20))

    def work(source: BinaryIO, task: CutTask, progress: Callable[[float], None]) -> SourceCut:
        reader = ChecksumReader(source)
        for _ in range(100):
            reader.seek(0)
            while reader.read(1 << 18):
                clock.now += 1
        return NOTHING

    said = answers(wires, work, clock, path)
    assert 8 <= len(said) < 40


def test_a_recording_is_closed_when_it_is_done(wires, tmp_path):
    descriptors: list[int] = []

    def work(source: BinaryIO, task: CutTask, progress: Callable[[float], None]) -> SourceCut:
        descriptors.append(source.fileno())
        raise OSError(28, "No space left on device")

    answers(wires, work, Clock(), Path(__file__))
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptors[0])
