"""The places to cut of a channel, while its frames come. Pure.

What `cut_places` says of pauses and runs, said as early as it is certain: a run is settled
when it has ended and the silence behind it is known as far as its padding reaches. Two
things may never end, so their places are given while they last: a run that is longer than
the limit, and a pause that is longer than what it is judged by.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from transforms.cut_costs import PAUSE_HALF, SPEECH_HALF, Frames, FrameSums
from transforms.cut_places import (
    PLACE,
    CutLimits,
    Pauses,
    Places,
    joined,
    paddings,
    pause_places,
    silence_places,
    speech_places,
)
from transforms.speech_runs import SpeechRuns
from transforms.squeezing import Squeezing


class CutStream:
    """Finds the places of one channel.

    The first of them is the start of the first segment, the last the end of the last one.
    They are in order, and so are the ends and starts that belong to them. A channel
    without speech has none, unless all silence has to be sent.

    Args:
        limits: where a cut may fall.
        squeezing: is told of every pause inside segments.
    """

    def __init__(self, limits: CutLimits, squeezing: Squeezing) -> None:
        self._limits = limits
        self._squeezing = squeezing
        self._sums = FrameSums()
        self._runs = SpeechRuns(limits.min_pause)
        self._total_samples: int | None = None
        self._started = False
        self._run_begin = 0  # where the last settled run began
        self._pause_begin = 0  # where it ended
        self._right_pad = 0  # what it keeps
        self._right_spare = 0  # how much further it may be heard
        self._long: tuple[int, int] | None = None  # cost and depth of a pause that is no longer kept
        self._in_speech = False  # its pause is done: the next run is being cut before it has ended
        self._next = 1  # the first frame that was not yet given as a place, in silence or in speech

    def push(
        self, is_speech: NDArray[np.bool_], speech: NDArray[np.float32], energies: NDArray[np.float64]
    ) -> Places:
        """Take the next frames, shape ``(frames,)`` each; the places that are certain by now."""
        self._sums.push(speech, energies)
        self._runs.push(is_speech)
        wait = max(self._limits.min_pause, self._limits.pad, SPEECH_HALF)
        ready = int(np.searchsorted(self._runs.ends + wait, self._sums.end, side="right"))
        found = [*self._start_of_all(), *self._settle(ready), *self._open_run(), *self._open_pause()]
        self._drop()
        return self._less_squeezed(joined(found))

    def finish(
        self,
        is_speech: NDArray[np.bool_],
        speech: NDArray[np.float32],
        energies: NDArray[np.float64],
        total_samples: int,
    ) -> Places:
        """Take the last frames, as `push` does; the remaining places of a channel of so many samples.

        The last frame may be only in part one.
        """
        self._total_samples = total_samples
        found = [self.push(is_speech, speech, energies), *self._settle(len(self._runs.ends))]
        if self._limits.sends_all:
            found += self._silence(self._sums.end, self._sums.end - 1)
        return self._less_squeezed(joined([*found, *self._end(total_samples)]))

    def _settle(self, count: int) -> list[Places]:
        """The places before and in the next ``count`` runs, which have ended."""
        if not count:
            return []
        limits, sums = self._limits, self._sums
        following = np.append(self._runs.starts[1:], sums.end)[:count]
        starts, ends = self._runs.take(count)
        before = starts - np.append(self._pause_begin, ends[:-1])
        left, right, spare, too_long = paddings(limits, self._samples(starts, ends), before, following - ends)
        found = []
        if not self._in_speech:
            found = self._before((int(starts[0]), int(ends[0])), int(left[0]), int(spare[0]))
        self._squeezing.note(ends[:-1], starts[1:])
        reaches = ends[:-1] + right[:-1] + spare[:-1], starts[1:] - left[1:] - spare[1:]
        found.append(
            self._between(
                ends[:-1],
                starts[1:],
                (right[:-1], left[1:]),
                (np.minimum(reaches[0], ends[1:]), np.maximum(reaches[1], starts[:-1])),
            )
        )
        for run in np.flatnonzero(too_long).tolist():
            start, end = int(starts[run]), int(ends[run])
            first = self._next if self._in_speech and run == 0 else start + 1
            found.append(speech_places(limits, sums, (start, end), first, end - 1))
        self._run_begin, self._pause_begin = int(starts[-1]), int(ends[-1])
        self._right_pad, self._right_spare = int(right[-1]), int(spare[-1])
        self._next = self._pause_begin + self._right_pad
        self._long, self._in_speech = None, False
        merged = joined(found)
        return [merged[np.argsort(merged["pause"], kind="stable")]]

    def _before(self, run: tuple[int, int], left_pad: int, left_spare: int) -> list[Places]:
        """The places between what was settled and the next run, as far as its end is known."""
        start, end = run
        if self._pause_begin == 0:
            if self._limits.sends_all:
                return self._silence(start, start - left_pad)
            return [self._start(start - left_pad)]
        begins, ends = np.array([self._pause_begin]), np.array([start])
        self._squeezing.note(begins, ends)
        pads = np.array([self._right_pad]), np.array([left_pad])
        reach_end = min(self._pause_begin + self._right_pad + self._right_spare, end)
        reaches = (
            np.array([reach_end]),
            np.array([max(start - left_pad - left_spare, self._run_begin)]),
        )
        if self._long is None:
            return [self._between(begins, ends, pads, reaches)]
        if self._limits.sends_all:
            return self._silence(start, start - left_pad)
        cost, depth = self._long
        pauses = Pauses(begins, ends, *pads, *reaches, np.array([cost]), np.array([depth]))
        return [pause_places(self._limits, self._sums, pauses)]

    def _between(
        self, begins: Frames, ends: Frames, pads: tuple[Frames, Frames], reaches: tuple[Frames, Frames]
    ) -> Places:
        """The places of pauses whose frames are all kept; arguments in the order of `Pauses`."""
        costs = self._sums.pause_costs(begins, ends - begins)
        depths = self._sums.pause_depths(begins, ends - begins)
        pauses = Pauses(begins, ends, *pads, *reaches, costs, depths)
        return pause_places(self._limits, self._sums, pauses)

    def _open_run(self) -> list[Places]:
        """The places that are certain in a run that is longer than the limit and may go on."""
        if not len(self._runs.ends):
            return []
        start, end = int(self._runs.starts[0]), int(self._runs.ends[0])
        last = end - max(self._limits.reach, SPEECH_HALF)
        length = int(self._samples(self._runs.starts[:1], self._runs.ends[:1])[0])
        if length <= self._limits.max_samples or last <= start:
            return []
        found = []
        if not self._in_speech:
            found = self._before((start, end), min(self._limits.pad, start - self._pause_begin), 0)
            self._in_speech, self._next = True, start + 1
        found.append(speech_places(self._limits, self._sums, (start, end), self._next, last))
        self._next = max(self._next, last + 1)
        return found

    def _open_pause(self) -> list[Places]:
        """Judge a long pause before its end; where all silence is sent, the places certain in it."""
        until = self._pause_until()
        if self._in_speech or until - self._pause_begin < self._limits.long_pause:
            return []
        if self._long is None:
            self._long = self._judged(until)
        if not self._limits.sends_all:
            return []
        return self._silence(until, until - self._limits.pad - PAUSE_HALF)

    def _silence(self, until: int, last: int) -> list[Places]:
        """The places up to ``last`` of the open pause, which is known up to ``until``."""
        if last < self._next:
            return []
        cost, _ = self._judged(until)
        first, self._next = self._next, last + 1
        return [silence_places(self._limits, self._sums, self._pause_begin, cost, first, last)]

    def _judged(self, until: int) -> tuple[int, int]:
        """Cost and depth of the open pause."""
        if self._long is not None:
            return self._long
        begins, lengths = np.array([self._pause_begin]), np.array([until - self._pause_begin])
        costs, depths = self._sums.pause_costs(begins, lengths), self._sums.pause_depths(begins, lengths)
        return int(costs[0]), int(depths[0])

    def _pause_until(self) -> int:
        return int(self._runs.starts[0]) if len(self._runs.starts) else self._sums.end

    def _start_of_all(self) -> list[Places]:
        """Where all silence is sent, the channel's start."""
        if self._started or not self._limits.sends_all:
            return []
        return [self._start(0)]

    def _start(self, frame: int) -> Places:
        self._started = True
        start = np.zeros(1, dtype=PLACE)
        start["sent_start"] = frame * self._limits.frame_samples
        start["own_start"] = start["sent_start"] if self._limits.skip_silence else 0
        return start

    def _end(self, total_samples: int) -> list[Places]:
        """The end of the last segment, if there is one."""
        if not self._started:
            return []
        padded = (self._pause_begin + self._right_pad) * self._limits.frame_samples
        end = np.zeros(1, dtype=PLACE)
        end["pause"] = self._pause_begin
        end["sent_end"] = total_samples if self._limits.sends_all else min(padded, total_samples)
        end["own_end"] = end["sent_end"] if self._limits.skip_silence else total_samples
        return [end]

    def _samples(self, starts: Frames, ends: Frames) -> Frames:
        """How long runs are; only the last frame of all may be a part of one."""
        samples: Frames = ends * self._limits.frame_samples
        if self._total_samples is not None:
            samples = np.minimum(samples, self._total_samples)
        return samples - starts * self._limits.frame_samples

    def _less_squeezed(self, places: Places) -> Places:
        """With ``heard_*`` set to what is sent, less what is squeezed out before."""
        if self._total_samples is not None:  # a place in speech may reach over the part of a frame
            places["sent_end"] = np.minimum(places["sent_end"], self._total_samples)
        pauses = places["pause"]
        places["heard_end"] = places["sent_end"] - self._squeezing.removed_before(pauses)
        places["heard_start"] = places["sent_start"] - self._squeezing.removed_behind(pauses)
        return places

    def _drop(self) -> None:
        """Let go of the frames that are judged."""
        keep = self._pause_begin
        if self._in_speech or (self._long is not None and self._limits.sends_all):
            keep = self._next
        elif self._long is not None:
            keep = self._pause_until()
        self._sums.drop(keep - SPEECH_HALF)
