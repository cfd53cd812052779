"""Kills a run's whole process group at seeded moments, again and again, then lets it end.

After every kill the dataset is read whole. At the end every segment must have been
transcribed once, and the service must not have been asked for the same sound more
often than the calls in flight at the kills allow: ``billed - distinct <= kills *
concurrency``.

    python -m benchmarks.kills [--kills 200] [--seed 1] [--quick]
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow.dataset as ds
import soundfile

from pipeline.service.server import LocalService
from pipeline.service.settings import TEST_SECRET_ID, TEST_SECRET_KEY, ServiceSettings

RATE = 16_000
CONCURRENCY = 8
NEW_RECORDINGS = 12
"""Recordings that are added before each run, so that there is always something to pay for."""

LONG_SECONDS = 9.0
SHORT_SECONDS = 0.8
MAX_SECONDS = 2
CHECKOUT = Path(__file__).resolve().parents[1]


@dataclass
class Outcome:
    """What the kills came to.

    Attributes:
        killed: runs that were killed before they ended by themselves.
        ended: runs that ended first.
        worst_repeated: the most calls that one kill made be paid for twice.
        problems: what should never be, a line each.
    """

    killed: int = 0
    ended: int = 0
    billed: int = 0
    distinct: int = 0
    worst_repeated: int = 0
    problems: list[str] = field(default_factory=list)


def kill_again_and_again(kills: int, seed: int, folder: Path, say: Callable[[str], None]) -> Outcome:
    """Do it in an empty folder; see the module."""
    chance = random.Random(seed)
    corpus, output = folder / "corpus", folder / "out"
    corpus.mkdir()
    outcome = Outcome()
    service = LocalService(ServiceSettings(latency_ms=(30.0, 150.0), seed=seed))
    with service:
        for number in range(kills):
            _add_recordings(corpus, number)
            repeated_before = _repeated(service)
            _run_and_kill(service, corpus, output, chance, outcome)
            repeated = _repeated(service) - repeated_before
            outcome.worst_repeated = max(outcome.worst_repeated, repeated)
            if repeated > CONCURRENCY:
                outcome.problems.append(f"kill {number}: {repeated} calls were paid for twice")
            outcome.problems += [f"kill {number}: {problem}" for problem in _unreadable(output)]
            if (number + 1) % 20 == 0:
                say(f"{number + 1} kills, {service.stats().billed} calls billed")
        code = _start(service, corpus, output).wait(timeout=600)
        stats = service.stats()
        outcome.billed, outcome.distinct = stats.billed, stats.distinct_billed_payloads
        before = stats.calls
        again = _start(service, corpus, output).wait(timeout=600)
        if (code, again) != (0, 0):
            outcome.problems.append(f"the last runs ended with {code} and {again}")
        if service.stats().calls != before:
            outcome.problems.append("a rerun over what was finished made calls")
    outcome.problems += _incomplete(corpus, output)
    return outcome


def _run_and_kill(
    service: LocalService, corpus: Path, output: Path, chance: random.Random, outcome: Outcome
) -> None:
    """A third of the kills fall anywhere in the life of the process, the others between calls."""
    calls_before = service.stats().calls
    anywhere = chance.random() < 1 / 3
    calls = 0 if anywhere else chance.randint(0, 2 * NEW_RECORDINGS)
    moment_seconds = chance.uniform(0.5, 5.0) if anywhere else chance.uniform(0.0, 0.2)
    process = _start(service, corpus, output)
    while process.poll() is None and service.stats().calls < calls_before + calls:
        time.sleep(0.005)
    until = time.monotonic() + moment_seconds
    while process.poll() is None and time.monotonic() < until:
        time.sleep(0.005)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        outcome.killed += 1
    else:
        outcome.ended += 1
        if process.returncode != 0:
            outcome.problems.append(f"a run that was not killed ended with {process.returncode}")
    process.wait()


def _start(service: LocalService, corpus: Path, output: Path) -> subprocess.Popen[bytes]:
    arguments = [
        *(sys.executable, "-m", "pipeline", "run", "--input", corpus, "--output", output),
        f"--set=recognition.endpoint={service.endpoint}",
        "--set=recognition.engine=16k_en",
        "--set=recognition.requests_per_second=100",
        f"--set=recognition.concurrency={CONCURRENCY}",
        f"--set=segmentation.max_seconds={MAX_SECONDS}",
        "--set=segmentation.skip_silence=false",  # made sound is no speech
        "--set=output.rows_per_part=5",
    ]
    secrets = {"TENCENTCLOUD_SECRET_ID": TEST_SECRET_ID, "TENCENTCLOUD_SECRET_KEY": TEST_SECRET_KEY}
    return subprocess.Popen(
        arguments,
        cwd=CHECKOUT,
        env={**os.environ, **secrets, "TENCENTCLOUD_TOKEN": ""},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )


def _add_recordings(corpus: Path, number: int) -> None:
    """New sound each time: short ones, one of several segments, and one that repeats another."""
    noise = np.random.default_rng(number)
    for index in range(NEW_RECORDINGS - 1):
        seconds = LONG_SECONDS if index == 0 else SHORT_SECONDS
        samples = noise.integers(-8000, 8000, round(seconds * RATE)).astype(np.int16)
        soundfile.write(corpus / f"{number:03}-{index:02}.wav", samples, RATE)
    (corpus / f"{number:03}-copy.wav").write_bytes((corpus / f"{number:03}-01.wav").read_bytes())


def _repeated(service: LocalService) -> int:
    """Calls that were billed for a sound that had been billed before."""
    stats = service.stats()
    return stats.billed - stats.distinct_billed_payloads


def _unreadable(output: Path) -> list[str]:
    problems = []
    for table in ("segments", "transcripts", "failures"):
        if (output / table).is_dir() and any((output / table).glob("*.parquet")):
            try:
                ds.dataset(output / table, format="parquet").to_table()
            except (OSError, ValueError) as error:
                problems.append(f"{table} cannot be read: {error}")
    return problems


def _incomplete(corpus: Path, output: Path) -> list[str]:
    """What is lost, doubled or left over when all is done."""
    problems = []
    names = {str(path) for path in corpus.glob("*.wav")}
    tables = {
        name: ds.dataset(output / name, format="parquet").to_table().to_pylist()
        for name in ("segments", "transcripts", "failures")
    }
    for name, key in (("segments", ("audio_uri", "segment_index")), ("transcripts", ("audio_uri",))):
        counts = Counter(tuple(row[column] for column in key) for row in tables[name])
        doubled = sum(count > 1 for count in counts.values())
        missing = len(names - {found[0] for found in counts})
        if doubled or missing:
            problems.append(f"{name}: {doubled} keys doubled, {missing} recordings missing")
    segments_of = Counter(row["audio_uri"] for row in tables["segments"])
    for row in tables["transcripts"]:
        if row["status"] != "complete" or segments_of[row["audio_uri"]] != row["segments"]:
            problems.append(
                f"{row['audio_uri']} is {row['status']}, {segments_of[row['audio_uri']]} segments"
            )
    if tables["failures"]:
        problems.append(f"{len(tables['failures'])} failures are left")
    return problems


def main() -> int:
    """Print the figures; 1 when something was lost, doubled or paid for too often."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--kills", type=int, default=200)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--quick", action="store_true", help="5 kills")
    given = options.parse_args()
    kills = 5 if given.quick else given.kills
    with tempfile.TemporaryDirectory() as folder:
        outcome = kill_again_and_again(kills, given.seed, Path(folder), print)
    repeated = outcome.billed - outcome.distinct
    print(f"{outcome.killed} runs killed, {outcome.ended} ended by themselves")
    print(
        f"{outcome.billed} calls billed for {outcome.distinct} distinct segments: {repeated} paid for twice"
    )
    print(
        f"per kill: {repeated / max(outcome.killed, 1):.2f} on average, {outcome.worst_repeated} at worst; "
        f"the bound is {CONCURRENCY}, the calls in flight"
    )
    print("\n".join(outcome.problems) or "nothing lost, nothing doubled, readable after every kill")
    return int(bool(outcome.problems))


if __name__ == "__main__":
    sys.exit(main())
