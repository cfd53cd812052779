"""Entries of the record of paid answers, for its tests."""

from __future__ import annotations

import hashlib

from hypothesis import strategies as st

from transforms.answer import Answer, HeardWord
from transforms.answer_entry import Answered, Planned, PlannedChannel, Refused
from transforms.records import PlannedSegment, SampleRange

TEXTS = st.text(st.characters(), max_size=20)  # lone surrogates too
KEYS = st.binary(min_size=32, max_size=32)
NUMBERS = st.integers(0, 2**53)
WORDS = st.builds(HeardWord, TEXTS, NUMBERS, NUMBERS)
ANSWERS = st.builds(Answer, TEXTS, st.lists(WORDS, max_size=4).map(tuple), NUMBERS, TEXTS)
RANGES = st.builds(SampleRange, NUMBERS, NUMBERS)
PLANNED_SEGMENTS = st.builds(PlannedSegment, RANGES, st.lists(RANGES, max_size=3).map(tuple))
CHANNELS = st.builds(
    PlannedChannel,
    NUMBERS,
    NUMBERS,
    NUMBERS,
    st.lists(PLANNED_SEGMENTS, max_size=4).map(tuple),
    st.lists(KEYS, max_size=4).map(tuple),
)
ENTRIES = st.one_of(
    st.builds(Answered, KEYS, ANSWERS, NUMBERS, NUMBERS),
    st.builds(Refused, KEYS, TEXTS, TEXTS, st.none() | TEXTS, NUMBERS, NUMBERS),
    st.builds(Planned, KEYS, st.lists(CHANNELS, max_size=3).map(tuple)),
)


def key(name: object) -> bytes:
    return hashlib.sha256(repr(name).encode()).digest()


def answered(name: object, text: str = "好 text") -> Answered:
    words = (HeardWord("好", 0, 250), HeardWord("text", 250, 900))
    return Answered(key(name), Answer(text, words, 1000, f"request of {name}"), 1, 1_700_000_000_000_000)


def refused(name: object) -> Refused:
    return Refused(key(name), "InvalidParameterValue.NoHumanVoice", "No voice.", None, 1, 2)


def planned(name: object, total_samples: int = 1600) -> Planned:
    owns = (SampleRange(0, 800), SampleRange(800, 1600))
    segments = tuple(PlannedSegment(own, (own,)) for own in owns)
    channel = PlannedChannel(0, total_samples, 1500, segments, (key("a"), key("b")))
    return Planned(key(name), (channel,))
