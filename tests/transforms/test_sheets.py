from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.transforms.test_coders import RECORDINGS
from transforms.coders import RecordingCoder
from transforms.records import Mark, Recording
from transforms.sheets import packed, unpacked

CODER = RecordingCoder()


def listed(count: int) -> list[Recording]:
    return [
        Recording(uri, uri.encode(), mark=Mark(1_000_000 + number, f"{1795372011233228464 + number**3}"))
        for number in range(count)
        if (uri := f"/recordings/2024/05/17/call-{number:06d}.flac")
    ]


@given(st.lists(RECORDINGS, max_size=8))
def test_recordings_come_out_as_they_went_in(recordings: list[Recording]) -> None:
    sheets = packed(recordings * 30, CODER.encode)
    assert [each for sheet in sheets for each in unpacked(sheet, CODER.decode)] == recordings * 30


def test_the_first_go_alone_and_no_sheet_is_a_large_share() -> None:
    met = 0
    sizes = []
    for sheet in packed(listed(20_000), CODER.encode):
        sizes.append(len(list(unpacked(sheet, CODER.decode))))
        assert sizes[-1] == 1 or sizes[-1] * 64 <= met + sizes[-1]
        met += sizes[-1]
    assert met == 20_000
    assert set(sizes[:100]) == {1}
    assert max(sizes) == 256


def test_a_sheet_is_handed_on_before_the_listing_ends() -> None:
    taken = []
    recordings = iter(listed(10))
    sheets = packed((taken.append(each) or each for each in recordings), CODER.encode)
    assert [*unpacked(next(sheets), CODER.decode)] == taken == listed(1)


def test_many_alike_take_a_third_of_what_they_take_alone() -> None:
    recordings = listed(3000)
    alone = sum(len(CODER.encode(each)) for each in recordings)
    assert sum(map(len, packed(recordings, CODER.encode))) < alone / 3
