"""A long recording as chapters that are decoded one by one, and come out as from one piece. Pure.

A chapter is `speech_chapters.CHAPTER_SECONDS` of the normalized sound. To have its samples bit by
bit as they are when all is decoded, decoding begins before it:

- the detector hears `speech_chapters.WARM_UP_SECONDS` before it, in one piece too;
- the resampler begins at a multiple of its period (`resampling.resampling_period`) and takes
  `_SETTLING_SECONDS`;
- the mixer begins at a whole frame of its own, `_MIX_SECONDS` earlier. What it remembers has
  no end: which channel it has turned over, its level before a silence. In sound it knows both anew
  after a moment, and otherwise it differs from one that heard all.

So nobody trusts that: of each border both chapters tell what the mixer remembers there and the
samples before it, as a digest (`Borders`). Where they do not agree, the recording is decoded in
one piece.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from transforms.mixing import mix_frame
from transforms.outline import Outline
from transforms.resampling import resampled_length
from transforms.speech_chapters import CHAPTER_SECONDS, WARM_UP_SECONDS

_SETTLING_SECONDS: Final = 1
_MIX_SECONDS: Final = 10
LEAST_RATE: Final = 8000
"""Telephones' and above."""
# A longer one is as good as none.
_LONGEST_PERIOD_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Stretch:
    """From where to where a recording is decoded.

    Attributes:
        first_frame: with which decoding begins, and mixing.
        first_resampled: from which frame on is resampled.
        first_sample: the first that comes out, at the rate of the result.
        end_sample: behind the last that comes out.
        is_last: whether that is the end of the recording.
    """

    first_frame: int
    first_resampled: int
    first_sample: int
    end_sample: int
    is_last: bool


@dataclass(frozen=True, slots=True)
class Border:
    """Where one chapter ends and the next begins.

    Attributes:
        sample: the first of the next chapter.
        frame: up to which both have been mixed when they tell what the mixer remembers.
    """

    sample: int
    frame: int


@dataclass(frozen=True, slots=True)
class Chapters:
    """The chapters of a recording, numbered from 0.

    Attributes:
        outline: of the recording.
        sample_rate: of the result.
        period: of the resampler, in frames of the recording.
    """

    outline: Outline
    sample_rate: int
    period: int

    @property
    def total_samples(self) -> int:
        """The length of each channel."""
        return resampled_length(self.outline.frames, self.outline.sample_rate, self.sample_rate)

    @property
    def count(self) -> int:
        """How many there are."""
        return -(-self.total_samples // self._length)

    def of_sample(self, sample: int) -> int:
        """The chapter that a sample lies in."""
        return sample // self._length

    def listened(self, number: int) -> Stretch:
        """What is decoded to listen to a chapter: it, and the warm-up before it."""
        warm_up = WARM_UP_SECONDS * self.sample_rate if number else 0
        end = min((number + 1) * self._length, self.total_samples)
        return self._stretch(number, number * self._length - warm_up, end)

    def taken(self, number: int, first_sample: int, end_sample: int) -> Stretch:
        """What is decoded to take sound that begins in a chapter and ends in it, or in a later one."""
        return self._stretch(number, first_sample, end_sample)

    def border_before(self, number: int) -> Border | None:
        """None before the first."""
        if not number:
            return None
        frame = number * CHAPTER_SECONDS * self.outline.sample_rate
        return Border(number * self._length, frame - frame % mix_frame(self.outline.sample_rate))

    def border_behind(self, number: int) -> Border | None:
        """None behind the last."""
        return self.border_before(number + 1) if number + 1 < self.count else None

    @property
    def _length(self) -> int:
        return CHAPTER_SECONDS * self.sample_rate

    def _stretch(self, number: int, first_sample: int, end_sample: int) -> Stretch:
        """Decoding begins at one place for all that begins in a chapter."""
        rate = self.outline.sample_rate
        before = (CHAPTER_SECONDS * number - WARM_UP_SECONDS - _SETTLING_SECONDS) * rate
        first_resampled = max(0, before - before % self.period)
        mixed = max(0, first_resampled - _MIX_SECONDS * rate)
        return Stretch(
            first_frame=mixed - mixed % mix_frame(rate),
            first_resampled=first_resampled,
            first_sample=first_sample,
            end_sample=end_sample,
            is_last=end_sample == self.total_samples,
        )


def chapters_of(outline: Outline, sample_rate: int, period: int | None) -> Chapters | None:
    """The chapters of a recording; None if it has only one, or a rate that makes none possible.

    Args:
        outline: of the recording.
        sample_rate: of the result.
        period: of the resampler between the two rates; None if it has none.
    """
    if period is None or outline.sample_rate < LEAST_RATE:
        return None
    if period > _LONGEST_PERIOD_SECONDS * outline.sample_rate:
        return None
    chapters = Chapters(outline, sample_rate, period)
    return chapters if chapters.count > 1 else None
