"""Cuts in words, calls, lost words and CPU of cutting, beside the best plan there is and other cutters.

Real recordings with known words are joined with known pauses, in silence and under noise; the
reference is the plan with the fewest calls by the true words. Without those recordings the
shipped synthetic speech is taken.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from benchmarks.corpus import SAMPLE_RATE
from benchmarks.cut_corpus import Joined, butt, join, to_pcm, with_noise
from benchmarks.cut_judge import Verdict, best_plan, judge
from benchmarks.cut_noise import noises
from benchmarks.cut_rivals import Pcm, rivals
from benchmarks.cut_speech import Floats, Spoken, real_speech, shipped_speech
from benchmarks.tables import show
from transforms.cuts import CutPlanner, CutPolicy, frame_energies
from transforms.records import PlannedSegment
from transforms.speech import DETECTORS, open_detector

MAX_SECONDS = 59
REFERENCE = "the true words (reference)"
CONTINUOUS = "no pauses"
CLEAN = "clean"

# Share of the cuts that may fall into words, and segments to the reference's.
_GOALS, _LOUD_GOALS = (0.01, 1.0), (0.03, 1.03)
_LOST_GOAL = 0.001
_PARTS, _PART_MINUTES = 3, 20.0
_SNRS_DB = (20, 10, 5)
_TOLERANCE = SAMPLE_RATE * 30 // 1000
_MIN_TRUE_PAUSE = SAMPLE_RATE // 10
_OVERLAP = SAMPLE_RATE
_SQUEEZE = SAMPLE_RATE // 2
_BLOCK = 5 * SAMPLE_RATE
_HOUR = 3600 * SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class Corpus:
    """Recordings under one condition.

    Attributes:
        parts: made when they are asked for: hours of them need not fit into memory.
        min_true_pause: between words, in samples, for the reference to cut there.
    """

    condition: str
    parts: Callable[[], Iterator[Joined]]
    min_true_pause: int = _MIN_TRUE_PAUSE


@dataclass(frozen=True, slots=True)
class Cutting:
    """How one method cut the recordings of one condition."""

    condition: str
    method: str
    verdict: Verdict
    cpu_seconds: float
    samples: int

    @property
    def bad_share(self) -> float:
        """Of the cuts, those in words."""
        return self.verdict.bad_cuts / max(self.verdict.cuts, 1)

    @property
    def lost_share(self) -> float:
        """Of the words, those that were lost."""
        return self.verdict.lost_words / self.verdict.words


@dataclass(frozen=True, slots=True)
class Heard:
    """What a detector says of a recording, and its CPU, frame levels included."""

    speech: NDArray[np.float32]
    energies: NDArray[np.float64]
    cpu_seconds: float


def corpora(speech: Sequence[Spoken], *, parts: int, minutes: float, snrs_db: Sequence[int]) -> list[Corpus]:
    """The conditions: clean, each noise at each distance, and speech without pauses.

    Args:
        speech: recordings with their words.
        parts: how many are joined for each condition.
        minutes: the length of each.
        snrs_db: powers of speech over noise.
    """
    tight = [spoken for spoken in speech if spoken.is_tight]

    clean = partial(_joined, tight, parts, minutes)
    found = [Corpus(CLEAN, clean)]
    for snr_db in snrs_db:
        for name, noise in noises(speech, seed=parts).items():
            found.append(Corpus(f"{snr_db} dB over {name}", partial(_noisy, clean, noise, snr_db)))
    return [*found, Corpus(CONTINUOUS, partial(_butted, tight, parts, minutes), min_true_pause=0)]


def policies(*, continuous: bool) -> dict[str, CutPolicy]:
    """The default policy, and by name what may be added to it."""
    usual = CutPolicy.for_rate(SAMPLE_RATE, max_samples=MAX_SECONDS * SAMPLE_RATE)
    if continuous:
        return {"": usual, ", overlap of 1 s": replace(usual, overlap_samples=_OVERLAP)}
    return {"": usual, ", squeezed to 0.5 s": replace(usual, squeeze_samples=_SQUEEZE)}


def measure(corpus: Corpus) -> list[Cutting]:
    """Cut the recordings of a condition in every way; the reference comes first."""
    found: dict[str, Cutting] = {}
    for part in corpus.parts():
        pcm = to_pcm(part.samples)
        for method, (plan, cpu_seconds) in _plans(corpus, part, pcm):
            before = found.get(method, Cutting(corpus.condition, method, Verdict(), 0.0, 0))
            found[method] = replace(
                before,
                verdict=before.verdict + _judge(plan, part),
                cpu_seconds=before.cpu_seconds + cpu_seconds,
                samples=before.samples + len(pcm),
            )
    return list(found.values())


def listen(pcm: Pcm, detector_name: str) -> Heard:
    """Let a detector hear a recording block by block."""
    frame = SAMPLE_RATE // 100
    started = time.process_time()
    detector = open_detector(detector_name, SAMPLE_RATE)
    blocks = [pcm[start : start + _BLOCK] for start in range(0, len(pcm), _BLOCK)]
    speech = [detector.push(block) for block in blocks]
    speech.append(detector.finish())
    energies = [frame_energies(block, frame) for block in blocks]
    return Heard(np.concatenate(speech), np.concatenate(energies), time.process_time() - started)


def plan_cuts(heard: Heard, policy: CutPolicy, total_samples: int) -> list[PlannedSegment]:
    """Let the planner cut what was heard, as it comes."""
    planner = CutPlanner(policy)
    step = _BLOCK // policy.frame_samples
    plan: list[PlannedSegment] = []
    for start in range(0, len(heard.speech), step):
        plan += planner.push(heard.speech[start : start + step], heard.energies[start : start + step])
    return plan + planner.finish(total_samples)


def report(measured: Sequence[Cutting]) -> None:
    """Print a table of a condition; its first row is the reference."""
    reference = measured[0]
    hours = reference.samples / _HOUR
    show(
        f"{reference.condition}: {hours * 60:.0f} min, {reference.verdict.words:,} words",
        (
            "",
            "segments",
            "/ reference",
            "cuts in a word",
            "share",
            "words lost",
            "share",
            "silence sent",
            "CPU",
        ),
        [_row(each, reference) for each in measured],
    )


def verdict_lines(measured: Mapping[str, Sequence[Cutting]], detector: str) -> list[str]:
    """What was aimed at, and what a detector reached under each condition, a line each."""
    lines = []
    for condition, cuttings in measured.items():
        if condition == CONTINUOUS:
            continue
        (own,) = (each for each in cuttings if each.method == _name(detector))
        ratio = own.verdict.segments / cuttings[0].verdict.segments
        bad_goal, ratio_goal = _LOUD_GOALS if condition.startswith("5 dB") else _GOALS
        aims = (
            ("cuts in a word", own.bad_share, bad_goal, ".1%"),
            ("segments", ratio, ratio_goal, ".2f"),
            ("words lost", own.lost_share, _LOST_GOAL, ".2%"),
        )
        reached = ", ".join(
            f"{name} {value:{form}} (at most {goal:{form}})" for name, value, goal, form in aims
        )
        missed = ", ".join(name for name, value, goal, _ in aims if value > goal)
        lines.append(f"{detector}, {condition}: {reached}: {f'missed: {missed}' if missed else 'reached'}")
    return lines


def main(arguments: Sequence[str] | None = None) -> None:
    """``python -m benchmarks.cutting``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cutting", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="see that it works")
    parser.add_argument("--shipped", action="store_true", help="take the shipped synthetic speech")
    parser.add_argument("--parts", type=int, default=_PARTS, help="recordings for each condition")
    chosen = parser.parse_args(arguments)
    speech = [] if chosen.shipped else real_speech()
    print(_said_of(speech))
    speech = speech or shipped_speech(["letter_16k.wav", "evening_48k.flac"] if chosen.quick else None)
    made = (
        corpora(speech, parts=1, minutes=4.0, snrs_db=(5,))
        if chosen.quick
        else corpora(speech, parts=chosen.parts, minutes=_PART_MINUTES, snrs_db=_SNRS_DB)
    )
    measured = {}
    for corpus in made:
        measured[corpus.condition] = measure(corpus)
        report(measured[corpus.condition])
    print()
    for detector in DETECTORS:
        print("\n".join(verdict_lines(measured, detector)))


def _joined(speech: Sequence[Spoken], parts: int, minutes: float) -> Iterator[Joined]:
    return (join(speech, minutes * 60, seed) for seed in range(parts))


def _butted(speech: Sequence[Spoken], parts: int, minutes: float) -> Iterator[Joined]:
    return (butt(speech, minutes * 60, seed) for seed in range(parts))


def _noisy(clean: Callable[[], Iterator[Joined]], noise: Floats, snr_db: float) -> Iterator[Joined]:
    return (with_noise(part, noise, snr_db) for part in clean())


def _plans(
    corpus: Corpus, part: Joined, pcm: Pcm
) -> Iterator[tuple[str, tuple[list[PlannedSegment], float]]]:
    """Every method's plan of one recording, and its CPU."""
    max_samples = MAX_SECONDS * SAMPLE_RATE
    usual = policies(continuous=corpus.condition == CONTINUOUS)
    best = partial(
        best_plan,
        part.words,
        max_samples=max_samples,
        padding=usual[""].pad_samples,
        min_pause=corpus.min_true_pause,
    )
    yield REFERENCE, _timed(best)
    for detector in DETECTORS:
        heard = listen(pcm, detector)
        for addition, policy in usual.items():
            plan, cpu_seconds = _timed(partial(plan_cuts, heard, policy, len(pcm)))
            yield _name(detector) + addition, (plan, heard.cpu_seconds + cpu_seconds)
    for method, cut in rivals(max_samples).items():
        yield method, _timed(partial(cut, pcm))


def _timed(planning: Callable[[], list[PlannedSegment]]) -> tuple[list[PlannedSegment], float]:
    started = time.process_time()
    plan = planning()
    return plan, time.process_time() - started


def _judge(plan: Sequence[PlannedSegment], part: Joined) -> Verdict:
    return judge(
        plan,
        part.words,
        max_samples=MAX_SECONDS * SAMPLE_RATE,
        tolerance=_TOLERANCE,
        padding=CutPolicy.for_rate(SAMPLE_RATE, max_samples=MAX_SECONDS * SAMPLE_RATE).pad_samples,
    )


def _name(detector: str) -> str:
    return f"detector {detector}"


def _row(each: Cutting, reference: Cutting) -> tuple[str, ...]:
    hours = each.samples / _HOUR
    verdict = each.verdict
    return (
        each.method,
        f"{verdict.segments}",
        f"{verdict.segments / reference.verdict.segments:.2f}",
        f"{verdict.bad_cuts} of {verdict.cuts}",
        f"{each.bad_share:.1%}",
        f"{verdict.lost_words}",
        f"{each.lost_share:.2%}",
        f"{verdict.silent_samples / SAMPLE_RATE / hours:.0f} s/h",
        f"{each.cpu_seconds / hours:.2f} s/h",
    )


def _said_of(speech: Sequence[Spoken]) -> str:
    if not speech:
        return "Speech: the shipped synthetic recordings, words placed by pocketsphinx and tightened."
    tight = [spoken for spoken in speech if spoken.is_tight]
    words = sum(len(spoken.words) for spoken in tight)
    return (
        f"Speech: {len(tight)} real recordings, {words} words tightened to the signal; "
        f"{len(speech) - len(tight)} more whose noise hides the edges of its words gives only noise."
    )


if __name__ == "__main__":
    main()
