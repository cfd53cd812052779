from __future__ import annotations

import apache_beam as beam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.beam_yaml_rows import (
    RecordingRow,
    check_fields,
    recording_of_row,
    recording_row,
    row_of,
    row_type_of,
    table_row_of,
)
from tests.transforms.dataset_samples import utterance_of
from transforms.errors import UsageError
from transforms.records import Mark, Recording
from transforms.rows import SegmentRow, segment_row
from transforms.schemas import Table, schema_of

RECORDINGS = st.builds(
    lambda name, language, channel, crc32c, identity, size: Recording(
        audio_uri="/" + name,
        location=b"/" + name.encode(),
        language=language,
        channel=channel,
        expected_crc32c=crc32c,
        recording_id=identity,
        mark=Mark(size, "123"),
    ),
    st.text("abc é%", min_size=1, max_size=9).filter(lambda name: name == name.strip()),
    st.none() | st.sampled_from(["en", "zh"]),
    st.none() | st.integers(0, 9),
    st.none() | st.integers(0, 2**32 - 1),
    st.none() | st.sampled_from(["0815", "a"]),
    st.integers(0, 2**40),
)


def no_mark(location: bytes) -> Mark | None:
    raise AssertionError("its row told the mark")


@given(RECORDINGS)
def test_a_recording_is_the_same_after_its_row_went_through_a_shuffle(recording: Recording) -> None:
    coder = beam.coders.registry.get_coder(row_type_of(RecordingRow))
    arrived = coder.decode(coder.encode(row_of(recording_row(recording))))
    assert recording_of_row(arrived, b"/elsewhere", no_mark) == recording


def test_a_name_that_is_no_text_is_kept_in_bytes() -> None:
    recording = Recording("/a\\xff.wav", b"/a\xff.wav", mark=Mark(1, "2"))
    assert recording_of_row(row_of(recording_row(recording)), b"/", no_mark) == recording


def test_rows_of_others_need_an_address_only() -> None:
    recording = recording_of_row(beam.Row(audio="b.wav", topic="x"), b"/a", lambda _: Mark(3, "4"))
    assert recording == Recording("/a/b.wav", b"/a/b.wav", mark=Mark(3, "4"))
    with pytest.raises(ValueError, match="'audio' is None"):
        recording_of_row(beam.Row(path="b.wav"), b"/a", no_mark)


def test_a_segment_is_the_same_after_its_row_went_through_a_shuffle() -> None:
    values = segment_row(utterance_of("/a.wav"), "monday")
    coder = beam.coders.registry.get_coder(row_type_of(SegmentRow, without="audio"))
    arrived = coder.decode(coder.encode(row_of(values, without="audio")))
    assert table_row_of(arrived, Table.SEGMENTS, "another") == values


def test_rows_that_do_not_say_their_run_get_one() -> None:
    row = table_row_of(beam.Row(text="a"), Table.TRANSCRIPTS, "monday")
    assert (row["run_id"], row["text"], row["id"]) == ("monday", "a", None)
    assert list(row) == schema_of(Table.TRANSCRIPTS).names


def test_fields_are_compared_with_the_columns() -> None:
    check_fields([name for name in schema_of(Table.FAILURES).names if name != "run_id"], Table.FAILURES)
    with pytest.raises(UsageError, match=r"'mesage'. Did you mean message"):
        check_fields(["mesage"], Table.FAILURES)
