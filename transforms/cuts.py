"""Where to cut a channel: speech scores and levels in, segments out. Pure.

Every call costs the same, however short its segment, and a word that is cut is lost. So,
in this order:

1. No cut falls into speech, unless a run of speech is longer than a segment may be.
2. There are as few segments as possible.
3. The cuts fall into the deepest and longest pauses; of a run that has to be cut, at the
   place with the least speech in 300 ms.
4. Silence is not sent where that costs no further segment: not before the first words,
   not behind the last, and not at a cut, but for ``pad_samples`` round the speech.

*What is a pause.* A frame is speech when its score reaches the threshold. Silence of
``min_pause_samples`` or more between two runs of speech is a pause (`speech_runs`); a cut
may fall where `cut_places` says.

*Segments first, then what a pause costs.* Cutting as late as possible gives the fewest
segments, but takes any pause, however bad. Usually there is room: of all plans with as few
segments the one whose cuts cost the least in sum is taken (`cut_costs`). A short pause
costs much (1 at no length, a third of that for each further quarter of a second), and so
does one that the detector was not sure of.

*Why the time is linear.* To look at all plans is hopeless, but the best plan up to a place
holds the best plan up to its last cut: so the best way to each place is found from the
best ways to those before it. The places that n segments can reach follow each other, and
which of them a segment can begin at is a stretch that only moves on: its cheapest place is
a running minimum (`cut_search`). The work is a few passes over whole arrays.

*Why the memory is constant.* Frames are needed until their place is judged (`cut_stream`),
which takes no longer than the longest segment and a long pause. Of the plans only the
places are kept that lie on the best way to a place that a later segment could begin at: a
few for each minute. What all ways share is decided and given away, and what is older than
`cut_search.PENDING_LEVELS` segments, about 17 hours, in any case.

All sums are of whole numbers, so that a channel is cut alike however its frames come.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transforms.cut_costs import SPEECHLESS
from transforms.cut_places import CutLimits, Places
from transforms.cut_search import CutSearch
from transforms.cut_stream import CutStream
from transforms.records import PlannedSegment, SampleRange
from transforms.speech_frames import SpeechCollector, SpeechFrames
from transforms.squeezing import Squeezing

_FRAMES_AT_ONCE = 1000  # 10 s: fewer cost more for each, more are longer kept


@dataclass(frozen=True, slots=True)
class CutPolicy:
    """What a plan has to keep to, in samples of the normalized audio.

    Lengths that are no whole frames are rounded so that more padding is kept. A limit of a
    few frames comes first: no padding and no overlap takes more than half of it.

    Attributes:
        max_samples: no segment sends more; at least a frame.
        frame_samples: the length of the frames that are scored, 10 ms.
        pad_samples: silence kept beside speech, as far as the recording, the neighbour and
            the limit allow: so no edge of a word is clipped.
        min_pause_samples: silence of this length parts two runs of speech.
        threshold: the score from which a frame is speech.
        skip_silence: leave silence beyond the padding out of all segments; if not, they
            tile the channel.
        overlap_samples: how much the segments at both sides of a cut in speech, or in a
            short pause, are heard in common, half at each side.
        squeeze_samples: what is sent of a longer silence between words of a segment, never
            less than ``pad_samples``; None for all. If set, silence beyond the padding at a
            cut is not sent either, also where segments tile.
    """

    max_samples: int
    frame_samples: int
    pad_samples: int
    min_pause_samples: int
    threshold: float
    skip_silence: bool = True
    overlap_samples: int = 0
    squeeze_samples: int | None = None

    @classmethod
    def for_rate(
        cls,
        sample_rate: int,
        *,
        max_samples: int,
        pad_seconds: float = 0.3,
        min_pause_seconds: float = 0.06,
        threshold: float = 0.4,
        skip_silence: bool = True,
        overlap_seconds: float = 0.0,
        squeeze_seconds: float | None = None,
    ) -> CutPolicy:
        """The usual policy, with frames of 10 ms; the options are those of the class, in seconds."""
        return cls(
            max_samples=max_samples,
            frame_samples=sample_rate // 100,
            pad_samples=round(pad_seconds * sample_rate),
            min_pause_samples=round(min_pause_seconds * sample_rate),
            threshold=threshold,
            skip_silence=skip_silence,
            overlap_samples=round(overlap_seconds * sample_rate),
            squeeze_samples=None if squeeze_seconds is None else round(squeeze_seconds * sample_rate),
        )

    @property
    def limits(self) -> CutLimits:
        """The same in frames, with what cannot be kept made less."""
        size = self.frame_samples
        assert 0 < size <= self.max_samples, "a segment must hold a frame"
        at_most = (self.max_samples // size - 1) // 2  # at each side, so that a frame fits between
        pad = min(-(-self.pad_samples // size), at_most)
        return CutLimits(
            frame_samples=size,
            max_samples=self.max_samples,
            pad=pad,
            min_pause=max(1, -(-self.min_pause_samples // size)),
            reach=min(self.overlap_samples // 2 // size, at_most),
            squeeze=None if self.squeeze_samples is None else max(self.squeeze_samples // size, pad),
            skip_silence=self.skip_silence,
        )


class CutPlanner:
    """Plans the segments of one channel as its frames come.

    The same frames give the same plan, in whatever blocks they come.

    Attributes:
        speech_samples: how much was speech so far; all of it after `finish`.
    """

    def __init__(self, policy: CutPolicy) -> None:
        self._policy = policy
        self._limits = policy.limits
        self._squeezing = Squeezing(self._limits.squeeze, self._limits.frame_samples)
        self._stream = CutStream(self._limits, self._squeezing)
        self._search = CutSearch(policy.max_samples, SPEECHLESS if self._limits.sends_all else None)
        self._speech: list[NDArray[np.float32]] = []  # frames not yet looked at
        self._energies: list[NDArray[np.float64]] = []
        self._collected = 0
        self._frames = 0
        self._last: tuple[float, float] = (0.0, 0.0)  # score and energy of the last frame
        self._is_speech = SpeechCollector(self._limits.frame_samples)
        self.speech_samples = 0

    @property
    def speech(self) -> SpeechFrames:
        """Which frames were speech; all of them after `finish`."""
        return self._is_speech.collected()

    def push(self, speech: NDArray[np.float32], energies: NDArray[np.float64]) -> list[PlannedSegment]:
        """Take the next frames; the next segments that no later frame can change.

        Args:
            speech: the probability that a frame is speech, 0 to 1, shape ``(frames,)``.
            energies: the mean squares of the frames, of 16-bit samples, shape ``(frames,)``.
        """
        assert len(speech) == len(energies), "one score and one level for each frame"
        if not len(speech):
            return []
        self._speech.append(speech)
        self._energies.append(energies)
        self._frames += len(speech)
        self._collected += len(speech)
        self._last = float(speech[-1]), float(energies[-1])
        if self._collected < _FRAMES_AT_ONCE:
            return []
        return self._planned(self._search.push(self._stream.push(*self._taken())))

    def finish(self, total_samples: int) -> list[PlannedSegment]:
        """The remaining segments of a channel of so many samples.

        A last frame that is not whole was not pushed: it is taken to be as the one before.
        """
        part = total_samples - self._frames * self._limits.frame_samples
        assert 0 <= part < self._limits.frame_samples, "a score for each whole frame"
        if not total_samples:
            return []
        missing = 1 if part else 0
        self._speech.append(np.full(missing, self._last[0], dtype=np.float32))
        self._energies.append(np.full(missing, self._last[1]))
        found = self._search.push(self._stream.finish(*self._taken(), total_samples))
        if part and self._last[0] >= self._policy.threshold:
            self.speech_samples -= self._limits.frame_samples - part
        if not (self.speech_samples or self._policy.skip_silence or self._limits.squeeze is None):
            return [self._squeezed_silence(total_samples)]
        return self._planned([*found, *self._search.finish()])

    def _taken(self) -> tuple[NDArray[np.bool_], NDArray[np.float32], NDArray[np.float64]]:
        """Which of the collected frames are speech, their scores and energies."""
        speech, energies = np.concatenate(self._speech), np.concatenate(self._energies)
        self._speech, self._energies, self._collected = [], [], 0
        is_speech = speech >= np.float32(self._policy.threshold)
        self._is_speech.push(is_speech)
        self.speech_samples += int(np.count_nonzero(is_speech)) * self._limits.frame_samples
        return is_speech, speech, energies

    def _planned(self, found: list[tuple[Places, Places]]) -> list[PlannedSegment]:
        """The segments between pairs of places."""
        segments = []
        for start, end in found:
            own = SampleRange(int(start["own_start"][0]), int(end["own_end"][0]))
            sent = SampleRange(int(start["sent_start"][0]), int(end["sent_end"][0]))
            pieces = self._squeezing.pieces(int(start["pause"][0]), int(end["pause"][0]), sent)
            segment = PlannedSegment(own, pieces)
            assert 0 < segment.sent_samples <= self._policy.max_samples, "the limit holds on samples"
            assert own.samples > 0, "a segment stands for something"
            segments.append(segment)
        return segments

    def _squeezed_silence(self, total_samples: int) -> PlannedSegment:
        """A channel without speech that must have a segment and may be shortened."""
        squeeze = self._limits.squeeze or 0
        kept = min(total_samples, self._policy.max_samples, max(1, squeeze) * self._limits.frame_samples)
        return PlannedSegment(SampleRange(0, total_samples), (SampleRange(0, kept),))


def frame_energies(samples: NDArray[np.int16], frame_samples: int) -> NDArray[np.float64]:
    """Mean squares of the whole frames, shape ``(len(samples) // frame_samples,)``."""
    whole = len(samples) // frame_samples
    squares = samples[: whole * frame_samples].astype(np.float32) ** 2
    means: NDArray[np.float64] = squares.reshape(whole, frame_samples).mean(axis=1, dtype=np.float64)
    return means
