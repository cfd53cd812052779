from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from transforms.reading import NUMBERS, Reading, as_fields, of_fields

CODES = st.dictionaries(st.sampled_from(["InternalError", "RequestLimitExceeded"]), st.integers(1, 9))
READINGS = st.builds(
    Reading,
    **dict.fromkeys(NUMBERS, st.integers(0, 1000)),
    retries=CODES,
    failures=CODES,
    latency=st.dictionaries(st.integers(0, 60), st.integers(1, 9)),
)


@given(READINGS, READINGS)
def test_what_is_added_can_be_taken_away(first, second):
    assert (first + second) - second == first
    assert first + second == second + first


@given(READINGS)
def test_it_survives_being_written_down(reading):
    assert of_fields(json.loads(json.dumps(as_fields(reading)))) == reading


def test_names_that_are_not_known_are_passed_over_and_missing_ones_are_nothing():
    assert of_fields({"calls": 3, "of a later release": 4}) == Reading(calls=3)


def test_what_is_left_is_what_was_found_and_not_dealt_with():
    counts = Reading(
        recordings_found=20,
        recordings_skipped=4,
        recordings_still_failing=1,
        recordings_read=5,
        recordings_damaged=1,
        recordings_failed=3,
        recordings_not_started=2,
    )
    assert counts.recordings_left == 20 - 4 - 1 - 5 - 2 - 2
