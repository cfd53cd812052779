from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from tests.transforms.answer_samples import ENTRIES, answered, key, planned, refused
from transforms.answer_entry import Entry, Label, Planned, Refused, decode, encode, label_of


@given(ENTRIES)
def test_an_entry_comes_back_exactly(entry: Entry) -> None:
    payload = encode(entry)
    assert decode(payload) == entry
    assert label_of(payload) == Label(entry.key, isinstance(entry, Refused))


@pytest.mark.parametrize("entry", [answered(1), refused(1), planned(1)])
def test_kinds_and_versions_of_the_future_are_tolerated(entry: Entry) -> None:
    payload = encode(entry)
    for unknown in (b"\x02" + payload[1:], payload[:1] + b"Z" + payload[2:], payload[:33], b""):
        assert decode(unknown) is None
        assert label_of(unknown) is None


def test_chinese_takes_no_escapes() -> None:
    assert "好 text".encode() in encode(answered(1))
    assert key(1) in encode(answered(1))


def test_cuts_of_the_version_before_are_read() -> None:
    body = f'[[0,1600,[[0,800],[800,1600]],["{key("a").hex()}","{key("b").hex()}"]]]'.encode()
    payload = b"\x01P" + key(1) + body
    entry = decode(payload)
    assert isinstance(entry, Planned)
    assert entry.channels == (replace(planned(1).channels[0], speech_samples=1600),)
    assert label_of(payload) == Label(key(1), refused=False)
