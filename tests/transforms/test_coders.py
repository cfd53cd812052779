from __future__ import annotations

import apache_beam as beam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.coders import RecordingCoder
from transforms.records import Mark, Recording

TEXT = st.text(max_size=20)
ANYTHING = st.text(st.characters(exclude_categories=()), max_size=20)
RECORDINGS = st.builds(
    Recording,
    audio_uri=TEXT,
    location=st.binary(max_size=20),
    language=st.none() | ANYTHING,
    channel=st.none() | st.integers(0, 64),
    expected_crc32c=st.none() | st.integers(0, 2**32 - 1),
    recording_id=st.none() | ANYTHING,
    mark=st.none() | st.builds(Mark, st.integers(0, 2**60), ANYTHING),
    content=st.none() | st.binary(max_size=20),
)


@given(RECORDINGS)
def test_a_recording_is_read_as_it_was_written(recording: Recording) -> None:
    assert RecordingCoder().decode(RecordingCoder().encode(recording)) == recording


@given(RECORDINGS, RECORDINGS)
def test_only_equal_recordings_are_written_alike(one: Recording, other: Recording) -> None:
    assert (RecordingCoder().encode(one) == RecordingCoder().encode(other)) == (one == other)


def test_beam_takes_it_and_it_is_short() -> None:
    uri = "/recordings/2024/05/17/call-000001.flac"
    recording = Recording(uri, uri.encode(), mark=Mark(1_234_567, "1795372011233228464"))
    written = beam.coders.registry.get_coder(Recording).encode(recording)
    assert written == b'\x01["/recordings/2024/05/17/call-000001.flac",null,1234567,"1795372011233228464"]'


def test_another_version_is_refused() -> None:
    with pytest.raises(ValueError, match="the same version"):
        RecordingCoder().decode(b"\x02[]")
