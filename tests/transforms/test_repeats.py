from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from transforms.records import Recording
from transforms.repeats import ROW_BYTES, address_digest, judge, packed

RECORDINGS = st.lists(
    st.builds(
        lambda name, channel, language, checksum: Recording(
            name.decode(), name, language=language, channel=channel, expected_crc32c=checksum
        ),
        st.sampled_from([b"/a.wav", b"/b.wav", b"/c.wav"]),
        st.none() | st.integers(0, 2) | st.just(9999),
        st.sampled_from([None, "en"]),
        st.sampled_from([None, 7]),
    ),
    max_size=12,
)


def repeated(recordings: list[Recording]) -> list[int]:
    """What the definition says, with everything in memory."""
    found, seen = [], set()
    for number, one in enumerate(recordings):
        if (one.location, one.channel) in seen or (one.channel is None and (one.location, "any") in seen):
            found.append(number)
        seen |= {(one.location, one.channel)} | (
            {(one.location, "any")} if one.channel is not None else set()
        )
    return found


def contradiction(recordings: list[Recording]) -> int | None:
    """Likewise."""
    for number, one in enumerate(recordings):
        others = [other for other in recordings[:number] if other.location == one.location and other != one]
        if any(other.channel == one.channel or None in (other.channel, one.channel) for other in others):
            return number
    return None


@given(recordings=RECORDINGS)
def test_finds_what_the_definition_says(recordings):
    rows = b"".join(packed(number, one) for number, one in enumerate(recordings))
    judged = judge(rows)
    assert judged.repeated.tolist() == repeated(recordings)
    assert judged.contradiction == contradiction(recordings)


def test_a_row_begins_with_the_digest_of_its_address():
    row = packed(5, Recording("/a.wav", b"/a.wav", channel=3))
    assert len(row) == ROW_BYTES
    assert row.startswith(address_digest(b"/a.wav"))


def test_numbers_of_a_hundred_million_rows_fit():
    one = Recording("/a.wav", b"/a.wav", channel=9999)
    judged = judge(packed(5, one) + packed(10**8, one))
    assert judged.repeated.tolist() == [10**8]
    assert judged.contradiction is None
