from __future__ import annotations

import pytest

from transforms.slips import did_you_mean, nearest


@pytest.mark.parametrize(
    ("word", "meant"), [("splitt", "split"), ("MIX", "mix"), ("mx", "mix"), ("mix", "mix"), ("stereo", None)]
)
def test_the_nearest_word_is_found_if_one_is_near(word, meant):
    assert nearest(word, ["mix", "split"]) == meant


def test_a_known_word_is_given_as_it_is_written():
    assert did_you_mean("silero", ["energy", "Silero"]) == " Did you mean Silero?"
    assert did_you_mean("xyz", ["energy", "Silero"]) == ""
    assert did_you_mean("xyz", []) == ""
