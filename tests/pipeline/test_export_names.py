from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.export_names import export_stem, is_export

ADDRESSES = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1).map(lambda name: f"/a/{name}"),
    st.sampled_from(
        ["/a/b.wav", "/a/B.wav", "/c/b.wav", "/c/b.mp3", "/a/é.wav", "/a/e\u0301.wav", "gs://a/b.wav"]
    ),
)


@pytest.mark.parametrize(
    ("address", "readable"),
    [
        ("/calls/standup.wav", "standup"),
        ("/calls/meeting.2024.wav", "meeting.2024"),
        ("/calls/没有.mp3", "没有"),
        ("/calls/a b.wav", "a b"),
        ("/calls/noending", "noending"),
        ("/calls/.wav", "_.wav"),
        ("/calls/-rf.wav", "_-rf"),
        ("/calls/CON.wav", "_CON"),
        ("/calls/console.wav", "console"),
        ("/calls/a\\xff\x07:b.wav", "a_xff__b"),
        ("gs://bucket/deep/talk.flac", "talk"),
        ("https://u:p@media.example.com/clips/%E4%BD%A0.wav?Signature=secret/x.y#z", "你"),
        ("https://media.example.com/", "media.example"),
        ("/calls/" + "é" * 300 + ".wav", "é" * 50),
    ],
)
def test_a_name_begins_like_the_recordings(address, readable):
    assert export_stem(address, 0).rsplit(".", 1)[0] == readable


def test_a_name_is_the_same_from_run_to_run():
    assert export_stem("/calls/standup.wav", 0) == "standup.tdrenfiveiqzuqh7"
    assert export_stem("/calls/standup.wav", 1) == "standup.tdrenfiveiqzuqh7.ch1"


def on_a_mac(name: str) -> str:
    """As file systems compare names that ignore case and how accents are written."""
    return unicodedata.normalize("NFC", name).casefold()


@given(st.lists(st.tuples(ADDRESSES, st.integers(0, 3)), unique=True, max_size=20))
def test_no_two_recordings_or_channels_share_a_name_on_any_file_system(recordings):
    names = {on_a_mac(export_stem(*recording)) for recording in recordings}
    assert len(names) == len(recordings)


@given(ADDRESSES, st.integers(0, 99))
def test_every_file_system_takes_the_name(address, channel):
    name = f"{export_stem(address, channel)}.jsonl"
    assert len(name.encode()) <= 143
    assert name.isprintable()
    assert not set(name) & set('<>:"/\\|?*')
    assert name[0] not in ".-"
    assert is_export(name, "jsonl")
    assert not is_export(name, "srt")


def test_other_files_are_not_taken_for_exports():
    assert not is_export("notes.srt", "srt")
    assert not is_export("standup.tdrenfiveiqzuqh7.de.srt", "srt")
