"""The rules of a plan once more, slow and plain: what the planner is compared with."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from transforms.cuts import CutPolicy
from transforms.records import PlannedSegment, SampleRange


@dataclass(frozen=True)
class Place:
    own_end: int
    own_start: int
    sent_end: int
    sent_start: int
    pause: tuple[int, int] | None  # None for a cut in speech
    cost: float


@dataclass(frozen=True, repr=False)
class Channel:
    speech: np.ndarray  # one value for each whole frame
    energies: np.ndarray
    total_samples: int

    def frames(self, policy: CutPolicy) -> tuple[np.ndarray, np.ndarray]:
        """Scores and energies, the part of a frame at the end included."""
        speech, energies = self.speech, self.energies
        if self.total_samples > len(speech) * policy.frame_samples:
            speech = np.append(speech, speech[-1] if len(speech) else np.float32(0))
            energies = np.append(energies, energies[-1] if len(energies) else 0.0)
        return speech, energies


def runs_of(is_speech: np.ndarray, min_pause: int) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for frame in np.flatnonzero(is_speech).tolist():
        if runs and frame - runs[-1][1] < min_pause:
            runs[-1] = (runs[-1][0], frame + 1)
        else:
            runs.append((frame, frame + 1))
    return runs


class Rules:
    def __init__(self, channel: Channel, policy: CutPolicy) -> None:
        self.policy, self.limits, self.channel = policy, policy.limits, channel
        self.speech, energies = channel.frames(policy)
        self.levels = 10 * np.log10(1 + energies)
        self.count = len(self.speech)
        self.runs = runs_of(self.speech >= np.float32(policy.threshold), self.limits.min_pause)
        edges = [0, *itertools.chain(*self.runs), self.count]
        self.pauses = list(zip(edges[::2], edges[1::2], strict=True))  # leading and trailing ones included
        self.pads = [self.paddings(number) for number in range(len(self.runs))]

    def at(self, frame: int) -> int:
        return min(frame * self.limits.frame_samples, self.channel.total_samples)

    def paddings(self, number: int) -> tuple[int, int]:
        start, end = self.runs[number]
        left = min(self.limits.pad, start - self.pauses[number][0])
        right = min(self.limits.pad, self.pauses[number + 1][1] - end)
        room = (self.limits.max_samples - self.at(end) + self.at(start)) // self.limits.frame_samples
        if 0 <= room < left + right:
            left = min(left, max(room // 2, room - right))
            right = min(right, room - left)
        return left, right

    def spare(self, number: int) -> int:
        """What a segment of this run alone could be heard further at either side."""
        start, end = self.runs[number]
        room = (self.limits.max_samples - self.at(end) + self.at(start)) // self.limits.frame_samples
        return max(0, room - sum(self.pads[number])) // 2

    def near(self, values: np.ndarray, frame: int, half: int) -> float:
        return float(np.mean(values[max(frame - half, 0) : frame + half]))

    def places(self) -> list[Place]:
        """The start, all places to cut, the end; nothing where there is nothing to send."""
        everything = self.limits.sends_all
        if not self.count or not (self.runs or everything):
            return []
        found = []
        for number, pause in enumerate(self.pauses):
            right = self.pads[number - 1][1] if number else 0
            left = self.pads[number][0] if number < len(self.runs) else 0
            leading, trailing = number == 0, number == len(self.runs)
            if leading:
                found.append(self.edge(pause, 0 if everything else pause[1] - left))
            if not (leading or trailing) or everything:
                found += [
                    self.in_pause(number, frame, right, left)
                    for frame in self.frames_of(pause, right, left)
                    if 0 < frame < self.count
                ]
            if trailing:
                found.append(self.edge(pause, self.count if everything else pause[0] + right))
            else:
                found += self.in_run(*self.runs[number])
        return found

    def edge(self, pause: tuple[int, int], frame: int) -> Place:
        own = self.at(frame)
        if not self.limits.skip_silence:
            own = 0 if pause[0] == 0 and (self.runs or frame == 0) else self.channel.total_samples
        return Place(own, own, self.at(frame), self.at(frame), pause, 0.0)

    def frames_of(self, pause: tuple[int, int], right: int, left: int) -> range:
        length = pause[1] - pause[0]
        if right + left <= length:
            return range(pause[0] + right, pause[1] - left + 1)
        return range(pause[0] + min(right, length // 4), pause[1] - min(left, length // 4) + 1)

    def in_pause(self, number: int, frame: int, right: int, left: int) -> Place:
        begin, end = pause = self.pauses[number]
        length = end - begin
        level = self.near(self.levels, frame, 5)
        if not self.limits.sends_all and right + left <= length:
            frame = (begin + right + end - left) // 2
            level = float(np.mean(self.levels[begin : min(end, begin + 1000)]))
        seconds = min(length / 100, 10)
        cost = math.exp(-seconds / 0.25) + 0.01 * (10 - seconds) + 0.002 * level
        cost += float(np.mean(self.speech[begin : min(end, begin + 1000)], dtype=np.float64))
        sent_end, sent_start = frame, frame
        if not self.limits.sends_all:
            sent_end, sent_start = min(begin + right, frame), max(end - left, frame)
        own_end, own_start = (sent_end, sent_start) if self.limits.skip_silence else (frame, frame)
        if self.limits.reach and length < self.limits.short_pause and 0 < number < len(self.runs):
            before, behind = self.runs[number - 1], self.runs[number]
            furthest = min(begin + right + self.spare(number - 1), behind[1])
            earliest = max(end - left - self.spare(number), before[0])
            sent_end = max(sent_end, min(frame + self.limits.reach, furthest))
            sent_start = min(sent_start, max(frame - self.limits.reach, earliest))
            own_end = own_start = frame
        return Place(
            self.at(own_end), self.at(own_start), self.at(sent_end), self.at(sent_start), pause, cost
        )

    def in_run(self, start: int, end: int) -> list[Place]:
        if self.at(end) - self.at(start) <= self.limits.max_samples:
            return []
        reach = self.limits.reach
        return [
            Place(
                self.at(frame),
                self.at(frame),
                self.at(min(frame + reach, end)),
                self.at(max(frame - reach, start)),
                None,
                100 + self.near(self.speech, frame, 15) + 0.02 * self.near(self.levels, frame, 15),
            )
            for frame in range(start + 1, end)
        ]

    def segment(self, start: Place, end: Place) -> PlannedSegment:
        """What is sent between two places."""
        edges = [start.sent_start]
        keep = self.limits.squeeze
        for begin, stop in self.pauses[1:-1]:
            inside = start.own_start <= self.at(begin) and self.at(stop) <= end.own_end
            if (
                keep is not None
                and stop - begin > keep
                and inside
                and (begin, stop) not in (start.pause, end.pause)
            ):
                edges += [self.at(begin + keep - keep // 2), self.at(stop - keep // 2)]
        edges.append(end.sent_end)
        pieces = tuple(SampleRange(*edge) for edge in zip(edges[::2], edges[1::2], strict=True))
        return PlannedSegment(SampleRange(start.own_start, end.own_end), pieces)

    def step_cost(self, start: Place, end: Place) -> float | None:
        """What a segment and the cut at its end cost; None where there may be none."""
        speechless = start.pause is not None and start.pause == end.pause
        if speechless and not self.limits.sends_all:
            return None
        if self.segment(start, end).sent_samples > self.limits.max_samples:
            return None
        return end.cost + (100 if speechless else 0)


def exhaustive_best(rules: Rules) -> tuple[int, float]:
    """Count and cost of the best plan, by trying all of them."""
    places = rules.places()
    best = (0, 0.0) if not places else (len(places), math.inf)
    for size in range(len(places) - 1):
        for inner in itertools.combinations(places[1:-1], size):
            costs = [rules.step_cost(*step) for step in itertools.pairwise([places[0], *inner, places[-1]])]
            if None not in costs:
                best = min(best, (len(costs), sum(costs)))
        if best[1] < math.inf:
            break
    return best


def quadratic_best(rules: Rules) -> tuple[int, float]:
    """The same by looking back from each place to all before it."""
    places = rules.places()
    if not places:
        return 0, 0.0
    best = [(0, 0.0)]
    for number in range(1, len(places)):
        found = (len(places), math.inf)
        for before in range(number - 1, -1, -1):
            if places[number].sent_end - places[before].sent_start > 50 * rules.limits.max_samples:
                break
            cost = rules.step_cost(places[before], places[number])
            if cost is not None:
                found = min(found, (best[before][0] + 1, best[before][1] + cost))
        best.append(found)
    return best[-1]


def cost_of(rules: Rules, segments: list[PlannedSegment]) -> float:
    """What a plan costs; infinite if it does not lie between places that may be cut."""
    if not segments:
        return 0.0
    places = rules.places()
    here = {places[0]: 0.0}
    for segment in segments:
        ends = [place for place in places[1:] if place.own_end == segment.own.end_sample]
        there: dict[Place, float] = {}
        for start, end in itertools.product(here, ends):
            cost = rules.step_cost(start, end)
            if cost is not None and rules.segment(start, end) == segment:
                there[end] = min(there.get(end, math.inf), here[start] + cost)
        here = there
    return here.get(places[-1], math.inf)
