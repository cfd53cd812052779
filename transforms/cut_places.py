"""Where a channel may be cut: the places in pauses and in runs of speech. Pure.

Between two runs of speech (`speech_runs`) lies a pause, and a cut may fall

- anywhere in it that is ``pad`` away from both runs, where the pause is that long;
- else anywhere in its middle half, so that both sides keep a quarter of it.

Of a cut in a pause the segment before ends at ``min(speech end + pad, place)``, the next
begins at ``max(speech start - pad, place)``. In a pause of twice the padding the place
makes no difference then: it is the middle. Where all silence has to be sent, both are the
place itself.

A run that is longer than the limit may be cut between any two of its frames. No other run
is cut; one that fits only without its full padding keeps as much of it as fits.

Segments that are heard over a cut in speech (``reach``) are so over one in a short pause
too: what a detector takes for one may be the closure of a stop, or a weak syllable. They
reach no further than to the other end of the run there, and share what the limit leaves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from transforms.cut_costs import HEAD_FRAMES, Frames, FrameSums

SHORT_PAUSE: Final = 30
"""Frames of silence that may be part of a word, and no pause."""

# One place to cut, all in samples but ``pause`` and ``cost``. A segment that ends here
# stands for the channel up to ``own_end`` and sends it up to ``sent_end``; the one that
# begins here likewise. ``heard_end`` and ``heard_start`` are the same less the silence
# squeezed out before: their difference is what a segment sends. ``pause`` is the frame at
# which the place's pause begins; a place in speech has its own frame there.
Places = NDArray[np.void]
PLACE: Final = np.dtype(
    [
        (name, np.int64)
        for name in (
            "pause",
            "cost",
            "own_end",
            "own_start",
            "sent_end",
            "sent_start",
            "heard_end",
            "heard_start",
        )
    ]
)


@dataclass(frozen=True, slots=True)
class CutLimits:
    """A `cuts.CutPolicy` that can be kept, in frames but for ``max_samples``.

    Attributes:
        reach: how far a segment is heard beyond a cut in speech, or in a short pause.
        squeeze: what remains of a longer inner silence; None for all of it.
        skip_silence: whether silence may lie outside all segments.
    """

    frame_samples: int
    max_samples: int
    pad: int
    min_pause: int
    reach: int
    squeeze: int | None
    skip_silence: bool

    @property
    def sends_all(self) -> bool:
        """Whether all silence has to be sent, so that it may have to be divided itself."""
        return not self.skip_silence and self.squeeze is None

    @property
    def short_pause(self) -> int:
        """A pause of fewer frames may be part of a word; one that would be squeezed is longer."""
        return SHORT_PAUSE if self.squeeze is None else min(SHORT_PAUSE, self.squeeze + 1)

    @property
    def long_pause(self) -> int:
        """A pause of so many frames is judged before its end is known."""
        return max(HEAD_FRAMES, 2 * self.pad)


@dataclass(frozen=True, slots=True)
class Pauses:
    """Pauses between runs, one value for each, in frames.

    Attributes:
        begins: the first frame.
        ends: the frame after the last.
        right_pads: what the run before keeps beyond its end.
        left_pads: what the run behind keeps before its start.
        reach_ends: how far the segment before may be heard, if the pause is short.
        reach_starts: from where on the segment behind may be heard then.
        costs: what a cut in it costs, without its level.
        depths: what its mean level costs.
    """

    begins: Frames
    ends: Frames
    right_pads: Frames
    left_pads: Frames
    reach_ends: Frames
    reach_starts: Frames
    costs: Frames
    depths: Frames


def paddings(
    limits: CutLimits, run_samples: Frames, before: Frames, behind: Frames
) -> tuple[Frames, Frames, Frames, NDArray[np.bool_]]:
    """Frames of padding before and behind runs of speech, what is left, and which are too long.

    What is left is what a segment of that run alone could be heard further at either side.

    Args:
        limits: the limits.
        run_samples: how long each run is.
        before: frames of silence before each.
        behind: frames of silence behind each, as far as they matter.
    """
    room = (limits.max_samples - run_samples) // limits.frame_samples
    left, right = np.minimum(before, limits.pad), np.minimum(behind, limits.pad)
    tight = (room >= 0) & (room < left + right)
    left = np.where(tight, np.minimum(left, np.maximum(room // 2, room - right)), left)
    right = np.where(tight, np.minimum(right, room - left), right)
    return left, right, np.maximum(room - left - right, 0) // 2, room < 0


def pause_places(limits: CutLimits, sums: FrameSums, pauses: Pauses) -> Places:
    """All places in pauses, in order, by the rules above; ``heard_*`` as if nothing were squeezed."""
    length = pauses.ends - pauses.begins
    fits = pauses.right_pads + pauses.left_pads <= length
    low = pauses.begins + np.where(fits, pauses.right_pads, np.minimum(pauses.right_pads, length // 4))
    high = pauses.ends - np.where(fits, pauses.left_pads, np.minimum(pauses.left_pads, length // 4))
    alike = fits & (not limits.sends_all)
    low = np.where(alike, (low + high) // 2, low)
    counts = np.where(alike, 1, high - low + 1)
    firsts = np.cumsum(counts) - counts
    owner = np.repeat(np.arange(len(counts)), counts)
    places = low[owner] + np.arange(len(owner)) - firsts[owner]
    depths = pauses.depths[owner]
    single = ~alike[owner]
    depths[single] = sums.place_depths(places[single])
    ends, starts = places, places
    if not limits.sends_all:
        ends = np.minimum(places, (pauses.begins + pauses.right_pads)[owner])
        starts = np.maximum(places, (pauses.ends - pauses.left_pads)[owner])
    is_short = (length < limits.short_pause)[owner] & (limits.reach > 0)
    reached_end = np.minimum(places + limits.reach, pauses.reach_ends[owner])
    reached_start = np.maximum(places - limits.reach, pauses.reach_starts[owner])
    ends = np.where(is_short, np.maximum(ends, reached_end), ends)
    starts = np.where(is_short, np.minimum(starts, reached_start), starts)
    found = _places(limits, pauses.begins[owner], pauses.costs[owner] + depths, ends, starts)
    tiles = is_short | (not limits.skip_silence)
    found["own_end"] = np.where(tiles, places * limits.frame_samples, found["own_end"])
    found["own_start"] = np.where(tiles, places * limits.frame_samples, found["own_start"])
    return found


def silence_places(
    limits: CutLimits, sums: FrameSums, pause: int, cost: int, first: int, last: int
) -> Places:
    """The places ``first`` to ``last`` of a pause that is sent wholly and must perhaps be divided.

    Args:
        limits: the limits.
        sums: of the frames round the places.
        pause: the frame at which it begins.
        cost: what a cut in it costs, without its level.
        first: the first place, a frame.
        last: the last place.
    """
    places = np.arange(first, last + 1)
    pauses = np.full(len(places), pause)
    return _places(limits, pauses, cost + sums.place_depths(places), places, places)


def speech_places(limits: CutLimits, sums: FrameSums, run: tuple[int, int], first: int, last: int) -> Places:
    """The places ``first`` to ``last`` inside a run that is longer than the limit.

    Args:
        limits: the limits; segments reach over the cut by ``reach``, inside the run.
        sums: of the frames round the places.
        run: its first frame, and the frame after its last.
        first: the first place, a frame.
        last: the last place.
    """
    places = np.arange(first, last + 1)
    ends, starts = np.minimum(places + limits.reach, run[1]), np.maximum(places - limits.reach, run[0])
    found = _places(limits, places, sums.speech_costs(places), ends, starts)
    found["own_end"] = found["own_start"] = places * limits.frame_samples
    return found


def joined(parts: list[Places]) -> Places:
    """Places one after the other."""
    return np.concatenate(parts) if parts else np.empty(0, dtype=PLACE)


def _places(limits: CutLimits, pauses: Frames, costs: Frames, ends: Frames, starts: Frames) -> Places:
    found = np.empty(len(pauses), dtype=PLACE)
    found["pause"], found["cost"] = pauses, costs
    found["own_end"] = found["sent_end"] = found["heard_end"] = ends * limits.frame_samples
    found["own_start"] = found["sent_start"] = found["heard_start"] = starts * limits.frame_samples
    return found
