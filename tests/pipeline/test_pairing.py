from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.error_rates import Place
from pipeline.pairing import Pair, open_pairs
from pipeline.references import Reference
from pipeline.transcript_texts import TranscriptText
from transforms.errors import UsageError
from transforms.folders import OutputError

OLD, NEW = "20260101T000000Z-00000000", "20260102T000000Z-00000000"


def reference(uri: str, channel: int | None = None, text: str = "said") -> Reference:
    return Reference(uri, channel, "en", text)


def transcript(uri: str, channel: int = 0, text: str = "heard", run_id: str = OLD) -> TranscriptText:
    return TranscriptText(uri, channel, run_id, "complete", text)


def pairs_of(references: list[Reference], transcripts: list[TranscriptText]) -> list[Pair]:
    with open_pairs() as pairs:
        pairs.add_references(references)
        pairs.add_transcripts(transcripts)
        found = list(pairs)
        assert [pairs[pair.place] for pair in found] == found
        return found


def test_references_find_their_transcript_by_address_and_channel():
    found = pairs_of(
        [reference("/b", 1), reference("/b", 0), reference("/a"), reference("/gone"), reference("/c")],
        [
            transcript("/b", 0, "b0"), transcript("/b", 1, "b1"), transcript("/a", 3, "a"),
            transcript("/c", 0), transcript("/c", 1), transcript("/other"),
        ],
    )  # fmt: skip
    assert [(pair.place, pair.hypothesis, pair.channel, pair.channels) for pair in found] == [
        (Place("/a", None), "a", 3, 1),
        (Place("/b", 0), "b0", 0, 2),
        (Place("/b", 1), "b1", 1, 2),
        (Place("/c", None), "heard", 0, 2),
        (Place("/gone", None), "", None, 0),
    ]
    assert [pair.status for pair in found[-2:]] == ["complete", None]


def test_transcripts_without_a_reference_are_known_by_channel():
    with open_pairs() as pairs:
        pairs.add_references([reference("/a"), reference("/b", 1)])
        pairs.add_transcripts([transcript(uri, channel) for uri in ("/a", "/b", "/c") for channel in (0, 1)])
        assert list(pairs.unreferenced()) == [Place("/b", 0), Place("/c", 0), Place("/c", 1)]
        assert pairs.count() == (6, 2)
        assert pairs.transcript_named("c") == "/c"
        assert pairs.transcript_named("%") is None


@given(st.permutations([("first", OLD), ("second", NEW), ("again", NEW)]))
def test_of_several_rows_the_newest_run_counts_in_whatever_order_they_come(rows):
    [pair] = pairs_of([reference("/a")], [transcript("/a", 0, text, run_id) for text, run_id in rows])
    assert pair.hypothesis == "second"


def test_the_same_row_may_come_twice_but_not_another_one():
    assert len(pairs_of([reference("/a"), reference("/a")], [])) == 1
    with pytest.raises(UsageError, match=r"/a: the manifest has two rows .* name the channel"):
        pairs_of([reference("/a"), reference("/a", text="else")], [])
    with pytest.raises(UsageError, match="with a channel and one without"):
        pairs_of([reference("/a"), reference("/a", 0)], [])


def test_a_full_disk_is_told(monkeypatch):
    with pytest.raises(OutputError, match=r"database or disk is full.*TMPDIR"), open_pairs():
        raise sqlite3.OperationalError("database or disk is full")
